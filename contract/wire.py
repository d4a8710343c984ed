"""Dataclass <-> JSON with a version, signed requests between the two programs, and one-use tickets."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import hmac
import json
import math
import operator
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from contract import calls, commands, events, lines, numbers, route_plan, uploads

VERSION = 1
SKEW_SECONDS = 60
TICKET_SECONDS = 30
MAX_BODY_BYTES = 262144

T = TypeVar("T")

_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError, OverflowError)
_MODULES = (numbers, calls, lines, commands, events, route_plan, uploads)
TYPES: dict[str, type[Any]] = {
    name: found
    for module in _MODULES
    for name, found in vars(module).items()
    if isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module.__name__
}


class BadWire(ValueError):
    """The message is not one of ours, or not of this version."""


class BadSignature(ValueError):
    """The request or ticket is not from our peer, is too old, was changed, or was used before."""


def _check_text(text: str) -> None:
    """Half a surrogate pair, which JSON can spell, cannot be stored, signed or sent on."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadWire("half a character") from None


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


Reader = Callable[[Any], Any]


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _tuple(read: Reader) -> Reader:
    def built(value: Any) -> Any:
        if not isinstance(value, list):
            raise BadWire("a list is missing")
        return tuple([read(item) for item in value])

    return built


def _float(value: Any) -> Any:
    if type(value) is int:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise BadWire("a number is missing")
    return value


def _text(value: Any) -> Any:
    if type(value) is not str:
        raise BadWire("a text is missing")
    if not value.isascii():
        _check_text(value)
    return value


def _exactly(kind: type[Any]) -> Reader:
    def built(value: Any) -> Any:
        if type(value) is not kind:
            raise BadWire(f"a {kind.__name__} is missing")
        return value

    return built


@functools.cache
def _reader(kind: Any) -> Reader:
    """What turns a JSON value into `kind`; made once per type, since type hints are slow to read."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        read = _reader(next(o for o in inner if o is not type(None)))
        return _optional(read) if type(None) in inner else read
    if origin is tuple:
        return _tuple(_reader(inner[0]))
    if hasattr(kind, "__supertype__"):
        return _reader(kind.__supertype__)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return functools.partial(_dataclass, kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {member.value: member for member in kind}.__getitem__
    return {float: _float, str: _text}.get(kind) or _exactly(kind)


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """How an object with all fields of a dataclass is read: its values in order; texts, when several, are looked at together."""

    readers: Mapping[str, Reader]
    values: Callable[[Any], Any]
    texts: Callable[[Any], tuple[str, ...]] | None
    others: tuple[tuple[int, Reader], ...]


@functools.cache
def _shape(kind: type[Any]) -> _Shape:
    hints = typing.get_type_hints(kind)
    readers = {f.name: _reader(hints[f.name]) for f in dataclasses.fields(kind)}
    values = operator.itemgetter(*readers) if len(readers) > 1 else lambda value: [value[name] for name in readers]
    names = [name for name, read in readers.items() if read is _text]
    texts = operator.itemgetter(*names) if len(names) > 1 else None
    others = tuple((at, read) for at, read in enumerate(readers.values()) if texts is None or read is not _text)
    return _Shape(readers, values, texts, others)


def _dataclass(kind: type[T], value: Any) -> T:
    if not isinstance(value, dict):
        raise BadWire(f"{kind.__name__} is not an object")
    shape = _shape(typing.cast(Any, kind))
    try:
        values = list(shape.values(value))
    except KeyError:  # an older message has fewer fields
        return kind(**{name: read(value[name]) for name, read in shape.readers.items() if name in value})
    if shape.texts is not None:
        together = "".join(shape.texts(value))  # TypeError where one is no text
        if not together.isascii():
            _check_text(together)
    for at, read in shape.others:
        values[at] = read(values[at])
    return kind(*values)


def to_plain(value: Any) -> dict[str, Any]:
    """A dataclass as plain JSON values."""
    return typing.cast(dict[str, Any], _plain(value))


def from_plain(kind: type[T], value: Any) -> T:
    """The dataclass behind `to_plain`; unknown fields are ignored, wrong ones raise BadWire."""
    try:
        return _dataclass(kind, value)
    except _UNREADABLE as error:
        raise BadWire(f"not a {kind.__name__}") from error


def dumps(message: Any) -> bytes:
    """One contract value as JSON bytes: `{"v": 1, "type": "PlaceCall", "body": {...}}`."""
    name = type(message).__name__
    if TYPES.get(name) is not type(message):
        raise BadWire(f"{name} is not a contract type")
    return json.dumps({"v": VERSION, "type": name, "body": _plain(message)}, separators=(",", ":")).encode()


def loads(data: bytes, expected: type[T] | None = None) -> T:
    """The value behind `dumps`; unknown fields are ignored, a wrong type raises BadWire."""
    try:
        raw = json.loads(data)
        if raw["v"] != VERSION:
            raise BadWire("another version")
        kind = TYPES[raw["type"]]
        if expected is not None and kind is not expected:
            raise BadWire(f"expected {expected.__name__}")
        return typing.cast(T, _dataclass(kind, raw["body"]))
    except BadWire:
        raise
    except _UNREADABLE as error:
        raise BadWire("not a contract message") from error


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """Live keys of one direction and purpose: `kid` -> secret; the first signs, every one verifies."""

    secrets: Mapping[str, bytes] = dataclasses.field(repr=False)

    def current(self) -> tuple[str, bytes]:
        """The signing key."""
        return next(iter(self.secrets.items()))


def _mac(secret: bytes, *parts: str) -> str:
    return hmac.digest(secret, "\n".join(parts).encode("utf-8", "surrogatepass"), "sha256").hex()


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogatepass"))


def sign_request(
    keys: Keys, audience: str, method: str, path: str, body: bytes, *, now: float, nonce: str
) -> dict[str, str]:
    """Headers that prove who sends this request: method, path, body digest, audience, time and nonce are bound."""
    kid, secret = keys.current()
    stamp = str(int(now))
    digest = hashlib.sha256(body).hexdigest()
    mac = _mac(secret, "request", audience, method, path, digest, stamp, nonce)
    return {"X-CTC-Key": kid, "X-CTC-Time": stamp, "X-CTC-Nonce": nonce, "X-CTC-Signature": mac}


def verify_request(
    keys: Keys, audience: str, method: str, path: str, body: bytes, headers: Mapping[str, str], *, now: float
) -> str:
    """The nonce of a genuine request, which the caller must refuse a second time. Raises BadSignature."""
    secret = keys.secrets.get(headers.get("X-CTC-Key", ""))
    stamp, nonce = headers.get("X-CTC-Time", ""), headers.get("X-CTC-Nonce", "")
    if secret is None or not (stamp.isascii() and stamp.isdigit()) or not 16 <= len(nonce) <= 64:
        raise BadSignature("unknown key, time or nonce")
    digest = hashlib.sha256(body).hexdigest()
    mac = _mac(secret, "request", audience, method, path, digest, stamp, nonce)
    if not _same(mac, headers.get("X-CTC-Signature", "")):
        raise BadSignature("wrong signature")
    if len(stamp) > 12 or abs(now - int(stamp)) > SKEW_SECONDS:
        raise BadSignature("too old")
    return nonce


@dataclasses.dataclass(frozen=True, slots=True)
class JoinTicket:
    """Lets one browser act as one user for one purpose, once, within 30 s.

    `purpose`: "page" (card -> web session), "phone" (webphone WebSocket). `dial` is what to call, "" for nothing.
    `session` is the digest of the web session that asked for a phone ticket.
    """

    purpose: str
    tenant: numbers.TenantId
    user: numbers.UserId
    host: str
    nonce: str
    expires_at: float
    dial: str = ""
    session: str = ""


def mint_ticket(keys: Keys, ticket: JoinTicket) -> str:
    """The ticket as URL-safe text."""
    kid, secret = keys.current()
    body = base64.urlsafe_b64encode(json.dumps(_plain(ticket)).encode()).decode().rstrip("=")
    return f"{kid}.{body}.{_mac(secret, 'ticket', body)}"


def read_ticket(keys: Keys, text: str, purpose: str, host: str, *, now: float) -> JoinTicket:
    """The ticket behind `mint_ticket`; the caller spends its nonce. Raises BadSignature."""
    kid, _, rest = text.partition(".")
    body, _, mac = rest.partition(".")
    secret = keys.secrets.get(kid)
    if secret is None or not _same(_mac(secret, "ticket", body), mac):
        raise BadSignature("not our ticket")
    try:
        ticket = _dataclass(JoinTicket, json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except _UNREADABLE as error:
        raise BadSignature("not our ticket") from error
    if ticket.purpose != purpose or ticket.host != host:
        raise BadSignature("for another purpose")
    if not now <= ticket.expires_at <= now + TICKET_SECONDS + SKEW_SECONDS:
        raise BadSignature("expired")
    return ticket
