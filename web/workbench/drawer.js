// The developer view: the last exchanges with requests, answers, problems, timing and the card stack.
import { at, counted, node, word } from "./page.js";

const KEPT = 20;
const TICKET = /([?&](?:ticket|code)=)[^&"\\]+/g;

export class Drawer {
  constructor() {
    this.exchanges = [];
    this.cards = [];
    for (const button of document.querySelectorAll("[data-copy]"))
      button.addEventListener("click", async () => {
        await navigator.clipboard?.writeText(at(button.dataset.copy).textContent).catch(() => {});
        button.textContent = word("copied");
      });
    this.draw();
  }

  /** `answer` is what the workbench said: {url, request, status, body, milliseconds, problems, error}. */
  record(answer) {
    this.exchanges = [answer, ...this.exchanges].slice(0, KEPT);
    this.shown = answer;
    this.draw();
  }

  stack(cards) {
    this.cards = cards;
    this.drawStack();
  }

  draw() {
    const shown = this.shown;
    at("exchanges").replaceChildren(...this.exchanges.map((one) => this.entry(one)));
    if (!this.exchanges.length) at("exchanges").append(node("li", "", word("nothing")));
    const problems = shown ? problemsOf(shown) : [];
    at("findings").replaceChildren(...problems.map((text) => node("li", "bad", text)));
    if (shown && !problems.length) at("findings").append(node("li", "good", word("none")));
    at("request").textContent = shown ? `POST ${shown.url ?? ""}\n${hidden(shown.request)}` : "";
    at("response").textContent = shown ? hidden(shown.body ?? shown.error) : "";
    at("timing").textContent = shown ? summary(shown) : "";
    for (const button of document.querySelectorAll("[data-copy]")) button.textContent = word("copy");
    this.drawStack();
  }

  entry(one) {
    const item = node("li");
    const button = node("button", "", `${(one.url ?? "").replace(/^.*\/(?=on\/|do\/)/, "")} · ${one.status ?? "–"} · ${one.milliseconds ?? "–"} ms`);
    button.type = "button";
    button.setAttribute("aria-pressed", String(one === this.shown));
    if (problemsOf(one).length) button.classList.add("bad");
    button.addEventListener("click", () => {
      this.shown = one;
      this.draw();
      at("exchanges").querySelector('[aria-pressed="true"]')?.focus();
    });
    item.append(button);
    return item;
  }

  drawStack() {
    at("stack").replaceChildren(...this.cards.map((card) => node("li", "", `${card.name ?? "–"} · ${card.header?.title ?? ""}`)));
  }
}

const problemsOf = (answer) => answer.problems ?? (answer.error ? [answer.error] : []);
const hidden = (value) => (JSON.stringify(value ?? null, null, 2) ?? "").replace(TICKET, "$1…");

function summary(answer) {
  const problems = problemsOf(answer).length;
  return `${answer.status ?? "–"} · ${answer.milliseconds ?? "–"} ms · ${problems ? counted("finding", problems) : word("none")}`;
}
