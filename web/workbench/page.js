// Small things that every part of the page uses: elements, words and what the person chose on top.
export const at = (id) => document.getElementById(id);

export function node(tag, name = "", text = undefined) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

export const CHOICES = ["player", "locale", "zone", "theme", "width"];
const KEPT = "workbench";
const catalogues = {};

export async function loadTexts() {
  const languages = ["en", "es", "pt"];
  const found = await Promise.all(languages.map(async (name) => (await fetch(`/static/workbench/texts/${name}.json`)).json()));
  languages.forEach((name, index) => (catalogues[name] = found[index]));
}

export function word(key, values = {}) {
  const text = catalogues[at("locale").value]?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const counted = (key, n) => word(`${key}.${n === 1 ? "one" : "other"}`, { n });

export function translate() {
  document.documentElement.lang = at("locale").value;
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = word(each.dataset.t);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
}

/** Choices of the last visit; what is not on offer any more is left as it is. */
export function restore() {
  const kept = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
  CHOICES.forEach((name, index) => {
    if ([...at(name).options].some((option) => option.value === kept[index])) at(name).value = kept[index];
  });
}

export function keep() {
  localStorage.setItem(KEPT, JSON.stringify(CHOICES.map((name) => at(name).value)));
}

export function announce(text) {
  at("announce").textContent = text;
}
