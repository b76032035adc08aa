// Passkeys: the browser asks the device, and its answer goes with the form around the button.
const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// What the server wrote as text is bytes to the browser, and the other way round.
const decoded = (options) => {
  const known = (options.excludeCredentials ?? options.allowCredentials ?? []).map((one) => ({ ...one, id: toBytes(one.id) }));
  const publicKey = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) {
    return { publicKey: { ...publicKey, user: { ...options.user, id: toBytes(options.user.id) }, excludeCredentials: known } };
  }
  return { publicKey: { ...publicKey, allowCredentials: known } };
};
const encoded = ({ rawId, type, response }) => {
  const parts = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) parts[name] = toText(response[name]);
  }
  return JSON.stringify({ id: toText(rawId), rawId: toText(rawId), type, response: parts });
};
const WHY = {
  NotAllowedError: "Nothing was chosen, or it took too long. Try once more.",
  InvalidStateError: "This device has a passkey of yours already.",
  NotSupportedError: "This device cannot make a passkey that asks for you.",
  SecurityError: "Browsers know no passkeys of this address.",
};

const ask = async (address) => {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  const options = decoded(await answer.json());
  return options.publicKey.user ? navigator.credentials.create(options) : navigator.credentials.get(options);
};

for (const part of document.querySelectorAll("[data-passkey]")) {
  const [button, field, problem] = ["button", "input", "[role=alert]"].map((one) => part.querySelector(one));
  part.hidden = !window.PublicKeyCredential;
  // Enter in a field of a form that needs the passkey asks for it too.
  const isNeeded = !field.form.querySelector("button:not([type=button])");
  const start = async () => {
    if (isNeeded && !field.form.reportValidity()) return;
    problem.hidden = true;
    button.setAttribute("aria-busy", "true");
    try {
      field.value = encoded(await ask(part.dataset.passkey));
      field.disabled = false;
      field.form.submit();
    } catch (error) {
      problem.textContent = WHY[error.name] ?? "The server could not be asked. Load the page again.";
      problem.hidden = false;
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
  button.addEventListener("click", start);
  if (isNeeded) {
    field.form.addEventListener("submit", (event) => {
      event.preventDefault();
      start();
    });
  }
}
