// Draws Google Card JSON (google.apps.card.v1) and keeps the navigation stack of one sidebar.
import { formInputs, missingWidgets, parametersOf } from "./events.js";
import { iconNode } from "./icons.js";
import { safeUrl } from "./richtext.js";
import { el, widgetNode } from "./widgets.js";

const WORDS = { back: "Back", more: "More options", showMore: "Show more", showLess: "Show less", required: "Fill in this field", failed: "Something went wrong. Try again." };

export class CardView {
  /** `host`: action(fn, parameters, inputs) -> answer, openWindow(url, overlay) -> handle, image(url), reload(), words */
  constructor(root, host) {
    this.host = host;
    this.words = { ...WORDS, ...host.words };
    this.stack = [];
    this.turn = 0;
    this.body = el("div", "gc-stack");
    this.live = el("div", "gc-live");
    this.live.setAttribute("aria-live", "polite");
    this.snack = el("div", "gc-snack");
    this.snack.setAttribute("role", "status");
    this.bar = el("div", "gc-progress");
    root.classList.add("gc-root");
    root.replaceChildren(this.bar, this.body, this.snack, this.live);
    this.root = root;
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.closeMenus());
  }

  get card() {
    return this.stack[this.stack.length - 1];
  }

  reset() {
    this.turn += 1;
    this.stack = [];
    this.busy(false);
    this.body.replaceChildren();
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
    const keep = steps.length === 1 && steps[0].updateCard ? this.values() : null;
    for (const step of steps) {
      if (step.pushCard) this.stack.push(step.pushCard);
      else if (step.updateCard) this.stack.splice(Math.max(this.stack.length - 1, 0), 1, step.updateCard);
      else if (step.pop && this.stack.length > 1) this.stack.pop();
      else if (step.popToRoot) this.stack.length = Math.min(this.stack.length, 1);
      else if (step.popToCard) {
        const at = this.stack.findLastIndex((card) => card.name === step.popToCard);
        if (at >= 0) this.stack.length = at + 1;
      }
    }
    this.draw(keep);
  }

  values() {
    return new Map([...this.body.querySelectorAll("input[type=text][data-input], textarea[data-input]")].map((c) => [c.dataset.input, c.value]));
  }

  draw(keep) {
    const focused = this.root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const unfolded = keep ? [...this.body.querySelectorAll(".gc-collapse")].map((b) => b.getAttribute("aria-expanded") === "true") : [];
    this.keys = new Map();
    const card = this.card;
    if (!card) return this.body.replaceChildren();
    const shell = el("div", "gc-card");
    const head = this.header(card);
    const scroll = el("div", "gc-scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", card.header?.title || card.name || "card");
    for (const section of card.sections ?? []) scroll.append(this.section(section, card));
    shell.append(...(head ? [head] : []), scroll);
    if (card.fixedFooter) shell.append(this.footer(card.fixedFooter));
    this.body.replaceChildren(shell);
    if (keep) for (const c of this.body.querySelectorAll("input[type=text][data-input], textarea[data-input]")) if (keep.has(c.dataset.input)) c.value = keep.get(c.dataset.input);
    this.body.querySelectorAll(".gc-collapse").forEach((button, index) => unfolded[index] && button.click());
    const again = focused && [...this.body.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focused);
    again?.focus();
    if (focused && document.activeElement !== again) scroll.focus({ preventScroll: true });
    this.live.textContent = card.header?.title ?? "";
  }

  key(node, name) {
    const count = (this.keys.get(name) ?? 0) + 1;
    this.keys.set(name, count);
    node.dataset.key = `${name}#${count}`;
    return node;
  }

  header(card) {
    const header = card.header;
    const deep = this.stack.length > 1;
    if (!header && !deep && !card.cardActions?.length) return null;
    const bar = el("header", "gc-header");
    if (deep) bar.append(this.iconButton("back", this.words.back, () => this.navigate([{ pop: true }])));
    if (header?.imageUrl) {
      const image = el("img", header.imageType === "CIRCLE" ? "gc-avatar gc-round" : "gc-avatar");
      image.src = this.host.image(header.imageUrl);
      image.alt = header.imageAltText ?? "";
      bar.append(image);
    }
    const titles = el("div", "gc-titles");
    const title = el("h2", header?.subtitle ? "gc-title" : "gc-title gc-two", header?.title ?? "");
    titles.append(title);
    if (header?.subtitle) titles.append(el("p", "gc-subtitle", header.subtitle));
    bar.append(titles);
    if (card.cardActions?.length) bar.append(this.menu(card.cardActions.map((a) => ({ text: a.actionLabel, onClick: a.onClick }))));
    return bar;
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

  closeMenus() {
    for (const list of this.root.querySelectorAll(".gc-menu-list:not([hidden])")) {
      list.hidden = true;
      list.previousSibling.setAttribute("aria-expanded", "false");
      list.previousSibling.focus();
    }
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
    const bar = el("footer", "gc-footer");
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
    else if (onClick.action) await this.act(onClick.action, control, null);
    else if (onClick.openDynamicLinkAction) await this.act(onClick.openDynamicLinkAction, control, this.host.openWindow("", false));
  }

  async act(action, control, opened) {
    const missing = missingWidgets(this.body, action);
    if (missing.length) {
      opened?.close();
      return this.complain(missing);
    }
    const turn = ++this.turn;
    this.busy(action.loadIndicator !== "NONE", control);
    try {
      const answer = await this.host.action(action.function, parametersOf(action), formInputs(this.body));
      if (turn !== this.turn) return opened?.close();
      this.busy(false, control);
      const link = answer?.renderActions?.action?.link;
      if (opened && link?.url && safeUrl(link.url)) {
        this.host.point(opened, safeUrl(link.url));
        delete answer.renderActions.action.link;
      } else opened?.close();
      this.apply(answer);
    } catch {
      opened?.close();
      if (turn === this.turn) {
        this.busy(false, control);
        this.notify(this.words.failed);
      }
    }
  }

  complain(names) {
    for (const control of this.body.querySelectorAll("[data-input]")) control.toggleAttribute("aria-invalid", names.includes(control.dataset.input));
    for (const control of this.body.querySelectorAll("[aria-invalid]")) control.setAttribute("aria-invalid", "true");
    this.notify(this.words.required);
    this.body.querySelector("[aria-invalid]")?.focus();
  }

  openLink(link) {
    const url = safeUrl(link.url);
    if (!url) return;
    const opened = this.host.openWindow(url, link.openAs === "OVERLAY");
    if (link.onClose !== "RELOAD" || !opened) return;
    const timer = setInterval(() => {
      if (!opened.closed) return;
      clearInterval(timer);
      this.host.reload();
    }, 500);
  }

  busy(on, control) {
    this.root.setAttribute("aria-busy", String(on));
    this.root.classList.toggle("gc-busy", on);
    control?.classList.toggle("gc-waiting", on);
  }

  notify(text) {
    clearTimeout(this.timer);
    this.snack.textContent = text;
    this.snack.classList.add("gc-shown");
    this.timer = setTimeout(() => {
      this.snack.classList.remove("gc-shown");
      this.snack.textContent = "";
    }, 6000);
  }
}
