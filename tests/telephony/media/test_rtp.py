"""RTP and RFC 4733 on the wire: fixtures, numbering that never repeats, hostile bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.errors import ParseError
from telephony.media.dtmf import DIGITS, DtmfReceiver, event_payloads
from telephony.media.rtp import Numbering, build_rtp, parse_rtp

pytestmark = pytest.mark.pure


def test_a_packet_is_what_the_rfc_draws() -> None:
    raw = bytes.fromhex("80800001000000a0deadbeef") + b"abc"
    assert build_rtp(0, True, 1, 160, 0xDEADBEEF, b"abc") == raw
    assert parse_rtp(raw) == (0, True, 1, 160, 0xDEADBEEF, b"abc")


def test_csrc_extension_and_padding_are_cut_off() -> None:
    head = bytes.fromhex("b1000001000000a0deadbeef") + b"CSRC" + bytes.fromhex("bede0001") + b"exte"
    assert parse_rtp(head + b"voice" + b"\0\0\3").payload == b"voice"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "80",
        "40000001000000a0deadbeef",
        "90000001000000a0deadbeef",
        "a0000001000000a0deadbe00",
        "8f000001000000a0deadbeef",
        "a0000001000000a0deadbeff",
        "90000001000000a0deadbeefbede0001",
    ],
)
def test_broken_packets_are_parse_errors(raw: str) -> None:
    with pytest.raises(ParseError):
        parse_rtp(bytes.fromhex(raw))


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=64))
def test_only_parse_error_comes_out(data: bytes) -> None:
    try:
        parse_rtp(b"\xb0" + data)
        parse_rtp(data)
    except ParseError:
        pass


def test_a_new_source_goes_on_where_the_line_is() -> None:
    line = Numbering(8000)
    assert line.place(100, 1000, 0.0) is not None
    first = line.timestamp, line.sequence
    assert line.place(101, 1160, 0.02) == (first[1] + 1 & 0xFFFF, first[0] + 160 & 0xFFFFFFFF, False)
    assert line.place(9, 4_000_000, 0.12) == (first[1] + 2 & 0xFFFF, first[0] + 160 + 800 & 0xFFFFFFFF, True)


def test_loss_stays_visible_and_a_late_packet_takes_its_own_place() -> None:
    line = Numbering(8000)
    line.place(0, 0, 0.0)
    sequence, timestamp = line.sequence, line.timestamp
    assert line.place(3, 480, 0.06) == (sequence + 3 & 0xFFFF, timestamp + 480 & 0xFFFFFFFF, False)
    assert line.place(2, 320, 0.06) == (sequence + 2 & 0xFFFF, timestamp + 320 & 0xFFFFFFFF, False)
    assert line.place(2, 320, 0.06) is None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1)),
            st.integers(0, 60),
            st.just("own"),
            st.just("swallow"),
        ),
        max_size=120,
    )
)
def test_no_sequence_number_is_given_twice(steps: list[object]) -> None:
    line, given_out, now, sequence, timestamp = Numbering(8000), [], 0.0, 0, 0
    for step in steps:
        now += 0.02
        if step == "own":
            given_out.append(line.next_sequence())
            continue
        if step == "swallow":
            line.swallow(sequence)
            continue
        if isinstance(step, tuple):
            sequence, timestamp = step
        else:
            assert isinstance(step, int)
            sequence, timestamp = sequence + step - 5 & 0xFFFF, timestamp + 160 * (step - 5) & 0xFFFFFFFF
        placed = line.place(sequence, timestamp, now)
        if placed is not None:
            given_out.append(placed[0])
    assert len(given_out) == len(set(given_out))


@pytest.mark.parametrize("clock", [8000, 48000])
@pytest.mark.parametrize("digit", DIGITS)
def test_each_digit_arrives_once_although_its_end_is_sent_three_times(digit: str, clock: int) -> None:
    payloads = event_payloads(digit, 120, clock)
    assert [p[1] >> 7 for p in payloads] == [0] * 5 + [1] * 3
    assert int.from_bytes(payloads[-1][2:], "big") == clock * 120 // 1000
    receiver = DtmfReceiver()
    assert "".join(receiver.feed(payload, 777) for payload in payloads) == digit


def test_a_digit_whose_end_was_lost_counts_when_the_next_begins() -> None:
    receiver = DtmfReceiver()
    first, second = event_payloads("1", 100, 8000), event_payloads("2", 100, 8000)
    assert [receiver.feed(first[0], 100), receiver.feed(second[0], 2000), receiver.feed(second[-1], 2000)] == [
        "",
        "1",
        "2",
    ]
    assert receiver.feed(first[-1], 100) == ""


def test_broken_events_are_no_digits() -> None:
    assert DtmfReceiver().feed(b"\x01\x80", 1) == ""
    assert DtmfReceiver().feed(b"\x20\x80\x00\xa0", 1) == ""
    with pytest.raises(ValueError, match="digit"):
        event_payloads("x", 100, 8000)


def test_the_packet_that_is_due_next_takes_a_short_way_to_the_same_place() -> None:
    """Both ways side by side over a line with loss, repeats, late packets, jumps, stalls and new sources."""
    dice = random.Random(5)
    quick, general = Numbering(8000), Numbering(8000)
    vars(general).update(vars(quick) | {"_holes": {}})
    sequence, timestamp, now, short = 0xFFF0, 0xFFFFF000, 0.0, 0
    quick.place(sequence, timestamp, now), general.place(sequence, timestamp, now)
    for _ in range(20_000):
        step = dice.choice([1] * 12 + [2, 3, 0, -1, -2, 60, 30_000])
        sequence = sequence + step & 0xFFFF
        timestamp = timestamp + dice.choice([160 * step] * 12 + [0, 4000, 4001, 40_000, -9000, 2**31]) & 0xFFFFFFFF
        now += dice.choice([0.02] * 12 + [0.0, 0.3, 4.99, 5.0, 9.0, -0.5])
        short += step == 1
        placed = general._place(sequence, timestamp, now)
        assert quick.place(sequence, timestamp, now) == placed
        assert vars(quick) == vars(general)
    print(f"the short way was open {short} times of 20000")
    assert short > 10_000
