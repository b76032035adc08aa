// The form of an example: from its fields to the variables of the document.
import { ask, reach, upload } from "./calls.js";

const FILES = `query Files($mediaType: String!) {
  artifacts(first: 20, mediaType: $mediaType) { edges { node { id name } } }
}`;

const fields = (form) => [...form.querySelectorAll("[data-kind]")];

const convert = {
  text: (text) => text,
  long: (text) => text,
  lines: (text) => text.split("\n").map((line) => line.trim()).filter(Boolean),
  choice: (text) => text,
  file: (text) => text,
  digits: (text) => {
    if (!/^-?\d+$/.test(text.trim())) throw new Error("Write a whole number.");
    return text.trim();
  },
  integer: (text) => {
    if (!Number.isInteger(Number(text))) throw new Error("Write a whole number.");
    return Number(text);
  },
  decimal: (text) => Number(text),
  json: (text) => {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`This is not JSON: ${error.message}.`);
    }
  },
};

/** What the form holds, as variables; says at each field what is wrong with it, and is null then. */
export function read(form) {
  const variables = {};
  let wrong = null;
  for (const field of fields(form)) {
    const { kind } = field.dataset;
    tell(form, field.name, "");
    if (kind === "yes") {
      variables[field.name] = field.checked;
      continue;
    }
    if (field.value === "" && !field.required) continue;
    try {
      if (field.validity.badInput) throw new Error("Write a number.");
      if (field.value === "" && kind !== "text" && kind !== "long") throw new Error("This is needed.");
      variables[field.name] = convert[kind](field.value);
    } catch (error) {
      tell(form, field.name, error.message);
      wrong ??= field;
    }
  }
  wrong?.focus();
  return wrong ? null : variables;
}

/** What the form holds as far as it can be understood, for snippets; says nothing. */
export function glimpse(form) {
  const variables = {};
  for (const field of fields(form)) {
    if (field.dataset.kind === "yes") variables[field.name] = field.checked;
    else if (field.dataset.accept && !field.value) variables[field.name] = "ARTIFACT_ID";
    else if (field.value !== "" || field.required) {
      try {
        variables[field.name] = convert[field.dataset.kind](field.value);
      } catch {
        variables[field.name] = field.value;
      }
    }
  }
  return variables;
}

/** Says what is wrong with a field, or with "" that nothing is; whether there is such a field. */
export function tell(form, name, text) {
  const place = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (!place) return false;
  const problem = place.querySelector("[data-problem]");
  const field = place.querySelector("[data-kind]");
  problem.textContent = text;
  problem.hidden = !text;
  problem.id = `${field.id}-problem`;
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  field.setAttribute("aria-describedby", text ? `${field.id}-hint ${problem.id}` : `${field.id}-hint`);
  return true;
}

const option = (artifact) => new Option(artifact.name, artifact.id);

async function offer(organization, select) {
  const variables = { mediaType: select.dataset.accept };
  for await (const { data } of ask(organization, FILES, variables)) {
    const found = data.artifacts.edges.map(({ node }) => option(node));
    const none = select.dataset.sample ? `A sample, ${select.dataset.sample}` : "None of your files fits: upload one";
    select.replaceChildren(...(found.length ? found : [new Option(none, "")]));
  }
}

/** Lets the fields for files be filled: with the latest ones that fit, and with what is uploaded. */
export function prepareFiles(form, changed) {
  const { organization } = form.dataset;
  for (const select of form.querySelectorAll("select[data-accept]")) {
    offer(organization, select)
      .catch((failure) => select.replaceChildren(new Option(failure.message, "")))
      .finally(changed);
  }
  for (const input of form.querySelectorAll("[data-upload]")) {
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (file) await store(form, document.getElementById(input.dataset.upload), file);
      changed();
    });
  }
}

/** Stores the samples of the fields for which no file is chosen. */
export async function storeSamples(form) {
  for (const select of form.querySelectorAll("select[data-sample]")) {
    if (select.value) continue;
    const response = await reach(`${location.pathname}/${select.name}`);
    if (response.ok) await store(form, select, new File([await response.blob()], select.dataset.sample));
  }
}

async function store(form, select, file) {
  select.setAttribute("aria-busy", "true");
  tell(form, select.name, "");
  try {
    const artifact = await upload(form.dataset.organization, file);
    select.prepend(option(artifact));
    for (const one of [...select.options]) if (!one.value) one.remove();
    select.value = artifact.id;
  } catch (failure) {
    tell(form, select.name, failure.message);
  }
  select.removeAttribute("aria-busy");
}
