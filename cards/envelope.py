"""The only file that knows how Google spells cards and answers (add-ons reference, google.apps.card.v1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import quote, urlencode

from cards.reply import DraftEdit, Notify, OpenPage, PopThen, PopToRoot, Push, Reply, RequestScopes, Update
from cards.surface import Action, Page
from cards.widgets import (
    Button,
    ButtonList,
    Card,
    DecoratedText,
    Divider,
    Do,
    Link,
    OnClick,
    Open,
    OpenTel,
    Section,
    SelectionInput,
    TextInput,
    TextParagraph,
    Widget,
)

Json = dict[str, Any]
_PRIMARY = {"red": 0.043, "green": 0.341, "blue": 0.816, "alpha": 1}
_DANGER = {"red": 0.702, "green": 0.149, "blue": 0.118, "alpha": 1}


def _unsigned(action: Action, params: Mapping[str, str]) -> Mapping[str, str]:
    return params


def _no_ticket(dial: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Links:
    """Where our buttons lead; `sign` may add parameters (a nonce) to a click, `ticket` signs a page's visitor in."""

    base_url: str
    sign: Callable[[Action, Mapping[str, str]], Mapping[str, str]] = _unsigned
    ticket: Callable[[str], Mapping[str, str]] = _no_ticket

    def page(self, page: Page, params: Mapping[str, str]) -> str:
        """The URL of a page; `{id}` in its path is filled, the rest becomes the query."""
        rest = dict(params)
        path = page.value
        if "{id}" in path:
            path = path.replace("{id}", quote(rest.pop("id"), safe=""))
        return self.base_url + path + (f"?{urlencode(rest)}" if rest else "")


def _action(do: Do, links: Links) -> Json:
    params = links.sign(do.action, do.params)
    action: Json = {"function": f"{links.base_url}/do/{do.action}"}
    if params:
        action["parameters"] = [{"key": key, "value": value} for key, value in params.items()]
    if do.keep_input:
        action["persistValues"] = True
    return action


def _on_click(click: OnClick, links: Links) -> Json:
    match click:
        case Do(dynamic=True):
            return {"openDynamicLinkAction": _action(click, links)}
        case Do():
            return {"action": _action(click, links)}
        case Open(page, params, overlay, reload):
            link: Json = {"url": links.page(page, params), "onClose": "RELOAD" if reload else "NOTHING"}
            if overlay:
                link["openAs"] = "OVERLAY"
            return {"openLink": link}
        case OpenTel(e164):
            return {"openLink": {"url": f"tel:{e164}"}}
        case Link(url):
            return {"openLink": {"url": url}}
        case _:
            assert_never(click)


def _icon(name: str, alt: str, links: Links) -> Json:
    icon = {"knownIcon": name} if name.isupper() else {"iconUrl": f"{links.base_url}/icons/{name}.png"}
    return icon | ({"altText": alt} if alt else {})


def _button(button: Button, links: Links) -> Json:
    found: Json = {"onClick": _on_click(button.on_click, links)}
    if button.text:
        found["text"] = button.text
    if button.primary or button.danger:
        found["color"] = _DANGER if button.danger else _PRIMARY
    if button.disabled:
        found["disabled"] = True
    if button.icon:
        found["icon"] = _icon(button.icon, button.alt, links)
    if button.alt:
        found["altText"] = button.alt
    return found


def _decorated(row: DecoratedText, links: Links) -> Json:
    found: Json = {"text": row.text, "wrapText": row.wrap}
    if row.top:
        found["topLabel"] = row.top
    if row.bottom:
        found["bottomLabel"] = row.bottom
    if row.icon:
        found["startIcon"] = _icon(row.icon, row.icon_alt, links)
    if row.on_click:
        found["onClick"] = _on_click(row.on_click, links)
    if row.button:
        found["button"] = _button(row.button, links)
    elif row.switch:
        found["switchControl"] = {
            "name": row.switch.name,
            "value": row.switch.value,
            "selected": row.switch.selected,
            "controlType": "SWITCH",
        }
    return found


def _widget(widget: Widget, links: Links) -> Json:
    match widget:
        case DecoratedText():
            return {"decoratedText": _decorated(widget, links)}
        case TextParagraph(text):
            return {"textParagraph": {"text": text}}
        case ButtonList(buttons):
            return {"buttonList": {"buttons": [_button(b, links) for b in buttons]}}
        case SelectionInput(name, label, items, kind):
            choices = [{"text": i.text, "value": i.value, "selected": i.selected} for i in items]
            return {"selectionInput": {"name": name, "label": label, "type": kind, "items": choices}}
        case TextInput(name, label, value, hint):
            found: Json = {"name": name, "label": label, "type": "SINGLE_LINE"}
            found |= ({"value": value} if value else {}) | ({"hintText": hint} if hint else {})
            return {"textInput": found}
        case Divider():
            return {"divider": {}}
        case _:
            assert_never(widget)


def _section(section: Section, links: Links) -> Json:
    found: Json = {"widgets": [_widget(w, links) for w in section.widgets]}
    if section.header:
        found["header"] = section.header
    if section.shown and section.shown < len(section.widgets):
        found |= {"collapsible": True, "uncollapsibleWidgetsCount": section.shown}
    return found


def card_json(card: Card, links: Links) -> Json:
    """One card as Google reads it."""
    header = {"title": card.title} | ({"subtitle": card.subtitle} if card.subtitle else {})
    found: Json = {
        "name": card.name,
        "header": header,
        "sections": [_section(s, links) for s in card.sections if s.widgets],
    }
    if card.footer:
        found["fixedFooter"] = {"primaryButton": _button(card.footer, links)}
        if card.footer_second:
            found["fixedFooter"]["secondaryButton"] = _button(card.footer_second, links)
    return found


def _navigation(steps: list[Json], notice: str) -> Json:
    return {"navigations": steps} | ({"notification": {"text": notice}} if notice else {})


def _render_actions(reply: Reply, links: Links) -> Json:
    match reply:
        case Push(card, notice):
            return {"action": _navigation([{"pushCard": card_json(card, links)}], notice)}
        case Update(card, notice):
            return {"action": _navigation([{"updateCard": card_json(card, links)}], notice)}
        case PopThen(card, notice):
            return {"action": _navigation([{"pop": True}, {"updateCard": card_json(card, links)}], notice)}
        case PopToRoot(notice):
            return {"action": _navigation([{"popToRoot": True}], notice)}
        case Notify(text):
            return {"action": {"notification": {"text": text}}}
        case OpenPage(page, params, dial):
            url = links.page(page, {**params, **links.ticket(dial)})
            return {"action": {"link": {"url": url, "openAs": "FULL_SIZE", "onClose": "NOTHING"}}}
        case DraftEdit(html):
            insert = {"type": "IN_PLACE_INSERT", "insertContents": [{"content": html, "contentType": "MUTABLE_HTML"}]}
            return {"hostAppAction": {"gmailAction": {"updateDraftActionMarkup": {"updateBody": insert}}}}
        case RequestScopes():
            raise TypeError("a scope request is a whole body")
        case _:
            assert_never(reply)


def to_json(reply: Reply, *, wrapped: bool, links: Links) -> Json:
    """The body of the answer: unwrapped for a trigger, wrapped for a click; a scope request stands alone."""
    if isinstance(reply, RequestScopes):
        return {"requesting_google_scopes": {"scopes": list(reply.urls)}}
    if not wrapped and isinstance(reply, Update):
        reply = Push(reply.card, reply.notice)
    body = _render_actions(reply, links)
    return {"renderActions": body} if wrapped else body
