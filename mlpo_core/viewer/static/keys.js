"use strict";
// Keys and filters; what models wrote is never touched here.

const items = [...document.querySelectorAll("[data-item]")];
const help = document.getElementById("help");

function move(step) {
  const now = items.indexOf(document.activeElement?.closest("[data-item]"));
  const next = items[Math.min(items.length - 1, Math.max(0, now < 0 ? (step > 0 ? 0 : items.length - 1) : now + step))];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function follow(rel) {
  document.querySelector(`a[rel="${rel}"]`)?.click();
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  n: () => follow("next"),
  p: () => follow("prev"),
  u: () => follow("up"),
  "/": () => (document.querySelector("[data-search]") ?? document.querySelector("[data-filters] select"))?.focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  if (event.target.closest("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", () => help.showModal());

for (const form of document.querySelectorAll("[data-filters]")) {
  // An address names what was chosen, and nothing else.
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
}

document.documentElement.dataset.keys = "heard";
