// The steps of a change of plugins as they come. The stream goes on by itself in the process that a reload
// leads to; the page is loaded again where there is something to decide, or where it has ended.
const change = document.querySelector("[data-change]");
if (change) {
  const steps = change.querySelector("[data-steps]");
  const line = change.querySelector("[data-line]");
  const source = new EventSource(`${change.dataset.change}?after=${steps.children.length}`);
  source.addEventListener("step", (event) => {
    line.textContent = "";
    const step = document.createElement("li");
    step.textContent = JSON.parse(event.data);
    steps.append(step);
  });
  source.addEventListener("state", (event) => {
    line.textContent = "";
    if (event.data === change.dataset.state) return;
    source.close();
    location.reload();
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) line.textContent = "The connection was lost: load the page again.";
  };
  window.addEventListener("pagehide", () => source.close());
}
