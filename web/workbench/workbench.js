// The mail client on a laptop: joins list, message, sidebar, draft and developer view.
import { Access } from "./access.js";
import { Compose } from "./compose.js";
import { Drawer } from "./drawer.js";
import { Mailbox } from "./mailbox.js";
import { CHOICES, at, keep, loadTexts, node, restore, translate, word } from "./page.js";
import { Panel } from "./panel.js";

const HOMEPAGE = "/on/gmail.homepage";
const MESSAGE = "/on/gmail.message";
const NUMBERS = ["600", "601", "602", "603", "604", "605", "606", "607"];
const NARROW = matchMedia("(max-width: 699px)");

await loadTexts();
const cast = await (await fetch("/api/cast")).json();
at("player").replaceChildren(...cast.players.map((p) => Object.assign(node("option", "", `${p.name} · ${p.tenant}`), { value: p.sub })));
restore();
const access = new Access(cast.scopes);
const drawer = new Drawer();
const mailbox = new Mailbox(cast.mails, () => {
  pane("read");
  if (NARROW.matches) at("subject").focus();
  sidebar.open(MESSAGE);
});
const mailTo = (address) => compose.open(address);
const compose = new Compose({ access, drawer, mailTo });
const sidebar = new Panel(at("sidebar"), { access, drawer, mailTo, situation: () => (mailbox.open ? { message: mailbox.open.id } : {}) });

function pane(name) {
  at("panes").dataset.pane = name;
  for (const tab of at("tabs").children) tab.setAttribute("aria-pressed", String(tab.dataset.pane === name));
}

function numbers() {
  at("numbers").replaceChildren(...NUMBERS.flatMap((number) => [node("dt", "", number), node("dd", "", word(`number.${number}`))]));
}

function apply() {
  document.documentElement.style.colorScheme = at("theme").value;
  document.documentElement.style.setProperty("--side", `${at("width").value}px`);
  translate();
  numbers();
  sidebar.translate();
  mailbox.draw();
  drawer.draw();
  keep();
}

function home() {
  mailbox.close();
  sidebar.open(HOMEPAGE);
}

function options(open) {
  at("top").classList.toggle("open", open);
  at("options").setAttribute("aria-expanded", String(open));
}

for (const name of CHOICES)
  at(name).addEventListener("change", () => {
    apply();
    if (!["player", "locale", "zone"].includes(name)) return;
    compose.translate();
    sidebar.open();
  });
for (const tab of at("tabs").children) tab.addEventListener("click", () => pane(tab.dataset.pane));
at("see-side").addEventListener("click", () => {
  pane("side");
  at("side-pane").focus();
});
at("home").addEventListener("click", home);
at("again").addEventListener("click", () => sidebar.open());
at("options").addEventListener("click", () => options(!at("top").classList.contains("open")));
at("top").addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !at("top").classList.contains("open")) return;
  options(false);
  at("options").focus();
});
at("access").addEventListener("click", async () => {
  if (await access.edit()) sidebar.open();
});

apply();
compose.translate();
pane("list");
sidebar.open(HOMEPAGE);
