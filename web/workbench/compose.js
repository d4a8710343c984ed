// The draft window: the compose trigger in its own small panel, and the HTML that the add-on inserts, made harmless.
import { draftHtml } from "/static/cards/richtext.js";
import { announce, at, word } from "./page.js";
import { Panel } from "./panel.js";

const TRIGGER = "/on/gmail.compose";

export class Compose {
  constructor(parts) {
    this.caret = null;
    this.parts = { ...parts, situation: () => ({ recipients: this.recipients() }), hostApp: (action) => this.edit(action) };
    at("compose").addEventListener("click", () => this.open());
    at("close-draft").addEventListener("click", () => this.close());
    at("draft-addon").addEventListener("click", () => this.toggle());
    at("draft").addEventListener("keydown", (event) => event.key === "Escape" && this.escape());
    at("draft-text").addEventListener("blur", () => this.remember());
    at("draft-text").addEventListener("paste", (event) => this.paste(event));
  }

  translate() {
    this.panel?.translate();
    if (!at("draft-card").hidden) this.panel.open(TRIGGER);
  }

  recipients() {
    return at("to").value.split(/[,;\s]+/).filter(Boolean);
  }

  open(to) {
    this.opener = document.activeElement;
    if (to !== undefined) at("to").value = to;
    at("draft").hidden = false;
    (at("to").value ? at("draft-text") : at("to")).focus();
  }

  close() {
    this.hideCard();
    at("draft").hidden = true;
    for (const id of ["to", "draft-subject"]) at(id).value = "";
    at("draft-text").replaceChildren();
    this.caret = null;
    (this.opener?.isConnected ? this.opener : at("compose")).focus();
  }

  escape() {
    if (at("draft-card").hidden) return this.close();
    this.hideCard();
    at("draft-addon").focus();
  }

  toggle() {
    if (!at("draft-card").hidden) return this.hideCard();
    at("draft-card").hidden = false;
    at("draft-addon").setAttribute("aria-expanded", "true");
    this.panel ??= new Panel(at("draft-view"), this.parts);
    this.panel.open(TRIGGER);
  }

  hideCard() {
    at("draft-card").hidden = true;
    at("draft-addon").setAttribute("aria-expanded", "false");
  }

  remember() {
    const selection = document.getSelection();
    if (selection.rangeCount && at("draft-text").contains(selection.anchorNode)) this.caret = selection.getRangeAt(0).cloneRange();
  }

  paste(event) {
    event.preventDefault();
    this.insert(document.createTextNode(event.clipboardData.getData("text/plain")));
  }

  insert(content) {
    const text = at("draft-text");
    const selection = document.getSelection();
    const range = text.contains(selection.anchorNode) ? selection.getRangeAt(0) : this.caret;
    if (!range) text.append(content);
    else {
      range.deleteContents();
      range.insertNode(content);
      range.collapse(false);
    }
  }

  /** updateDraftActionMarkup of the add-ons reference: recipients, subject and body. */
  edit({ gmailAction }) {
    const change = gmailAction?.updateDraftActionMarkup ?? {};
    const more = [change.updateToRecipients?.toRecipients, change.updateCcRecipients?.ccRecipients].flat().filter(Boolean);
    if (more.length) at("to").value = [...this.recipients(), ...more].join(", ");
    if (change.updateSubject?.subject) at("draft-subject").value = change.updateSubject.subject;
    for (const { content, contentType } of change.updateBody?.insertContents ?? []) {
      const part = document.createDocumentFragment();
      if (contentType === "TEXT") part.append(content);
      else draftHtml(content, part);
      this.insert(part);
    }
    this.hideCard();
    at("draft-text").focus();
    announce(word("inserted"));
  }
}
