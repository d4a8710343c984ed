"""The telephony service over its signed HTTP API."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests
from urllib3.exceptions import NewConnectionError

from addon.domain.presence import LiveCall, Presence
from addon.ports.telephony import TelephonyAway
from contract import wire
from contract.calls import CallId, CallState, Direction, Party
from contract.commands import Command, CommandResult
from contract.numbers import TenantId, UserId

TIMEOUT_SECONDS = 2.0


def _live(raw: Any) -> LiveCall:
    peer = Party(str(raw["peer"]["address"]), str(raw["peer"]["name"]))
    state, way = CallState(raw["state"]), Direction(raw["direction"])
    return LiveCall(CallId(str(raw["call"])), way, state, peer, int(raw["seconds"]), bool(raw["recording"]))


def _never_connected(error: Exception) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError)


class TelephonyHttp:
    """Every request is signed with a fresh nonce; no answer within two seconds is TelephonyAway."""

    def __init__(self, url: str, keys: wire.Keys, now: Callable[[], float]) -> None:
        self._url, self._keys, self._now = url, keys, now

    def _ask(self, method: str, path: str, body: bytes = b"") -> Any:
        signed = wire.sign_request(
            self._keys, "telephony", method, path, body, now=self._now(), nonce=secrets.token_hex(16)
        )
        try:
            answer = requests.request(
                method, self._url + path, data=body, headers=signed, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
            answer.raise_for_status()
            return json.loads(answer.content)
        except (requests.RequestException, ValueError) as error:
            raise TelephonyAway(type(error).__name__, maybe_done=not _never_connected(error)) from error

    def send(self, command: Command) -> CommandResult:
        """POST /commands."""
        raw = self._ask("POST", "/commands", wire.dumps(command))
        return CommandResult(bool(raw["accepted"]), str(raw.get("reason", "")))

    def presence(self, tenant: TenantId, user: UserId) -> Presence:
        """GET /presence/{tenant}/{user}."""
        raw = self._ask("GET", f"/presence/{quote(tenant, safe='')}/{quote(user, safe='')}")
        try:
            calls = tuple(_live(call) for call in raw["calls"])
            return Presence(bool(raw["webphone"]), bool(raw["registered"]), calls, str(raw.get("problem", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise TelephonyAway("an unreadable answer") from error

    def ping(self) -> None:
        """GET /healthz."""
        try:
            requests.get(self._url + "/healthz", timeout=TIMEOUT_SECONDS).raise_for_status()
        except requests.RequestException as error:
            raise TelephonyAway(type(error).__name__) from error
