"""The telephony service over its signed HTTP API."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import quote

from addon.adapters.kept_http import BadAnswer, KeptConnection
from addon.domain.presence import LiveCall, Presence
from addon.ports.telephony import LinesDown, TelephonyAway
from contract import wire
from contract.calls import CallId, CallState, Direction, Party
from contract.commands import Command, CommandResult
from contract.events import CallEnded
from contract.numbers import TenantId, UserId

TIMEOUT_SECONDS = 2.0
LINE_TROUBLES = frozenset({"learning", "registering", "unreachable", "refused", "wrong-password"})
_NO_ANSWER = (OSError, BadAnswer, ValueError)


def _live(raw: Any) -> LiveCall:
    peer = Party(str(raw["peer"]["address"]), str(raw["peer"]["name"]))
    state, way = CallState(raw["state"]), Direction(raw["direction"])
    return LiveCall(CallId(str(raw["call"])), way, state, peer, int(raw["seconds"]), bool(raw["recording"]))


class TelephonyHttp:
    """Every request is signed with a fresh nonce; no answer within two seconds is TelephonyAway.

    What only reads goes over one kept connection per thread, and over a new one when that was closed meanwhile;
    a command always has its own, so that it is never sent twice.
    """

    def __init__(self, url: str, keys: wire.Keys, now: Callable[[], float]) -> None:
        self._url, self._keys, self._now = url, keys, now
        self._local = threading.local()

    def _connection(self) -> KeptConnection:
        return KeptConnection(self._url, TIMEOUT_SECONDS, wire.MAX_BODY_BYTES)

    def _exchange(self, connection: KeptConnection, method: str, path: str, body: bytes = b"") -> Any:
        nonce = secrets.token_hex(16)
        signed = wire.sign_request(self._keys, "telephony", method, path, body, now=self._now(), nonce=nonce)
        status, said = connection.ask(method, path, signed, body)
        if status != 200:
            raise BadAnswer(f"status {status}")
        return json.loads(said)

    def _read(self, path: str) -> Any:
        kept: KeptConnection | None = getattr(self._local, "connection", None)
        try:
            if kept is not None and kept.is_open:
                try:
                    return self._exchange(kept, "GET", path)
                except ConnectionError:
                    kept.close()
            self._local.connection = fresh = self._connection()
            return self._exchange(fresh, "GET", path)
        except _NO_ANSWER as error:
            raise TelephonyAway(type(error).__name__) from error

    def _command(self, body: bytes) -> Any:
        sent = False
        try:
            with closing(self._connection()) as connection:
                sent = True
                return self._exchange(connection, "POST", "/commands", body)
        except _NO_ANSWER as error:
            raise TelephonyAway(type(error).__name__, maybe_done=sent) from error

    def send(self, command: Command) -> CommandResult:
        """POST /commands."""
        raw = self._command(wire.dumps(command))
        try:
            ended = wire.loads(str(raw["ended"]).encode(), CallEnded) if raw.get("ended") else None
            return CommandResult(bool(raw["accepted"]), str(raw.get("reason", "")), ended)
        except (KeyError, TypeError, AttributeError, wire.BadWire) as error:
            raise TelephonyAway("an unreadable answer") from error

    def presence(self, tenant: TenantId, user: UserId) -> Presence:
        """GET /presence/{tenant}/{user}."""
        raw = self._read(f"/presence/{quote(tenant, safe='')}/{quote(user, safe='')}")
        try:
            calls = tuple(_live(call) for call in raw["calls"])
            return Presence(bool(raw["webphone"]), bool(raw["registered"]), calls, str(raw.get("problem", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise TelephonyAway("an unreadable answer") from error

    def ping(self) -> None:
        """GET /healthz."""
        self._read("/healthz")

    def ping_lines(self) -> None:
        """What GET /healthz says of the lines."""
        try:
            said = str(self._read("/healthz")["parts"]["lines"])
        except (KeyError, TypeError) as error:
            raise TelephonyAway("an unreadable answer") from error
        if said != "ok":
            raise LinesDown(said if said in LINE_TROUBLES else "unknown")
