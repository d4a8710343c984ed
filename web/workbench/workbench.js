// The mail client on a laptop: sends real-shaped events through the server and draws what the add-on answers.
import { CardView } from "/static/cards/card.js";
import { richText } from "/static/cards/richtext.js";
import { TEXTS } from "./texts.js";

const at = (id) => document.getElementById(id);
const state = { cast: null, mail: null, draft: false, root: "/on/gmail.homepage", scopes: null };
const settings = ["player", "locale", "zone", "theme", "width"];
const word = (key) => TEXTS[at("locale").value][key] ?? key;

function node(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

function translate() {
  document.documentElement.lang = at("locale").value;
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = word(each.dataset.t);
  for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", word(each.dataset.label));
  Object.assign(view.words, TEXTS[at("locale").value]);
}

function offset(zone) {
  const now = new Date();
  const there = new Date(now.toLocaleString("en-US", { timeZone: zone }));
  const utc = new Date(now.toLocaleString("en-US", { timeZone: "UTC" }));
  return there - utc;
}

async function send(target, parameters = {}, formInputs = {}) {
  const zone = at("zone").value;
  const body = { target, player: at("player").value, locale: at("locale").value, zone, offset: offset(zone), parameters, formInputs };
  if (state.scopes) body.scopes = state.scopes;
  if (state.mail) body.message = state.mail.id;
  else if (state.draft) body.recipients = at("to").value.split(/[,;\s]+/).filter(Boolean);
  const reply = await fetch("/api/event", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const answer = await reply.json();
  inspect(answer);
  return answer;
}

function inspect(answer) {
  at("request").textContent = `POST ${answer.url ?? ""}\n${JSON.stringify(answer.request ?? {}, null, 2)}`;
  at("response").textContent = JSON.stringify(answer.body ?? answer.error ?? null, null, 2);
  const problems = answer.problems ?? [answer.error ?? ""];
  at("findings").replaceChildren(...(problems.length ? problems : [word("none")]).map((text) => node("li", problems.length ? "bad" : "good", text)));
  at("timing").textContent = `${answer.status ?? "–"} · ${answer.milliseconds ?? "–"} ms · ${problems.length ? word("finding").replace("{n}", problems.length) : word("none")}`;
}

function problem(text) {
  view.apply({ action: { navigations: [{ pushCard: { header: { title: text }, sections: [] } }] } });
}

async function open(target) {
  state.root = target;
  view.reset();
  const turn = view.turn;
  view.busy(true);
  let answer;
  try {
    answer = await send(target);
  } catch {
    answer = { error: word("away") };
  }
  if (turn !== view.turn) return;
  view.busy(false);
  if (answer.error) return problem(word("away"));
  if (answer.status !== 200) return problem(`${word("refused")} (${answer.status})`);
  const asked = answer.body?.requesting_google_scopes ?? answer.body?.requestingGoogleScopes;
  if (asked) return grant();
  view.apply(answer.body?.custom_authorization_prompt ?? answer.body);
}

function grant() {
  const onClick = { action: { function: "grant" } };
  view.apply({ action: { navigations: [{ pushCard: { header: { title: word("asks") }, sections: [{ widgets: [{ buttonList: { buttons: [{ text: word("grant"), type: "FILLED", onClick }] } }] }] } }] } });
}

const host = {
  richText,
  words: {},
  image: (url) => (/^(https?:|data:image\/png)/.test(url) ? url : ""),
  openWindow(url, overlay) {
    const opened = window.open(url || "about:blank", "_blank", overlay ? "popup,width=420,height=680" : "");
    if (opened) opened.opener = null;
    return opened;
  },
  point: (opened, url) => opened.location.replace(url),
  reload: () => open(state.root),
  hostApp(action) {
    const inserts = action.gmailAction?.updateDraftActionMarkup?.updateBody?.insertContents ?? [];
    const box = document.createElement("div");
    for (const insert of inserts) richText(insert.content.replace(/<br\s*\/?>/g, "\n"), box);
    for (const line of box.querySelectorAll("br")) line.replaceWith("\n");
    at("draft-text").setRangeText(box.textContent, at("draft-text").selectionStart, at("draft-text").selectionEnd, "end");
  },
  async action(target, parameters, inputs) {
    if (target === "grant") {
      state.scopes = null;
      open(state.root);
      return {};
    }
    const answer = await send(target, parameters, inputs);
    if (answer.status !== 200) throw new Error(answer.error ?? String(answer.status));
    if (answer.body?.requesting_google_scopes) grant();
    return answer.body;
  },
};
const view = new CardView(at("sidebar"), host);

function pane(name) {
  at("panes").dataset.pane = name;
  for (const tab of at("tabs").children) tab.setAttribute("aria-pressed", String(tab.dataset.pane === name));
}

function show(mail) {
  Object.assign(state, { mail, draft: false });
  at("draft").hidden = true;
  at("empty").hidden = true;
  at("message").hidden = false;
  at("subject").textContent = mail.subject;
  at("from").textContent = mail.name;
  at("email").textContent = `<${mail.email}>`;
  at("avatar").textContent = [...mail.name][0].toUpperCase();
  at("date").textContent = new Date(mail.date).toLocaleString(at("locale").value, { timeZone: at("zone").value, dateStyle: "medium", timeStyle: "short" });
  at("frame").title = mail.subject;
  at("frame").src = `/mail/${encodeURIComponent(mail.id)}`;
  for (const row of at("mails").querySelectorAll("button")) row.setAttribute("aria-current", String(row.dataset.id === mail.id));
  pane("read");
  open("/on/gmail.message");
}

function list() {
  const day = new Intl.DateTimeFormat(at("locale").value, { day: "numeric", month: "short" });
  at("mails").replaceChildren(
    ...state.cast.mails.map((mail) => {
      const item = document.createElement("li");
      const row = node("button", "", "");
      row.type = "button";
      row.dataset.id = mail.id;
      for (const [name, text] of [["who", mail.name], ["when", day.format(new Date(mail.date))], ["what", mail.subject], ["snip", mail.snippet]]) {
        const part = node("span", name, text);
        part.dir = "auto";
        row.append(part);
      }
      row.addEventListener("click", () => show(mail));
      item.append(row);
      return item;
    }),
  );
}

function apply() {
  document.documentElement.style.colorScheme = at("theme").value;
  at("sidebar").style.colorScheme = at("theme").value;
  document.documentElement.style.setProperty("--side", `${at("width").value}px`);
  translate();
  localStorage.setItem("workbench", JSON.stringify(settings.map((name) => at(name).value)));
}

function home() {
  Object.assign(state, { mail: null, draft: false });
  open("/on/gmail.homepage");
}

async function start() {
  state.cast = await (await fetch("/api/cast")).json();
  at("player").replaceChildren(...state.cast.players.map((p) => Object.assign(node("option", "", `${p.name} · ${p.tenant}`), { value: p.sub })));
  const kept = JSON.parse(localStorage.getItem("workbench") ?? "[]");
  settings.forEach((name, index) => { if ([...at(name).options].some((o) => o.value === kept[index])) at(name).value = kept[index]; });
  apply();
  list();
  pane("list");
  for (const name of settings)
    at(name).addEventListener("change", () => {
      apply();
      list();
      if (["player", "locale", "zone"].includes(name)) open(state.root);
    });
  for (const tab of at("tabs").children) tab.addEventListener("click", () => pane(tab.dataset.pane));
  at("home").addEventListener("click", home);
  at("again").addEventListener("click", () => open(state.root));
  at("compose").addEventListener("click", () => {
    Object.assign(state, { mail: null, draft: true });
    at("message").hidden = true;
    at("empty").hidden = true;
    at("draft").hidden = false;
    pane("read");
    open("/on/gmail.compose");
  });
  at("close-draft").addEventListener("click", () => {
    at("draft").hidden = true;
    at("empty").hidden = false;
    home();
  });
  open("/on/gmail.homepage");
}
start();
