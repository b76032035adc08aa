// The exact numbers of a chart's day: under the pointer, or chosen with the arrow keys.
const readout = (chart, number) => {
  const days = [...chart.querySelectorAll(".day")];
  const at = Math.max(0, Math.min(days.length - 1, number));
  days.forEach((day, other) => day.classList.toggle("active", other === at));
  const text = days[at]?.querySelector("title").textContent ?? "";
  chart.querySelector("output").textContent = text;
  const svg = chart.querySelector("svg");
  svg.setAttribute("aria-valuenow", String(at + 1));
  svg.setAttribute("aria-valuetext", text);
  chart.dataset.at = String(at);
};
const prepare = (chart) => {
  const svg = chart.querySelector("svg");
  const days = chart.querySelectorAll(".day").length;
  if (!svg || svg.tabIndex === 0) return;
  svg.tabIndex = 0;
  svg.setAttribute("role", "slider");
  svg.setAttribute("aria-valuemin", "1");
  svg.setAttribute("aria-valuemax", String(days));
  readout(chart, days - 1);
};
const prepareAll = () => document.querySelectorAll("[data-chart]").forEach(prepare);
document.addEventListener("pointerover", (event) => {
  const day = event.target.closest?.("[data-chart] .day");
  if (day) readout(day.closest("[data-chart]"), [...day.parentNode.querySelectorAll(".day")].indexOf(day));
});
document.addEventListener("keydown", (event) => {
  const chart = event.target.closest?.("[data-chart]");
  if (!chart) return;
  const at = Number(chart.dataset.at);
  const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: Infinity }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  readout(chart, to);
});
// A day that is written is the time that is asked for.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-day]")) event.target.form.elements.period.value = "days";
}, true);
document.addEventListener("htmx:load", prepareAll);
prepareAll();
