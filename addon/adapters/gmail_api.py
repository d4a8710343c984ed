"""Gmail API: the one open message, read with the message's own token (users.messages.get)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from email.header import decode_header, make_header
from email.utils import getaddresses
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import requests

from addon.event import UserTokens
from addon.ports.google import GoogleAway, Mailbox, Message, ScopeMissing

TIMEOUT_SECONDS = 4.0
MAX_TEXT = 200_000
_SCOPE = "https://www.googleapis.com/auth/gmail.addons.current.message."
_BREAKS = {"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "blockquote"}


class _Text(HTMLParser):
    """The words of an HTML mail; nothing is run or fetched."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "style", "head", "title"}:
            self._hidden += 1
        if tag in _BREAKS:
            self.parts.append("\n")
        href = dict(attrs).get("href") or ""
        if href.lower().startswith("tel:"):
            self.parts.append(f" {href[4:]} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style", "head", "title"}:
            self._hidden = max(0, self._hidden - 1)
        if tag in _BREAKS | {"td", "th"}:
            self.parts.append("\n" if tag in _BREAKS else " ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def text_of_html(html: str) -> str:
    """HTML reduced to text."""
    parser = _Text()
    parser.feed(html[:MAX_TEXT])
    return "".join(parser.parts)


def _parts(payload: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, str]]:
    data = (payload.get("body") or {}).get("data")
    if isinstance(data, str):
        try:
            raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        except (ValueError, binascii.Error):
            raw = b""
        yield str(payload.get("mimeType", "")), raw[: 4 * MAX_TEXT].decode("utf-8", "replace")
    if depth < 10:
        for part in payload.get("parts") or []:
            yield from _parts(part, depth + 1)


def _body(payload: Mapping[str, Any]) -> str:
    found = list(_parts(payload))
    plain = [text for kind, text in found if kind == "text/plain"]
    rich = [text_of_html(text) for kind, text in found if kind == "text/html"]
    return "\n".join(plain or rich)[:MAX_TEXT]


def _mailboxes(value: str) -> list[Mailbox]:
    return [Mailbox(email.lower(), _decoded(name)) for name, email in getaddresses([value]) if "@" in email]


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError, UnicodeError):
        return text


class GmailApi:
    """`base_url` is https://gmail.googleapis.com."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def message(self, tokens: UserTokens, message_id: str) -> Message:
        """Headers with the metadata scope, the text too with the readonly one."""
        full = _SCOPE + "readonly" in tokens.scopes
        if not full and _SCOPE + "metadata" not in tokens.scopes:
            raise ScopeMissing(_SCOPE + "metadata")
        try:
            answer = requests.get(
                f"{self._base_url}/gmail/v1/users/me/messages/{quote(message_id, safe=':')}",
                params={"format": "full" if full else "metadata"},
                headers={"Authorization": f"Bearer {tokens.oauth}", "X-Goog-Gmail-Access-Token": tokens.gmail_message},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
            raw = answer.json() if answer.status_code == 200 else None
        except (requests.RequestException, ValueError) as error:
            raise GoogleAway("gmail") from error
        if not isinstance(raw, dict):
            raise GoogleAway(f"gmail answered {answer.status_code}")
        payload = raw.get("payload") or {}
        headers = {str(h.get("name", "")).lower(): str(h.get("value", "")) for h in payload.get("headers") or []}
        sender = (_mailboxes(headers.get("reply-to", "")) or _mailboxes(headers.get("from", "")) or [Mailbox("")])[0]
        if (first := _mailboxes(headers.get("from", ""))) and first[0].email == sender.email:
            sender = first[0]
        people = _mailboxes(headers.get("to", "")) + _mailboxes(headers.get("cc", ""))
        return Message(message_id, sender, tuple(people[:50]), _decoded(headers.get("subject", "")), _body(payload))
