"""Real-shaped add-on events (Workspace add-on HTTP protocol), signed and sent to the add-on on loopback."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from workbench.cast import ALL_SCOPES, CLIENT_ID, PLAYERS
from workbench.tokens import Issuer

TIMEOUT_SECONDS = 25
MAX_ANSWER_BYTES = 2_000_000
_LOCALE_SCOPE = "https://www.googleapis.com/auth/script.locale"


class BadTarget(ValueError):
    """The address is not an entry point of the add-on on this machine."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the user has in front of them when the host sends an event."""

    player: str = "alice"
    locale: str = "en"
    zone: str = "America/Guayaquil"
    offset_ms: int = 0
    message: str = ""
    thread: str = ""
    recipients: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ALL_SCOPES
    parameters: Mapping[str, str] = field(default_factory=dict)
    form_inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the add-on said."""

    status: int
    body: Any
    milliseconds: int


def is_loopback(url: str) -> bool:
    """True when `url` is plain http to this machine."""
    parts = urlsplit(url)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.scheme == "http" and parts.hostname == "localhost"


def target_url(base_url: str, target: str) -> str:
    """The full address of `target` (a path or a function URL of our add-on); raises BadTarget."""
    url = base_url + target if target.startswith("/") else target
    if not is_loopback(url) or not url.startswith(base_url + "/"):
        raise BadTarget("events go only to the add-on on this machine")
    return url


def build_event(issuer: Issuer, url: str, situation: Situation, *, now: float) -> dict[str, Any]:
    """The event object; tokens and language only with the scopes that the user granted."""
    player = PLAYERS[situation.player]
    common: dict[str, Any] = {"hostApp": "GMAIL", "platform": "WEB"}
    if _LOCALE_SCOPE in situation.scopes:
        zone = {"id": situation.zone, "offset": situation.offset_ms}
        common |= {"userLocale": situation.locale, "timeZone": zone}
    if situation.parameters:
        common["parameters"] = dict(situation.parameters)
    if situation.form_inputs:
        common["formInputs"] = dict(situation.form_inputs)
    authorization: dict[str, Any] = {"systemIdToken": issuer.system_token(url, now=now)}
    if situation.scopes:
        authorization["userOAuthToken"] = issuer.access_token(player, situation.scopes, now=now)
        authorization["authorizedScopes"] = list(situation.scopes)
    if any(scope.endswith("/userinfo.email") for scope in situation.scopes):
        authorization["userIdToken"] = issuer.user_token(player, now=now, client_id=CLIENT_ID)
    event: dict[str, Any] = {"commonEventObject": common, "authorizationEventObject": authorization}
    if situation.message:
        token = issuer.message_token(player, situation.message, now=now)
        event["gmail"] = {"messageId": situation.message, "threadId": situation.thread, "accessToken": token}
    elif situation.recipients:
        event["gmail"] = {"toRecipients": list(situation.recipients), "ccRecipients": [], "bccRecipients": []}
    return event


async def send_event(url: str, event: Mapping[str, Any]) -> Answer:
    """POST the event as Google does: the system token is the bearer; redirects are not followed."""
    token = event.get("authorizationEventObject", {}).get("systemIdToken", "")
    started = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(
            url,
            data=json.dumps(event),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            allow_redirects=False,
        ) as reply,
    ):
        raw = await reply.content.read(MAX_ANSWER_BYTES)
        milliseconds = int((time.monotonic() - started) * 1000)
        try:
            return Answer(reply.status, json.loads(raw), milliseconds)
        except ValueError:
            return Answer(reply.status, None, milliseconds)


def without_tokens(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as the drawer shows it: bearers replaced by dots."""
    secret = {"systemIdToken", "userIdToken", "userOAuthToken", "accessToken"}

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: (str(v)[:10] + "…" if k in secret else walk(v)) for k, v in value.items()}
        return value

    return {name: walk(value) for name, value in event.items()}
