// One place where the add-on shows cards: sends real-shaped events through the server and draws what comes back.
import { CardView } from "/static/cards/card.js";
import { richText } from "/static/cards/richtext.js";
import { wordsOf } from "/static/cards/words.js";
import { at, word } from "./page.js";

const OWN = "workbench:";
const POPUP = "popup,width=420,height=700";

function offset(zone) {
  const now = new Date();
  const there = new Date(now.toLocaleString("en-US", { timeZone: zone }));
  return there - new Date(now.toLocaleString("en-US", { timeZone: "UTC" }));
}

/** A click or trigger that failed; `shown` is safe to show. */
class Refused extends Error {
  constructor(shown) {
    super(shown);
    this.shown = shown;
  }
}

export class Panel {
  /** `situation()`: {message} or {recipients}; `access`, `drawer` as their modules say; `hostApp(action)`, `mailTo(address)`. */
  constructor(root, { access, drawer, situation, hostApp = () => {}, mailTo = () => {} }) {
    Object.assign(this, { access, drawer, situation, hostApp, mailTo, target: "" });
    this.view = new CardView(root, this.host());
  }

  translate() {
    Object.assign(this.view.words, wordsOf(at("locale").value));
  }

  /** Show what the trigger `target` answers. */
  async open(target = this.target) {
    this.target = target;
    this.view.reset();
    this.view.busy(true);
    const turn = this.view.turn;
    const answer = await this.send(target).catch(() => ({ error: word("bench.away") }));
    if (turn !== this.view.turn) return;
    this.view.busy(false);
    if (answer.status !== 200) return this.problem(answer);
    const asked = scopesAsked(answer.body);
    if (asked) return this.askCard(asked);
    this.view.apply(answer.body);
  }

  async send(target, parameters = {}, formInputs = {}) {
    const zone = at("zone").value;
    const body = {
      target, parameters, formInputs, zone, player: at("player").value, locale: at("locale").value,
      offset: offset(zone), scopes: this.access.granted(), ...this.situation(),
    };
    const reply = await fetch("/api/event", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const answer = await reply.json();
    this.drawer.record(answer);
    return answer;
  }

  push(title, text, button, name) {
    const onClick = { action: { function: OWN + name } };
    const widgets = [{ textParagraph: { text } }, { buttonList: { buttons: [{ text: button, type: "FILLED_TONAL", onClick }] } }];
    this.view.apply({ action: { navigations: [{ pushCard: { name, header: { title }, sections: [{ widgets }] } }] } });
  }

  problem(answer) {
    if (answer.status === undefined) this.push(word("away.title"), word("away.text"), word("retry"), "again");
    else this.push(word("refused.title"), word("refused.text", { status: answer.status }), word("retry"), "again");
  }

  askCard(scopes) {
    this.asked = scopes;
    this.push(word("asks.title"), word("asks.text"), word("asks.review"), "review");
  }

  async review() {
    if (await this.access.ask(this.asked)) this.open();
    return {};
  }

  /** A click: sent again once when the person grants what the first answer asked for. */
  async act(target, parameters, inputs) {
    if (target === `${OWN}again`) return this.open();
    if (target === `${OWN}review`) return this.review();
    for (const again of [false, true]) {
      const answer = await this.send(target, parameters, inputs).catch(() => ({}));
      if (answer.status === undefined) throw new Refused(word("away.click"));
      if (answer.status !== 200) throw new Refused(word("refused.title"));
      const asked = scopesAsked(answer.body);
      if (!asked) return answer.body;
      if (again || !(await this.access.ask(asked))) break;
    }
    throw new Refused(word("access.denied"));
  }

  host() {
    return {
      richText,
      words: wordsOf(at("locale").value),
      image: (url) => (/^(https?:|data:image\/png)/.test(url) ? url : ""),
      stackChanged: (cards) => this.drawer.stack(cards),
      action: (target, parameters, inputs) => this.act(target, parameters, inputs),
      openWindow,
      point: (opened, url) => opened.location.replace(url),
      external: (url) => this.external(url),
      reload: () => this.open(),
      hostApp: (action) => this.hostApp(action),
    };
  }

  external(url) {
    const { protocol, pathname } = new URL(url);
    if (protocol === "mailto:") return this.mailTo(decodeURIComponent(pathname));
    const link = document.createElement("a");
    link.href = url;
    link.click();
    this.view.notify(word("tel", { number: decodeURIComponent(pathname) }));
  }
}

function openWindow(url, overlay) {
  const opened = window.open(url || "about:blank", "_blank", overlay ? POPUP : "");
  if (!opened) return null;
  if (!url) {
    opened.document.title = word("opening");
    opened.document.body.textContent = word("opening");
  }
  opened.opener = null;
  return opened;
}

const scopesAsked = (body) => (body?.requesting_google_scopes ?? body?.requestingGoogleScopes)?.scopes;
