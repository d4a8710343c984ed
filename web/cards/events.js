// formInputs of the shown card in the form that events carry (addon protocol: commonEventObject.formInputs).
export const TEXT = "stringInputs";

function dateInput(kind, value) {
  if (!value) return null;
  if (kind === "DATE_ONLY") return { dateInput: { msSinceEpoch: String(Date.parse(`${value}T00:00:00Z`)) } };
  if (kind === "TIME_ONLY") {
    const [hours, minutes] = value.split(":").map(Number);
    return { timeInput: { hours, minutes } };
  }
  return { dateTimeInput: { msSinceEpoch: String(new Date(value).getTime()), hasDate: true, hasTime: true } };
}

export function formInputs(root) {
  const found = {};
  for (const control of root.querySelectorAll("[data-input]")) {
    const name = control.dataset.input;
    if (control.dataset.date) {
      const value = dateInput(control.dataset.date, control.value);
      if (value) found[name] = value;
      continue;
    }
    const choice = control.type === "checkbox" || control.type === "radio";
    if ((choice && !control.checked) || (!choice && control.value === "")) continue;
    const seen = Object.hasOwn(found, name) ? found[name] : (found[name] = { [TEXT]: { value: [] } });
    seen[TEXT].value.push(control.value);
  }
  return found;
}

export function parametersOf(action) {
  return Object.fromEntries((action.parameters ?? []).map(({ key, value }) => [key, value]));
}

export function missingWidgets(root, action) {
  const names = new Set([...root.querySelectorAll("[data-input]")].map((control) => control.dataset.input));
  const wanted = action.allWidgetsAreRequired ? [...names] : action.requiredWidgets ?? [];
  const given = formInputs(root);
  return wanted.filter((name) => names.has(name) && !given[name]);
}
