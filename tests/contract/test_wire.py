"""Every contract value survives the wire; a forged, old or changed request or ticket does not."""

from __future__ import annotations

import dataclasses
import typing
from enum import Enum

import pytest

from contract import calls, commands, events, wire
from contract.numbers import BadNumber, Extension, PhoneNumber, TenantId, UserId

pytestmark = pytest.mark.pure
KEYS = wire.Keys({"a": b"a" * 32, "b": b"b" * 32})
NOW = 1_800_000_000.0
NONCE = "n" * 22


def sample(kind: typing.Any) -> typing.Any:
    """A value of `kind` with every field filled."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        return (sample(typing.get_args(kind)[0]),)
    if origin is not None:
        return sample(next(a for a in typing.get_args(kind) if a is not type(None)))
    if hasattr(kind, "__supertype__"):
        return sample(kind.__supertype__)
    if kind is PhoneNumber:
        return PhoneNumber("+593987654321")
    if kind is Extension:
        return Extension("1001")
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{f.name: sample(hints[f.name]) for f in dataclasses.fields(kind)})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    return {str: "x", int: 3, float: 2.5, bool: True}[kind]


@pytest.mark.parametrize("name", sorted(wire.TYPES))
def test_every_contract_type_survives_the_wire(name: str) -> None:
    value = sample(wire.TYPES[name])
    assert wire.loads(wire.dumps(value)) == value


def test_wire_covers_every_command_and_event() -> None:
    members = {*typing.get_args(commands.Command), *typing.get_args(events.Event)}
    assert members <= set(wire.TYPES.values()) and len(members) == 10


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'{"v":2,"type":"HangUp","body":{}}',
        b'{"v":1,"type":"Nope","body":{}}',
        b'{"v":1,"type":"HangUp","body":{"call":1}}',
        b'{"v":1,"type":"HangUp","body":[]}',
        b"{" * 100000,
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(wire.BadWire):
        wire.loads(data)


def signed(**changes: typing.Any) -> tuple[typing.Any, ...]:
    headers = wire.sign_request(KEYS, "telephony", "POST", "/commands", b"{}", now=NOW, nonce=NONCE)
    given = {"audience": "telephony", "method": "POST", "path": "/commands", "body": b"{}", "now": NOW} | changes
    return headers, given


def check(headers: typing.Any, given: typing.Any) -> str:
    return wire.verify_request(
        KEYS, given["audience"], given["method"], given["path"], given["body"], headers, now=given["now"]
    )


def test_a_genuine_request_passes_within_a_minute() -> None:
    for shift in (-60, 0, 60):
        headers, given = signed(now=NOW + shift)
        assert check(headers, given) == NONCE


@pytest.mark.parametrize(
    "changes",
    [{"audience": "addon"}, {"method": "PUT"}, {"path": "/x"}, {"body": b"{} "}, {"now": NOW + 61}, {"now": NOW - 61}],
)
def test_a_changed_or_old_request_is_refused(changes: dict[str, typing.Any]) -> None:
    headers, given = signed(**changes)
    with pytest.raises(wire.BadSignature):
        check(headers, given)


@pytest.mark.parametrize("header", ["X-CTC-Key", "X-CTC-Time", "X-CTC-Nonce", "X-CTC-Signature"])
@pytest.mark.parametrize("value", ["", "zzz", "é", "²"])
def test_a_broken_header_is_refused(header: str, value: str) -> None:
    headers, given = signed()
    with pytest.raises(wire.BadSignature):
        check(headers | {header: value}, given)


def ticket(**changes: typing.Any) -> wire.JoinTicket:
    values: dict[str, typing.Any] = {
        "purpose": "phone",
        "tenant": TenantId("t"),
        "user": UserId("u"),
        "host": "h",
        "nonce": NONCE,
        "expires_at": NOW + 30,
    } | changes
    return wire.JoinTicket(**values)


def test_a_ticket_names_its_user_and_every_live_key_verifies() -> None:
    old = wire.Keys({"b": b"b" * 32})
    assert wire.read_ticket(KEYS, wire.mint_ticket(old, ticket()), "phone", "h", now=NOW) == ticket()


@pytest.mark.parametrize(
    ("purpose", "host", "now"), [("page", "h", NOW), ("phone", "g", NOW), ("phone", "h", NOW + 31)]
)
def test_a_ticket_for_another_purpose_host_or_time_is_refused(purpose: str, host: str, now: float) -> None:
    with pytest.raises(wire.BadSignature):
        wire.read_ticket(KEYS, wire.mint_ticket(KEYS, ticket()), purpose, host, now=now)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "é.é.é", "a." + "x" * 9000])
def test_garbage_is_no_ticket(text: str) -> None:
    with pytest.raises(wire.BadSignature):
        wire.read_ticket(KEYS, text, "phone", "h", now=NOW)


@pytest.mark.parametrize("bad", ["", "593", "+0123456", "+1234", "+12345678901234567", "+593 9", "+٥٩٣٢٣٤٥٦٧٨٩"])
def test_a_phone_number_is_e164(bad: str) -> None:
    with pytest.raises(BadNumber):
        PhoneNumber(bad)


def test_outcomes_are_a_closed_set() -> None:
    assert len(calls.Outcome) == 13
