"""Google's event object, read leniently (Workspace add-on HTTP protocol): absent means empty, numbers come in any form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TEXT = 2000


def _map(node: Any, key: str) -> Mapping[str, Any]:
    found = node.get(key) if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def _text(node: Any, key: str) -> str:
    found = node.get(key) if isinstance(node, dict) else None
    return found[:MAX_TEXT] if isinstance(found, str) else ""


def _texts(node: Any, key: str) -> tuple[str, ...]:
    found = node.get(key) if isinstance(node, dict) else None
    return tuple(item[:MAX_TEXT] for item in found if isinstance(item, str))[:500] if isinstance(found, list) else ()


def _parameters(common: Mapping[str, Any]) -> dict[str, str]:
    raw = common.get("parameters")
    if isinstance(raw, list):
        pairs = [(_text(item, "key"), _text(item, "value")) for item in raw]
        return {key: value for key, value in pairs if key}
    return {k: v[:MAX_TEXT] for k, v in raw.items() if isinstance(v, str)} if isinstance(raw, dict) else {}


def _inputs(common: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _map(common, "formInputs").items():
        inner = _map(value, "") or value
        found[name] = _texts(_map(inner, "stringInputs"), "value")
    return found


@dataclass(frozen=True, slots=True)
class UserTokens:
    """Bearers of one request; dropped after use."""

    oauth: str = field(default="", repr=False)
    gmail_message: str = field(default="", repr=False)
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Event:
    """What a handler may know; `tokens` are dropped after use and `user_token` is proof, never identity by itself."""

    host: str = ""
    locale: str = ""
    zone: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    message_id: str = ""
    recipients: tuple[str, ...] = ()
    tokens: UserTokens = field(default_factory=UserTokens, repr=False)
    user_token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, raw: Any) -> Event:
        """Any JSON value gives an event; what is missing or of another type is empty."""
        common, auth, gmail = _map(raw, "commonEventObject"), _map(raw, "authorizationEventObject"), _map(raw, "gmail")
        scopes = frozenset(_texts(auth, "authorizedScopes"))
        return cls(
            host=_text(common, "hostApp").upper(),
            locale=_text(common, "userLocale"),
            zone=_text(_map(common, "timeZone"), "id"),
            parameters=_parameters(common),
            inputs=_inputs(common),
            message_id=_text(gmail, "messageId"),
            recipients=_texts(gmail, "toRecipients") + _texts(gmail, "ccRecipients"),
            tokens=UserTokens(_long(auth, "userOAuthToken"), _long(gmail, "accessToken"), scopes),
            user_token=_long(auth, "userIdToken"),
        )

    def input(self, name: str) -> str:
        """The one value of a form input, "" when it is empty or off."""
        values = self.inputs.get(name, ())
        return values[0] if values else ""


def _long(node: Mapping[str, Any], key: str) -> str:
    found = node.get(key)
    return found if isinstance(found, str) and len(found) <= 16384 else ""
