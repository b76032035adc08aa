// Copy buttons, confirmations, menus that close, and tabs in sight: all that pages need beside HTMX.
for (const tab of document.querySelectorAll(".tabs [aria-current], .sub [aria-current]")) {
  const tabs = tab.parentElement;
  tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - tab.offsetWidth) / 2;
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent.trim());
    button.textContent = "Copied";
    return;
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
// A key that may do everything needs no other scope.
const everything = document.querySelector("[data-everything]");
if (everything) {
  const others = [...document.querySelectorAll("input[name=scopes]")].filter((box) => box !== everything);
  const show = () => others.forEach((box) => { box.disabled = everything.checked; });
  everything.addEventListener("change", show);
  show();
}
