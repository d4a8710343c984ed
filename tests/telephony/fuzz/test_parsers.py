"""Whatever bytes arrive, only the one documented error leaves a parser; what was once found stays a test."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import wire
from telephony.errors import ParseError
from tests.tally import tried
from tests.telephony.fuzz.mutations import mutants
from tests.telephony.fuzz.targets import KEYS, NOW, TARGETS, WIRE, read_sip

pytestmark = pytest.mark.pure
FOUND = sorted((WIRE / "found").iterdir())
COUNT, LONG_COUNT = 8_000, 300_000


def fuzz(name: str, count: int, seed: int) -> int:
    """Feed mutants; a failure names the bytes, which then become a file in tests/wire/found."""
    target, done = TARGETS[name], 0
    for data in mutants(target.corpus, target.words, count, seed):
        done += 1
        try:
            target.read(data)
        except target.allowed:
            continue
        except Exception as error:
            pytest.fail(f"{name}: {type(error).__name__} from {base64.b64encode(data).decode()}")
    return done


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_messages_let_out_only_the_documented_error(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tried(capsys, fuzz(name, COUNT, seed=1), COUNT, f"mutated {name}")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", TARGETS)
def test_many_more_mutated_messages_do_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    tried(capsys, fuzz(name, LONG_COUNT, seed), LONG_COUNT, f"mutated {name}, seed {seed}")


def test_every_message_of_the_corpus_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    messages = sorted(WIRE.glob("*.sip"))
    for path in messages:
        read_sip(path.read_bytes())
    tried(capsys, len(messages), 20, "real SIP messages")


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_stays_mended(path: Path) -> None:
    target = TARGETS[path.name.partition(".")[0].replace("_", " ")]
    try:
        target.read(path.read_bytes())
    except target.allowed:
        pass


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=600))
def test_any_bytes_let_out_only_the_documented_error(name: str, data: bytes) -> None:
    try:
        TARGETS[name].read(data)
    except TARGETS[name].allowed:
        pass


HEADER_NAMES = st.sampled_from(
    "Via v From f To t Call-ID i CSeq Contact m Record-Route Content-Length l Content-Type X-Y".split()
)
VALUES = st.one_of(
    st.sampled_from(
        ["SIP/2.0/UDP h;branch=z9hG4bKa", "<sip:a@b>;tag=1", "a", "1 INVITE", "7", '"x" <sip:a@b>', "*", "<tel:1>"]
    ),
    st.text(st.characters(blacklist_categories=("Cs",)), max_size=60),
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK"]),
    st.lists(st.tuples(HEADER_NAMES, VALUES)),
    st.binary(max_size=50),
)
def test_messages_built_of_headers_are_read_or_refused(start: str, headers: list[tuple[str, str]], body: bytes) -> None:  # fmt: skip
    needed = [
        ("Via", "SIP/2.0/UDP h"),
        ("From", "<sip:a@b>;tag=1"),
        ("To", "<sip:a@b>"),
        ("Call-ID", "a"),
        ("CSeq", "1 INVITE"),
    ]
    taken = {name.lower() for name, _ in headers}
    lines = [f"{name}: {value}" for name, value in headers] + [f"{n}: {v}" for n, v in needed if n.lower() not in taken]
    try:
        read_sip("\r\n".join([start, *lines, "", ""]).encode() + body)
    except ParseError:
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
BODY_FIELDS = {name for kind in wire.TYPES.values() for name in kind.__dataclass_fields__}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(wire.TYPES)), st.dictionaries(st.sampled_from(sorted(BODY_FIELDS)), JSON, max_size=12))
def test_contract_messages_with_wrong_fields_are_refused(name: str, body: dict[str, object]) -> None:
    try:
        wire.loads(json.dumps({"v": 1, "type": name, "body": body}).encode())
    except wire.BadWire:
        pass


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_a_signed_ticket_of_anything_is_a_ticket_or_none(value: object) -> None:
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    try:
        wire.read_ticket(KEYS, f"k1.{body}.{wire._mac(b'k' * 32, 'ticket', body)}", "phone", "h", now=NOW)
    except wire.BadSignature:
        pass
