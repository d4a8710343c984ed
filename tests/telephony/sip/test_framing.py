"""A stream gives the same messages wherever it was cut, and one that cannot be read ends by an error."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest

from telephony.errors import ParseError
from telephony.sip.framing import MAX_HEAD_BYTES, PING, StreamParser
from telephony.sip.message import MAX_MESSAGE_BYTES, parse
from tests.tally import tried
from tests.telephony.fuzz.mutations import mutants
from tests.telephony.fuzz.targets import SIP_WORDS

pytestmark = pytest.mark.pure
WIRE = Path(__file__).parents[2] / "wire"


def with_length(data: bytes) -> bytes:
    """A message of the corpus as a stream carries it."""
    return parse(data).encode()


CORPUS = [with_length(path.read_bytes()) for path in sorted(WIRE.glob("*.sip"))]
PINGS = [b"", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n", b"\r\n\r\n\r\n\r\n"]
ENDLESS, LATE = "error", "waits"


def framed(*pieces: bytes) -> list[bytes | str]:
    """Everything that came out, with how it ended."""
    parser = StreamParser()
    found: list[bytes | str] = []
    try:
        for piece in pieces:
            for one in parser.feed(piece):
                found.append(one)  # what came before an error counts
    except ParseError:
        return [*found, ENDLESS]
    return [*found, LATE] if parser.waiting else found


def cut(data: bytes, *at: int) -> list[bytes]:
    return [data[a:b] for a, b in pairwise((0, *at, len(data)))]


def test_every_cut_gives_the_same_messages(capsys: pytest.CaptureFixture[str]) -> None:
    count = 0
    for number, message in enumerate(CORPUS):
        blank = PINGS[number % len(PINGS)]
        stream = blank + message + blank + CORPUS[0]
        whole = framed(stream)
        assert [one for one in whole if one != PING] == [message, CORPUS[0]]
        assert whole.count(PING) == 2 * (blank.count(b"\n") // 2)
        for at in range(len(stream) + 1):
            assert framed(*cut(stream, at)) == whole, (number, at)
            count += 1
    stream = b"".join(CORPUS)
    assert framed(*cut(stream, *range(1, len(stream)))) == CORPUS
    tried(capsys, count, 20_000, "cuts of a stream")


def test_mutated_streams_end_alike_wherever_they_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    rolls, count, ends = random.Random(5), 0, set()
    for data in mutants(CORPUS, SIP_WORDS, 6000, 11):
        stream = data + CORPUS[0][: -1 if len(data) % 3 else None]
        whole = framed(stream)
        ends.add(whole[-1] if whole and isinstance(whole[-1], str) else "")
        for _ in range(3):
            at = sorted(rolls.randrange(len(stream) + 1) for _ in range(rolls.randrange(1, 6)))
            assert framed(*cut(stream, *at)) == whole
            count += 1
    assert ends == {"", ENDLESS, LATE}
    tried(capsys, count, 15_000, "cuts of mutated streams")


START = b"OPTIONS sip:a@b SIP/2.0\r\n"


@pytest.mark.parametrize(
    "stream",
    [
        START + b"\r\n", START + b"Via: x\r\n\r\n", START + b"Content-Length: 5x\r\n\r\n", START + b"Content-Length: -1\r\n\r\n",
        START + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", START + b"l: 1\r\nContent-Length: 1\r\n\r\n", START + "l: ²\r\n\r\n".encode(),
        START + b"l: 9999999999\r\n\r\n", START + b"l: %d\r\n\r\n" % MAX_MESSAGE_BYTES, b"x" * (MAX_HEAD_BYTES + 4), START + b"a: " + b"y" * MAX_HEAD_BYTES,
    ],
)  # fmt: skip
def test_a_stream_without_an_end_in_sight_is_an_error(stream: bytes) -> None:
    assert framed(stream) == [ENDLESS] and framed(*cut(stream, *range(0, len(stream), 7))) == [ENDLESS]


def test_the_largest_message_passes_and_a_folded_length_counts() -> None:
    head = START + b"Content-Length: %d\r\n\r\n"
    body = MAX_MESSAGE_BYTES - len(head % 65_000)
    message = head % body + b"b" * body
    assert len(message) == MAX_MESSAGE_BYTES and framed(message) == [message]
    assert framed(START + b"Content-Length:\r\n 3\r\n\r\nabc" + CORPUS[0]) == [
        START + b"Content-Length:\r\n 3\r\n\r\nabc",
        CORPUS[0],
    ]
