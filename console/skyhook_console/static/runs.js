// Jobs and files: the slider between before and after, what is told to who listens, the size of pictures.
const compare = (range) => {
  range.closest(".compare").style.setProperty("--at", `${range.value}%`);
  range.setAttribute("aria-valuetext", `${range.value} percent of the picture before`);
};
document.addEventListener("input", (event) => {
  if (event.target.matches(".compare input")) compare(event.target);
});
// A part that is looked at again says what is new once, and not each time.
document.addEventListener("htmx:afterSettle", () => {
  const told = document.querySelector("#told"), news = document.querySelector("[data-told]");
  if (told && news && told.textContent !== news.dataset.told) told.textContent = news.dataset.told;
});
// Nor does it look while nobody looks at it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches("[data-told]")) event.preventDefault();
});
// Whoever was logged out while a page looked again is asked to log in.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (new URL(event.detail.xhr.responseURL).pathname === "/console/login") window.location.reload();
});
const measure = (picture) => {
  const place = picture.id && document.querySelector(`[data-pixels-of="${picture.id}"]`);
  if (place && picture.naturalWidth) place.textContent = `${picture.naturalWidth} × ${picture.naturalHeight}, `;
};
document.addEventListener("load", (event) => event.target.matches?.("img") && measure(event.target), true);
const measureAll = () => document.querySelectorAll(".picture img, .compare img").forEach(measure);
document.addEventListener("htmx:afterSettle", measureAll);
measureAll();
