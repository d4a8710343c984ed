// One function per widget kind of google.apps.card.v1; unknown kinds draw nothing, as in the sidebar.
import { iconNode } from "./icons.js";

export function el(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

let serial = 0;
const freshId = () => `gc${++serial}`;

function image(url, alt, view, name) {
  const node = el("img", name);
  node.src = view.host.image(url ?? "");
  node.alt = alt ?? "";
  return node;
}

function icon(given, view) {
  if (!given) return null;
  const box = el("span", given.imageType === "CIRCLE" ? "gc-icon gc-round" : "gc-icon");
  const drawn = given.knownIcon ? iconNode(given.knownIcon) : null;
  if (drawn) box.append(drawn);
  else if (given.iconUrl) box.append(image(given.iconUrl, given.altText, view, ""));
  else return null;
  return box;
}

function luminance({ red = 0, green = 0, blue = 0 }) {
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

export function button(given, view) {
  const kind = given.color ? "filled" : { FILLED: "filled", FILLED_TONAL: "tonal", BORDERLESS: "text" }[given.type] ?? "outlined";
  const node = el("button", `gc-button gc-${kind}`);
  node.type = "button";
  node.disabled = Boolean(given.disabled);
  if (given.color && !node.disabled) {
    const part = (value) => Math.round(255 * Math.min(Math.max(value ?? 0, 0), 1));
    node.style.backgroundColor = `rgb(${part(given.color.red)} ${part(given.color.green)} ${part(given.color.blue)})`;
    node.style.color = luminance(given.color) > 0.179 ? "#000" : "#fff";
  }
  const drawn = icon(given.icon, view);
  if (drawn) node.append(drawn);
  if (given.text) node.append(el("span", "gc-label", given.text));
  else node.classList.add("gc-icon-only");
  const name = given.text || given.altText || given.icon?.altText || given.icon?.knownIcon || "";
  if (!given.text) node.setAttribute("aria-label", name);
  else if (given.altText && given.altText.includes(given.text)) node.setAttribute("aria-label", given.altText);
  if (given.onClick?.overflowMenu) return view.menu(given.onClick.overflowMenu.items ?? [], view.key(node, name));
  node.addEventListener("click", () => view.click(given.onClick, node));
  return view.key(node, `button:${name}`);
}

function switchControl(given, label, view) {
  const box = el("input", given.controlType && given.controlType !== "SWITCH" ? "gc-check" : "gc-switch");
  box.type = "checkbox";
  if (box.className === "gc-switch") box.setAttribute("role", "switch");
  box.dataset.input = given.name ?? "";
  box.value = given.value || "on";
  box.checked = given.selected === true || given.selected === "true";
  box.setAttribute("aria-label", label);
  if (given.onChangeAction) box.addEventListener("change", () => view.act(given.onChangeAction, box, null));
  return view.key(box, `switch:${given.name}`);
}

function decoratedText(given, view) {
  const row = el("div", "gc-row");
  const start = icon(given.startIcon ?? given.icon, view);
  if (start) row.append(start);
  const main = el(given.onClick ? "button" : "div", given.onClick ? "gc-texts gc-clickable" : "gc-texts");
  if (given.onClick) {
    main.type = "button";
    main.addEventListener("click", () => view.click(given.onClick, main));
    view.key(main, `row:${given.text}`);
  }
  if (given.topLabel) main.append(view.rich(given.topLabel, el("span", "gc-top")));
  const text = view.rich(given.text ?? "", el("span", given.wrapText ? "gc-text gc-wrap" : "gc-text"));
  main.append(text);
  if (given.bottomLabel) main.append(view.rich(given.bottomLabel, el("span", "gc-bottom")));
  row.append(main);
  if (given.switchControl) row.append(switchControl(given.switchControl, [given.topLabel, text.textContent].filter(Boolean).join(" "), view));
  else if (given.button) row.append(button(given.button, view));
  else if (given.endIcon) row.append(icon(given.endIcon, view) ?? "");
  return row;
}

function described(node, hint, wrap) {
  if (!hint) return;
  const note = el("span", "gc-hint", hint);
  note.id = freshId();
  node.setAttribute("aria-describedby", note.id);
  wrap.append(note);
}

function textInput(given, view) {
  const wrap = el("div", "gc-field");
  const many = given.type === "MULTIPLE_LINE" && !given.initialSuggestions;
  const input = el(many ? "textarea" : "input", "gc-input");
  if (!many) input.type = "text";
  input.id = freshId();
  input.dataset.input = given.name;
  input.value = given.value ?? "";
  const rule = given.validation ?? {};
  if (rule.characterLimit) input.maxLength = rule.characterLimit;
  const mode = { INTEGER: "numeric", FLOAT: "decimal", EMAIL: "email" }[rule.inputType];
  if (mode) input.inputMode = mode;
  const label = el("label", "gc-field-label", given.label ?? given.name);
  label.htmlFor = input.id;
  wrap.append(label, input);
  described(input, given.hintText, wrap);
  if (given.initialSuggestions?.items?.length || given.autoCompleteAction) suggestions(given, input, wrap, view);
  if (given.onChangeAction) input.addEventListener("change", () => view.act(given.onChangeAction, input, null));
  view.key(input, `input:${given.name}`);
  return wrap;
}

function suggestions(given, input, wrap, view) {
  const list = el("datalist");
  list.id = freshId();
  input.setAttribute("list", list.id);
  const fill = (items) => list.replaceChildren(...items.map(({ text }) => Object.assign(el("option"), { value: text })));
  fill(given.initialSuggestions?.items ?? []);
  wrap.append(list);
  if (!given.autoCompleteAction) return;
  let timer;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const inputs = { [given.name]: { stringInputs: { value: [input.value] } } };
      const answer = await view.host.action(given.autoCompleteAction.function, {}, inputs).catch(() => null);
      if (answer?.autoComplete) fill(answer.autoComplete.items ?? []);
    }, 250);
  });
}

function selectionInput(given, view) {
  const changed = (node) => given.onChangeAction && node.addEventListener("change", () => view.act(given.onChangeAction, node, null));
  if (given.type === "DROPDOWN") return dropdown(given, view, changed);
  const group = el("fieldset", "gc-group");
  group.append(el("legend", "gc-field-label", given.label ?? given.name));
  const type = given.type === "RADIO_BUTTON" ? "radio" : "checkbox";
  const shared = freshId();
  for (const item of given.items ?? []) {
    const row = el("label", "gc-option");
    const box = el("input", given.type === "SWITCH" ? "gc-switch" : "gc-check");
    box.type = type;
    if (type === "radio") box.name = shared;
    box.dataset.input = given.name;
    box.value = item.value ?? "";
    box.checked = Boolean(item.selected);
    changed(box);
    row.append(view.key(box, `choice:${given.name}:${item.value}`), el("span", "", item.text ?? ""));
    group.append(row);
  }
  return group;
}

function dropdown(given, view, changed) {
  const wrap = el("div", "gc-field");
  const select = el("select", "gc-input gc-select");
  select.id = freshId();
  select.dataset.input = given.name;
  for (const item of given.items ?? []) {
    const option = el("option", "", item.text ?? "");
    option.value = item.value ?? "";
    option.selected = Boolean(item.selected);
    select.append(option);
  }
  changed(select);
  const label = el("label", "gc-field-label", given.label ?? given.name);
  label.htmlFor = select.id;
  wrap.append(label, view.key(select, `select:${given.name}`));
  described(select, given.hintText, wrap);
  return wrap;
}

function dateTimePicker(given, view) {
  const wrap = el("div", "gc-field");
  const kind = given.type ?? "DATE_AND_TIME";
  const input = el("input", "gc-input");
  input.type = { DATE_ONLY: "date", TIME_ONLY: "time" }[kind] ?? "datetime-local";
  input.id = freshId();
  input.dataset.input = given.name;
  input.dataset.date = kind;
  if (given.valueMsEpoch !== undefined) {
    const shown = new Date(Number(given.valueMsEpoch)).toISOString();
    input.value = { DATE_ONLY: shown.slice(0, 10), TIME_ONLY: shown.slice(11, 16) }[kind] ?? shown.slice(0, 16);
  }
  const label = el("label", "gc-field-label", given.label ?? given.name);
  label.htmlFor = input.id;
  if (given.onChangeAction) input.addEventListener("change", () => view.act(given.onChangeAction, input, null));
  wrap.append(label, view.key(input, `date:${given.name}`));
  return wrap;
}

function clickableImage(given, view) {
  const shown = image(given.imageUrl, given.altText, view, "gc-image");
  if (!given.onClick) return shown;
  const press = el("button", "gc-image-button");
  press.type = "button";
  press.append(shown);
  press.addEventListener("click", () => view.click(given.onClick, press));
  return view.key(press, `image:${given.altText}`);
}

function grid(given, view) {
  const wrap = el("div", "gc-field");
  if (given.title) wrap.append(el("span", "gc-field-label", given.title));
  const cells = el("div", "gc-grid");
  cells.style.setProperty("--gc-columns", String(given.columnCount || 2));
  for (const item of given.items ?? []) {
    const cell = el(given.onClick ? "button" : "div", "gc-cell");
    if (item.image?.imageUri) cell.append(image(item.image.imageUri, item.image.altText, view, "gc-image"));
    if (item.title) cell.append(el("span", "gc-text", item.title));
    if (item.subtitle) cell.append(el("span", "gc-bottom", item.subtitle));
    if (given.onClick) cell.addEventListener("click", () => view.click(given.onClick, cell));
    cells.append(view.key(cell, `cell:${item.id}`));
  }
  wrap.append(cells);
  return wrap;
}

function chipList(given, view) {
  const list = el("div", given.layout === "HORIZONTAL_SCROLLABLE" ? "gc-chips gc-scrolling" : "gc-chips");
  for (const chip of given.chips ?? []) {
    const node = button({ text: chip.label, icon: chip.icon, onClick: chip.onClick, disabled: chip.disabled, altText: chip.altText }, view);
    node.classList.add("gc-chip");
    list.append(node);
  }
  return list;
}

const KINDS = {
  textParagraph: (given, view) => view.rich(given.text ?? "", el("p", "gc-paragraph")),
  image: clickableImage,
  decoratedText,
  buttonList: (given, view) => {
    const list = el("div", "gc-buttons");
    list.append(...(given.buttons ?? []).map((each) => button(each, view)));
    return list;
  },
  textInput,
  selectionInput,
  dateTimePicker,
  divider: () => el("hr", "gc-divider"),
  grid,
  chipList,
  columns: (given, view) => {
    const row = el("div", "gc-columns");
    for (const column of given.columnItems ?? []) {
      const cell = el("div", "gc-column");
      cell.append(...(column.widgets ?? []).map((widget) => widgetNode(widget, view)).filter(Boolean));
      row.append(cell);
    }
    return row;
  },
};

export function widgetNode(widget, view) {
  const kind = Object.keys(widget).find((name) => Object.hasOwn(KINDS, name));
  if (!kind) return null;
  const node = KINDS[kind](widget[kind], view);
  node.classList.add("gc-widget");
  return node;
}
