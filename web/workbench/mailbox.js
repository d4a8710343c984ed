// The list of sample messages and the open message.
import { announce, at, node, word } from "./page.js";

export class Mailbox {
  /** `opened(mail)` is told when the person opens a message. */
  constructor(mails, opened) {
    this.mails = mails;
    this.opened = opened;
    this.open = null;
    at("mails").addEventListener("keydown", (event) => this.move(event));
  }

  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const rows = [...at("mails").querySelectorAll("button")];
    const next = rows[rows.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  draw() {
    const day = new Intl.DateTimeFormat(at("locale").value, { day: "numeric", month: "short", timeZone: at("zone").value });
    const focused = document.activeElement?.dataset?.id;
    at("mails").replaceChildren(...this.mails.map((mail) => this.row(mail, day)));
    if (focused) at("mails").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    if (this.open) this.message();
  }

  row(mail, day) {
    const item = node("li");
    const row = node("button");
    row.type = "button";
    row.dataset.id = mail.id;
    row.setAttribute("aria-current", String(mail.id === this.open?.id));
    const avatar = node("span", "avatar", initial(mail.name));
    avatar.setAttribute("aria-hidden", "true");
    avatar.style.setProperty("--hue", String(hue(mail.email)));
    row.append(avatar);
    for (const [name, text] of [["who", mail.name], ["when", day.format(new Date(mail.date))], ["what", mail.subject], ["snip", mail.snippet]]) {
      const part = node("span", name, text);
      part.dir = "auto";
      row.append(part);
    }
    row.addEventListener("click", () => this.choose(mail));
    item.append(row);
    return item;
  }

  choose(mail) {
    this.open = mail;
    at("empty").hidden = true;
    at("message").hidden = false;
    at("frame").style.colorScheme = mail.html ? "light" : "";
    at("frame").src = `/mail/${encodeURIComponent(mail.id)}`;
    for (const row of at("mails").querySelectorAll("button")) row.setAttribute("aria-current", String(row.dataset.id === mail.id));
    this.message();
    announce(word("opened", { who: mail.name }));
    this.opened(mail);
  }

  message() {
    const { subject, name, email, to, date } = this.open;
    const moment = new Intl.DateTimeFormat(at("locale").value, { timeZone: at("zone").value, dateStyle: "medium", timeStyle: "short" });
    at("subject").textContent = subject;
    at("from").textContent = name;
    at("email").textContent = `<${email}>`;
    at("receiver").textContent = word("to-me", { email: to });
    at("avatar").textContent = initial(name);
    at("avatar").style.setProperty("--hue", String(hue(email)));
    at("date").textContent = moment.format(new Date(date));
    at("date").dateTime = date;
    at("frame").title = subject;
  }

  close() {
    this.open = null;
    at("message").hidden = true;
    at("empty").hidden = false;
    for (const row of at("mails").querySelectorAll("button")) row.setAttribute("aria-current", "false");
  }
}

const initial = (name) => [...name.replace(/[^\p{L}\p{N}]/gu, "")][0]?.toUpperCase() ?? "?";
const hue = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
