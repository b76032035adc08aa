// The page of an example: runs what its form holds, shows what comes, and writes the same call down.
import { Answer, at, make } from "./answers.js";
import { ask } from "./calls.js";
import { glimpse, prepareFiles, read, storeSamples, tell } from "./form.js";
import { cancel, watch } from "./jobs.js";
import { curl, httpx } from "./snippets.js";

const find = (id) => document.getElementById(id);
const form = find("playground");
const { organization, kind, text, conversation, job } = form.dataset;
const source = find("document").textContent;
const answers = find("answers");
const composer = find("composer");
const run = find("run");
const stop = find("stop");
const earlier = JSON.parse(form.dataset.earlier);
let messages = [];
let way = "graphql";
let under = null; // what runs: how to end it

const NEAR = 40; // the end of a conversation, in pixels: who reads there is taken along
const isStream = kind === "subscription";
const mayRun = !run.disabled;

function busy(running) {
  under = running;
  run.disabled = !mayRun || running !== null;
  stop.hidden = running === null;
  answers.setAttribute("aria-busy", String(running !== null));
  if (composer) {
    find("again").hidden = running !== null || !messages.some(({ role }) => role === "assistant");
    find("clear").hidden = running !== null || messages.length === 0;
  }
}

/** Sends a call and shows its answer in a place; gives back the text where it is whole, else null. */
async function answerTo(variables, place) {
  const controller = new AbortController();
  const answer = new Answer(place, { text, isStream, isProse: Boolean(conversation) });
  const cut = isStream ? "Stopped. What had come until then is charged." : "Stopped. It costs nothing.";
  answer.element.scrollIntoView({ block: "nearest" });
  stop.textContent = job ? "Cancel the job" : "Stop";
  stop.disabled = false;
  busy({ end: () => controller.abort() });
  try {
    for await (const part of ask(organization, source, variables, { stream: isStream, signal: controller.signal })) {
      const isAtEnd = answers.scrollHeight - answers.scrollTop - answers.clientHeight < NEAR;
      answer.take(part);
      if (isAtEnd) answers.scrollTop = answers.scrollHeight;
    }
    if (job) {
      const { id } = at(answer.last, job);
      busy({ end: () => cancel(organization, id).catch((failure) => answer.fail(failure)) });
      await watch(answer, organization, id, controller.signal);
    }
    answer.end();
    return answer.text;
  } catch (failure) {
    if (failure.name === "AbortError") {
      answer.end(cut);
      return answer.text || null;
    }
    const name = failure.field.split(".").pop();
    if (name) tell(form, name, "This was refused: the answer says why.");
    if (answer.text) answer.end();
    answer.fail(failure);
    return null;
  } finally {
    busy(null);
    answer.element.scrollIntoView({ block: "nearest" });
  }
}

async function submit() {
  if (under || !mayRun) return;
  try {
    await storeSamples(form);
  } catch (failure) {
    answers.replaceChildren();
    new Answer(answers).fail(failure);
    return;
  }
  write();
  const variables = read(form);
  if (!variables) return;
  answers.replaceChildren();
  await answerTo(variables, answers);
}

/* Conversations: what was said before goes with each call. */
function said({ role, content }) {
  const turn = make("article", { className: `turn ${role}` }, make("h3", { className: "hidden", textContent: role }));
  if (content) turn.append(make("p", { className: "said", textContent: content }));
  return turn;
}

/** The conversation as the example has it, without its last message, which is to be sent. */
function begin() {
  messages = earlier.slice(0, -1);
  answers.replaceChildren(...messages.map(said));
  if (!messages.length) {
    const nothing = make("p", { className: "empty", textContent: "Nothing was said yet." });
    nothing.dataset.empty = "";
    answers.append(nothing);
  }
  busy(null);
}

async function say(content) {
  const variables = read(form);
  if (under || !mayRun || !variables || !content.trim()) return;
  for (const gone of answers.querySelectorAll("[data-empty], .failed")) gone.remove();
  const asked = said({ role: "user", content });
  const turn = said({ role: "assistant" });
  answers.append(asked, turn);
  const before = messages;
  messages = [...messages, { role: "user", content }];
  find("say").value = "";
  const answer = await answerTo({ ...variables, [conversation]: messages }, turn);
  if (answer === null) {
    // It was not answered: what was written is there to be sent again.
    messages = before;
    asked.remove();
    turn.classList.add("failed");
    find("say").value = content;
  } else {
    messages = [...messages, { role: "assistant", content: answer }];
  }
  busy(null);
  write();
  find("say").focus();
}

async function again() {
  if (!read(form)) return;
  for (const failed of answers.querySelectorAll(".failed")) failed.remove();
  const last = messages.findLastIndex(({ role }) => role === "user");
  const { content } = messages[last];
  const draft = find("say").value;
  messages = messages.slice(0, last);
  for (const turn of [...answers.children].slice(-2)) turn.remove();
  await say(content);
  if (draft) find("say").value = draft;
}

function clear() {
  begin();
  write();
  find("say").focus();
}

/** The messages of the call that comes next, or of the last one while nothing is written. */
function next() {
  const content = find("say").value;
  const last = messages.findLastIndex(({ role }) => role === "user");
  if (content || last < 0) return [...messages, { role: "user", content: content || earlier.at(-1).content }];
  return messages.slice(0, last + 1);
}

/* The same call, written down. */
function write() {
  const variables = glimpse(form);
  if (conversation) variables[conversation] = next();
  const address = `${location.origin}/graphql`;
  const call = { address, document: source, variables, kind, text, job };
  find("document").textContent = { graphql: source, curl: curl(call), python: httpx(call) }[way];
  const json = JSON.stringify(variables, null, 2);
  find("variables").hidden = way !== "graphql" || json === "{}";
  find("variables").querySelector("code").textContent = json;
  const query = new URLSearchParams({ organization, query: source, variables: json });
  find("graphiql").href = `/graphql?${query}`;
  for (const copy of document.querySelectorAll("[data-copy]")) copy.textContent = "Copy";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!conversation) submit();
});
form.addEventListener("input", write);
form.addEventListener("reset", () => setTimeout(write));
stop.addEventListener("click", () => {
  stop.disabled = true;
  under?.end();
});
for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    way = button.dataset.show;
    for (const other of document.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", String(other === button));
    write();
  });
}
document.addEventListener("keydown", (event) => {
  const isRun = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  const isSend = event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.id === "say";
  if (!isRun && !isSend) return;
  event.preventDefault();
  if (composer) say(find("say").value);
  else submit();
});
if (composer) {
  begin();
  find("say").value = earlier.at(-1).content;
  find("say").addEventListener("input", write);
  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    say(find("say").value);
  });
  find("again").addEventListener("click", again);
  find("clear").addEventListener("click", clear);
}
prepareFiles(form, write);
write();
