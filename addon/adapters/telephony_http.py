"""The telephony service over its signed HTTP API."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlsplit

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


class TelephonyHttp:
    """Every request is signed with a fresh nonce; no answer within two seconds is TelephonyAway.

    What only reads goes over one kept connection per thread, and over a new one when that was closed meanwhile;
    a command always has its own, so that it is never sent twice.
    """

    def __init__(self, url: str, keys: wire.Keys, now: Callable[[], float]) -> None:
        parts = urlsplit(url)
        self._secure, self._address, self._prefix = parts.scheme == "https", parts.netloc, parts.path
        self._keys, self._now = keys, now
        self._local = threading.local()

    def _connection(self) -> HTTPConnection:
        kind = HTTPSConnection if self._secure else HTTPConnection
        return kind(self._address, timeout=TIMEOUT_SECONDS)

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        nonce = secrets.token_hex(16)
        return wire.sign_request(self._keys, "telephony", method, path, body, now=self._now(), nonce=nonce)

    def _exchange(self, connection: HTTPConnection, method: str, path: str, body: bytes = b"") -> Any:
        """The JSON answer; the connection stays open only after a whole one."""
        try:
            connection.request(method, self._prefix + path, body or None, self._headers(method, path, body))
            answer = connection.getresponse()
            said = answer.read(wire.MAX_BODY_BYTES)
            if answer.status != 200 or not answer.isclosed():
                raise HTTPException(f"status {answer.status}")
            return json.loads(said)
        except BaseException:
            connection.close()
            raise

    def _read(self, path: str) -> Any:
        kept: HTTPConnection | None = getattr(self._local, "connection", None)
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, "GET", path)
                except ConnectionError:
                    self._local.connection = None
            fresh = self._connection()
            found = self._exchange(fresh, "GET", path)
            self._local.connection = fresh
        except (OSError, HTTPException, ValueError) as error:
            raise TelephonyAway(type(error).__name__) from error
        return found

    def _command(self, body: bytes) -> Any:
        sent = False
        try:
            with closing(self._connection()) as connection:
                connection.connect()
                sent = True
                return self._exchange(connection, "POST", "/commands", body)
        except (OSError, HTTPException, ValueError) as error:
            raise TelephonyAway(type(error).__name__, maybe_done=sent) from error

    def send(self, command: Command) -> CommandResult:
        """POST /commands."""
        raw = self._command(wire.dumps(command))
        return CommandResult(bool(raw["accepted"]), str(raw.get("reason", "")))

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
