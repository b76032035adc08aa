// Tells when the network or the server is away, and keeps forms from being sent then: what was typed stays.
const banner = document.querySelector("#connection");
const tell = (text, isOld = false) => {
  banner.replaceChildren(text);
  if (!isOld) return;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Load the page again";
  again.addEventListener("click", () => location.reload());
  banner.append(again);
};
const OFFLINE = "You are offline. What you typed stays here; send it when you are back.";
const AWAY = "The server could not be reached. Nothing was sent; try again in a moment.";
const BROKE = "Something broke on the server. Try again in a moment.";

const holdBack = (event) => {
  if (navigator.onLine || event.defaultPrevented) return;
  event.preventDefault();
  tell(OFFLINE);
};
if (!navigator.onLine) tell(OFFLINE);
window.addEventListener("offline", () => tell(OFFLINE));
window.addEventListener("online", () => tell(""));
document.addEventListener("submit", holdBack);
document.addEventListener("htmx:beforeRequest", holdBack);
document.addEventListener("htmx:sendError", () => tell(navigator.onLine ? AWAY : OFFLINE));
document.addEventListener("htmx:timeout", () => tell(AWAY));
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) tell("");
});
// The page of an error says what to do; that of a proxy does not.
document.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
  const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const said = page.querySelector("#error")?.textContent;
  if (said || xhr.status >= 500) tell(said ?? BROKE, xhr.status === 401 || xhr.status === 403);
});
