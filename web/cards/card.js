// Draws Google Card JSON (google.apps.card.v1) and keeps the navigation stack of one sidebar.
import { formInputs, missingWidgets, parametersOf } from "./events.js";
import { iconNode } from "./icons.js";
import { safeUrl } from "./richtext.js";
import { el, widgetNode } from "./widgets.js";
import { WORDS } from "./words.js";

const CLOSED_POLL_MS = 500;
const NOTICE_MS = 6000;
const TYPED = "input[type=text][data-input], textarea[data-input]";

export class CardView {
  /**
   * `host`: action(fn, parameters, inputs) -> answer, openWindow(url, overlay) -> handle or null, point(handle, url),
   * external(url) for tel: and mailto:, image(url), reload(), richText(text, node), stackChanged(cards), words.
   */
  constructor(root, host) {
    this.host = host;
    this.words = { ...WORDS.en, ...host.words };
    this.entries = [];
    this.turn = 0;
    this.body = el("div", "gc-stack");
    this.live = el("div", "gc-live");
    this.live.setAttribute("aria-live", "polite");
    this.snack = el("div", "gc-snack");
    this.snack.setAttribute("role", "status");
    this.bar = el("div", "gc-progress");
    root.classList.add("gc-root");
    root.tabIndex = -1;
    root.replaceChildren(this.bar, this.body, this.snack, this.live);
    this.root = root;
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.closeMenus() && event.stopPropagation());
    document.addEventListener("click", (event) => !event.target.closest?.(".gc-menu") && this.closeMenus(false));
  }

  get stack() {
    return this.entries.map((entry) => entry.card);
  }

  get card() {
    return this.entries[this.entries.length - 1]?.card;
  }

  reset() {
    this.turn += 1;
    this.entries = [];
    this.busy(false);
    this.unblock();
    if (this.body.contains(document.activeElement)) this.root.focus({ preventScroll: true });
    this.show(this.skeleton(), null);
  }

  skeleton() {
    const shell = el("div", "gc-skeleton");
    shell.setAttribute("aria-hidden", "true");
    shell.append(...Array.from({ length: 6 }, () => el("span")));
    return shell;
  }

  apply(answer) {
    const actions = answer?.renderActions ?? answer ?? {};
    const action = actions.action ?? {};
    if (action.navigations) this.navigate(action.navigations);
    if (action.notification?.text) this.notify(action.notification.text);
    if (action.link?.url) this.openLink(action.link);
    if (actions.hostAppAction) this.host.hostApp?.(actions.hostAppAction);
  }

  navigate(steps) {
    const top = this.entries[this.entries.length - 1];
    if (top) this.leave(top);
    for (const step of steps) {
      if (step.pushCard) this.entries.push({ card: step.pushCard });
      else if (step.updateCard) this.replace(step.updateCard);
      else if (step.pop && this.entries.length > 1) this.entries.pop();
      else if (step.popToRoot) this.entries.length = Math.min(this.entries.length, 1);
      else if (step.popToCard) {
        const at = this.entries.findLastIndex((entry) => entry.card.name === step.popToCard);
        if (at >= 0) this.entries.length = at + 1;
      }
    }
    this.enter();
    this.host.stackChanged?.(this.stack);
  }

  /** The new card in place of the top one; what was typed, unfolded and focused there is carried over. */
  replace(card) {
    const before = this.entries.pop();
    this.entries.push({ card, before: before?.node, focus: before?.focus, scroll: before?.scroll });
  }

  leave(entry) {
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    entry.focus = focused?.dataset.key ?? "";
    entry.scroll = entry.node?.querySelector(".gc-scroll")?.scrollTop ?? 0;
  }

  enter() {
    const entry = this.entries[this.entries.length - 1];
    if (!entry) return this.show(el("div"), null);
    const hadFocus = this.root.contains(document.activeElement);
    if (!entry.node) {
      entry.node = this.draw(entry.card);
      if (entry.before) carry(entry.before, entry.node);
      delete entry.before;
    }
    this.show(entry.node, entry.card);
    const scroll = entry.node.querySelector(".gc-scroll");
    scroll.scrollTop = entry.scroll ?? 0;
    if (!hadFocus) return;
    const again = entry.focus && [...entry.node.querySelectorAll("[data-key]")].find((node) => node.dataset.key === entry.focus);
    (again && !again.disabled ? again : scroll).focus({ preventScroll: !again });
  }

  show(node, card) {
    this.body.replaceChildren(node);
    if (card) this.live.textContent = card.header?.title ?? "";
  }

  draw(card) {
    this.keys = new Map();
    const deep = this.entries.length > 1;
    const shell = el("div", "gc-card");
    const head = this.header(card, deep);
    const scroll = el("div", "gc-scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", card.header?.title || card.name || "card");
    for (const section of card.sections ?? []) scroll.append(this.section(section, card));
    shell.append(...(head ? [head] : []), scroll);
    if (card.fixedFooter) shell.append(this.footer(card.fixedFooter));
    return shell;
  }

  key(node, name) {
    const count = (this.keys.get(name) ?? 0) + 1;
    this.keys.set(name, count);
    node.dataset.key = `${name}#${count}`;
    return node;
  }

  header(card, deep) {
    const header = card.header;
    if (!header && !deep && !card.cardActions?.length) return null;
    const bar = el("div", "gc-header");
    if (deep) bar.append(this.iconButton("back", this.words.back, () => this.back()));
    if (header?.imageUrl) {
      const image = el("img", header.imageType === "CIRCLE" ? "gc-avatar gc-round" : "gc-avatar");
      image.src = this.host.image(header.imageUrl);
      image.alt = header.imageAltText ?? "";
      bar.append(image);
    }
    const titles = el("div", "gc-titles");
    titles.append(el("h2", header?.subtitle ? "gc-title" : "gc-title gc-two", header?.title ?? ""));
    if (header?.subtitle) titles.append(el("p", "gc-subtitle", header.subtitle));
    bar.append(titles);
    if (card.cardActions?.length) bar.append(this.menu(card.cardActions.map((a) => ({ text: a.actionLabel, onClick: a.onClick }))));
    return bar;
  }

  back() {
    this.turn += 1;
    this.busy(false);
    this.navigate([{ pop: true }]);
  }

  iconButton(icon, label, act) {
    const button = el("button", "gc-icon-button");
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.append(iconNode(icon));
    button.addEventListener("click", act);
    return this.key(button, label);
  }

  menu(items, opener) {
    const wrap = el("div", "gc-menu");
    const button = opener ?? this.iconButton("more", this.words.more, () => {});
    const list = el("div", "gc-menu-list");
    list.hidden = true;
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      list.hidden = !list.hidden;
      button.setAttribute("aria-expanded", String(!list.hidden));
      if (!list.hidden) list.querySelector("button:not([disabled])")?.focus();
    });
    for (const item of items) {
      const entry = el("button", "gc-menu-item", item.text);
      entry.type = "button";
      entry.disabled = Boolean(item.disabled);
      entry.addEventListener("click", () => {
        this.closeMenus();
        this.click(item.onClick, entry);
      });
      list.append(this.key(entry, `menu:${item.text}`));
    }
    wrap.append(button, list);
    return wrap;
  }

  closeMenus(focus = true) {
    const open = [...this.root.querySelectorAll(".gc-menu-list:not([hidden])")];
    for (const list of open) {
      list.hidden = true;
      list.previousSibling.setAttribute("aria-expanded", "false");
      if (focus) list.previousSibling.focus();
    }
    return open.length > 0;
  }

  section(section, card) {
    const node = el("section", card.sectionDividerStyle === "NO_DIVIDER" ? "gc-section gc-plain" : "gc-section");
    if (section.header) node.append(this.rich(section.header, el("h3", "gc-section-header")));
    const widgets = (section.widgets ?? []).map((widget) => widgetNode(widget, this)).filter(Boolean);
    node.append(...widgets);
    const visible = section.uncollapsibleWidgetsCount ?? 0;
    if (section.collapsible && widgets.length > visible) node.append(this.collapse(widgets.slice(visible)));
    return node;
  }

  collapse(rest) {
    const button = el("button", "gc-collapse");
    button.type = "button";
    const label = el("span", "");
    button.append(label, iconNode("expand"));
    const show = (open) => {
      for (const widget of rest) widget.hidden = !open;
      label.textContent = open ? this.words.showLess : this.words.showMore;
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => show(rest[0].hidden));
    show(false);
    return this.key(button, "collapse");
  }

  footer(fixed) {
    const bar = el("div", "gc-footer");
    for (const [button, primary] of [[fixed.primaryButton, true], [fixed.secondaryButton, false]])
      if (button) bar.append(widgetNode({ buttonList: { buttons: [primary && !button.color ? { ...button, type: "FILLED" } : button] } }, this));
    return bar;
  }

  rich(text, into) {
    return this.host.richText(String(text), into);
  }

  async click(onClick, control) {
    if (!onClick) return;
    if (onClick.openLink) this.openLink(onClick.openLink);
    else if (onClick.card) this.navigate([{ pushCard: onClick.card }]);
    else if (onClick.action) await this.act(onClick.action, control);
    else if (onClick.openDynamicLinkAction) await this.act(onClick.openDynamicLinkAction, control, true);
  }

  /** Runs an action; `dynamic` opens the window now, at the click, and points it at the link of the answer. */
  async act(action, control, dynamic = false) {
    if (this.root.getAttribute("aria-busy") === "true") return;
    const missing = missingWidgets(this.body, action);
    if (missing.length) return this.complain(missing);
    const opened = dynamic ? this.host.openWindow("", false) : null;
    if (dynamic && !opened) return this.notify(this.words.blocked);
    const turn = ++this.turn;
    this.busy(action.loadIndicator !== "NONE", control);
    let answer;
    try {
      answer = await this.host.action(action.function, parametersOf(action), formInputs(this.body));
    } catch (error) {
      opened?.close();
      if (turn !== this.turn) return;
      this.busy(false, control);
      return this.notify(error.shown ?? this.words.failed);
    }
    if (turn !== this.turn) return opened?.close();
    this.busy(false, control);
    this.apply(opened ? this.pointed(opened, answer) : answer);
  }

  /** The answer without the link that the open window has taken. */
  pointed(opened, answer) {
    const url = safeUrl(answer?.renderActions?.action?.link?.url);
    if (!url) {
      opened.close();
      return answer;
    }
    this.host.point(opened, url);
    const { link, ...rest } = answer.renderActions.action;
    return { ...answer, renderActions: { ...answer.renderActions, action: rest } };
  }

  complain(names) {
    for (const control of this.body.querySelectorAll("[data-input]")) {
      if (names.includes(control.dataset.input)) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    this.notify(this.words.required);
    this.body.querySelector("[aria-invalid]")?.focus();
  }

  openLink(link) {
    const url = safeUrl(link.url);
    if (!url) return;
    if (!/^https?:/.test(url)) return this.host.external?.(url);
    const overlay = link.openAs === "OVERLAY";
    const opened = this.host.openWindow(url, overlay);
    if (!opened) return this.notify(this.words.blocked);
    if (link.onClose === "RELOAD") this.awaitClose(opened, overlay);
  }

  /** Reloads when `opened` is closed; an overlay holds the card meanwhile, as a dialog would. */
  awaitClose(opened, overlay) {
    if (overlay) this.block(opened);
    clearInterval(this.closing);
    this.closing = setInterval(() => {
      if (!opened.closed) return;
      this.unblock();
      this.host.reload();
    }, CLOSED_POLL_MS);
  }

  block(opened) {
    this.blocker?.remove();
    this.blocker = el("div", "gc-blocker");
    const show = el("button", "gc-button gc-filled", this.words.focusWindow);
    const leave = el("button", "gc-button gc-text", this.words.letGo);
    show.type = leave.type = "button";
    show.addEventListener("click", () => opened.focus());
    leave.addEventListener("click", () => this.unblock());
    this.blocker.append(el("p", "", this.words.elsewhere), show, leave);
    this.body.inert = true;
    this.root.append(this.blocker);
    show.focus();
  }

  unblock() {
    clearInterval(this.closing);
    this.blocker?.remove();
    this.blocker = null;
    this.body.inert = false;
  }

  busy(on, control) {
    this.root.setAttribute("aria-busy", String(on));
    this.root.classList.toggle("gc-busy", on);
    for (const before of this.root.querySelectorAll(".gc-waiting")) before.classList.remove("gc-waiting");
    if (on) control?.classList.add("gc-waiting");
  }

  notify(text) {
    clearTimeout(this.timer);
    this.snack.textContent = text;
    this.snack.classList.add("gc-shown");
    this.timer = setTimeout(() => {
      this.snack.classList.remove("gc-shown");
      this.snack.textContent = "";
    }, NOTICE_MS);
  }
}

/** Keeps what was typed and unfolded in `before` when `after` takes its place. */
function carry(before, after) {
  const typed = new Map([...before.querySelectorAll(TYPED)].map((control) => [control.dataset.input, control.value]));
  for (const control of after.querySelectorAll(TYPED)) if (typed.has(control.dataset.input)) control.value = typed.get(control.dataset.input);
  const folds = [...before.querySelectorAll(".gc-collapse")];
  after.querySelectorAll(".gc-collapse").forEach((button, index) => folds[index]?.getAttribute("aria-expanded") === "true" && button.click());
}
