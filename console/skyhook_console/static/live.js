// The counter of the current hour, as its stream says; none while nobody looks at the page.
const live = document.querySelector("[data-live]");
if (live) {
  const state = live.querySelector("[data-live-state]");
  let source = null;
  const stop = (text) => {
    source?.close();
    source = null;
    live.classList.remove("on");
    state.textContent = text;
  };
  const start = () => {
    if (source || document.hidden) return;
    source = new EventSource(live.dataset.live);
    source.onmessage = (event) => {
      for (const [name, text] of Object.entries(JSON.parse(event.data))) {
        live.querySelector(`[data-live-${name}]`).textContent = text;
      }
      live.classList.add("on");
      if (state.textContent !== "live") state.textContent = "live";
    };
    source.addEventListener("ended", () => stop("ended: log in again"));
    source.onerror = () => {
      live.classList.remove("on");
      if (source.readyState === EventSource.CLOSED) stop("ended: load the page again");
      else state.textContent = "waiting for the server";
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? stop("paused") : start()));
  window.addEventListener("pagehide", () => stop("paused"));
  window.addEventListener("pageshow", start);
  start();
}
