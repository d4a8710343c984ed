// Permissions: what the person has granted so far, and the sheet on which single ones are ticked.
import { at, node, word } from "./page.js";

const KEPT = "workbench.scopes";

export class Access {
  /** `scopes`: {url, feature, optional} of the add-on. Everything is granted until the person says otherwise. */
  constructor(scopes) {
    this.scopes = scopes;
    this.kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");
  }

  granted() {
    return this.kept[at("player").value] ?? this.scopes.map((scope) => scope.url);
  }

  set(urls) {
    this.kept[at("player").value] = this.scopes.map((scope) => scope.url).filter((url) => urls.includes(url));
    localStorage.setItem(KEPT, JSON.stringify(this.kept));
  }

  /** The consent sheet for `urls`; true when something was newly allowed. */
  async ask(urls) {
    const wanted = this.scopes.filter((scope) => urls.includes(scope.url));
    const ticked = await sheet("consent.title", "consent.hint", "allow", wanted, () => true);
    if (!ticked?.length) return false;
    this.set([...this.granted(), ...ticked]);
    return true;
  }

  /** The whole list; true when it was applied. */
  async edit() {
    const granted = this.granted();
    const ticked = await sheet("access", "access.hint", "apply", this.scopes, (scope) => granted.includes(scope.url));
    if (ticked) this.set(ticked);
    return ticked !== null;
  }
}

function row(scope, ticked) {
  const item = node("li");
  const label = node("label");
  const box = node("input");
  Object.assign(box, { type: "checkbox", value: scope.url, checked: ticked });
  label.append(box, node("span", "", word(`scope.${scope.feature}`)), node("small", "", scope.url.split("/auth/")[1] ?? scope.url));
  item.append(label);
  return item;
}

/** The ticked addresses, null when the person cancelled. */
function sheet(title, hint, yes, scopes, isTicked) {
  const dialog = at("consent");
  at("consent-title").textContent = word(title);
  at("consent-hint").textContent = word(hint);
  at("consent-yes").textContent = word(yes);
  at("consent-scopes").replaceChildren(...scopes.map((scope) => row(scope, isTicked(scope))));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener(
      "close",
      () => {
        const ticked = [...at("consent-scopes").querySelectorAll("input:checked")].map((box) => box.value);
        done(dialog.returnValue === "yes" ? ticked : null);
      },
      { once: true },
    );
  });
}
