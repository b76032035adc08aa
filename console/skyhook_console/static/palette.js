// The command palette: Ctrl+K or ⌘K, some letters, Enter. The server wrote where its entries lead.
const palette = document.querySelector("#palette");
if (palette) {
  const field = palette.querySelector("input");
  const options = [...palette.querySelectorAll("[role=option]")];
  const nothing = palette.querySelector("[data-nothing]");
  let active = 0;

  const shown = () => options.filter((option) => !option.hidden);
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const option of options) {
      const text = option.textContent.toLowerCase();
      option.hidden = !words.every((word) => text.includes(word));
    }
    const left = shown();
    nothing.hidden = left.length > 0;
    active = Math.max(0, Math.min(active, left.length - 1));
    for (const option of options) option.setAttribute("aria-selected", String(option === left[active]));
    field.setAttribute("aria-activedescendant", left[active]?.id ?? "");
    left[active]?.scrollIntoView({ block: "nearest" });
  };
  const go = (option) => {
    if (option) location.assign(option.dataset.address);
  };
  const open = () => {
    if (palette.open) return;
    field.value = "";
    active = 0;
    palette.showModal();
    show();
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.querySelector("[data-palette]").addEventListener("click", open);
  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
    go(event.target.closest("[role=option]"));
  });
  field.addEventListener("input", () => {
    active = 0;
    show();
  });
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      active = (active + step + shown().length) % Math.max(1, shown().length);
      show();
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(shown()[active]);
    }
  });
}
