"""Inputs at their caps cost little, and twice as much input costs about twice as much."""

from __future__ import annotations

import asyncio
import binascii
import json
import struct
import time
from collections.abc import Callable
from itertools import count

import pytest
from aioice import stun

from contract import wire
from telephony.api_phone import MOST_FRAME_BYTES, RpcError, _request
from telephony.errors import ParseError
from telephony.sip import sdp
from telephony.sip.digest import strongest
from telephony.sip.message import MAX_HEADERS, MAX_LINE_CHARS, MAX_MESSAGE_BYTES, parse
from telephony.webrtc.guard import GuardedConnection, GuardedProtocol
from telephony.webrtc.negotiation import MAX_BYTES, MAX_LINES, Offer, allows_any, read_offer, trimmed
from tests.tally import tried
from tests.telephony.fuzz.targets import WIRE
from tests.telephony.fuzz.test_doors import PBX, Switchroom

pytestmark = pytest.mark.pure
# What may be done at a cap, in steps of a plain loop: 20 ms where such a loop makes 25 million steps a second.
MOST_STEPS = 500_000
HEAD = (
    b"OPTIONS sip:1001@p SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n"
    b"Call-ID: a\r\nCSeq: 7 OPTIONS\r\n"
)  # fmt: skip
OFFER = (WIRE / "chromium.offer").read_text()
DESCRIPTION = b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 101\r\n"


def headers(line: bytes, size: int) -> bytes:
    """A message of this size out of equal header lines of at most 8,000 bytes."""
    lines, left = [], size - len(HEAD) - 2
    while left > 12:
        piece = (line * (min(8000, left) // len(line) + 1))[: min(8000, left) - 5]
        lines.append(b"X: " + piece + b"\r\n")
        left -= len(lines[-1])
    return HEAD + b"".join(lines) + b"\r\n"


def instead(part: bytes, long: bytes, size: int) -> bytes:
    """A message of this size whose one part is very long."""
    return HEAD.replace(part, long * ((size - len(HEAD)) // len(long))) + b"\r\n"


SIP: dict[str, Callable[[int], bytes]] = {
    "long headers": lambda n: headers(b"a,b;c=d ", n),
    "quotes": lambda n: headers(b'"a\\"', n),
    "angles": lambda n: headers(b"<", n),
    "spaces in a From": lambda n: instead(b"<sip:a@x>", b" ", n).replace(b"From:", b"From: a").replace(b" ;tag", b" b;tag"),
    "a quoted name": lambda n: instead(b"<sip:a@x>", b"a", n).replace(b"From: ", b'From: "').replace(b";tag=1", b'" <sip:a@x>;tag=1'),
    "parameters": lambda n: instead(b";tag=1", b";a=b", n),
    "Vias in a line": lambda n: instead(b"Via: ", b"Via: SIP/2.0/UDP h;branch=x,", n),
    "spaces in a Via": lambda n: instead(b"127.0.0.1:5060", b" ", n).replace(b"UDP", b"UDP a").replace(b";branch", b":5060;branch"),
    "folds": lambda n: HEAD + b"X: a" + b"\r\n a" * ((n - len(HEAD)) // 4) + b"\r\n\r\n",
    "short headers": lambda n: HEAD + b"X: a\r\n" * ((n - len(HEAD)) // 6) + b"\r\n",
    "blank lines before": lambda n: b"\r\n" * ((n - len(HEAD)) // 2) + HEAD + b"\r\n",
    "a body": lambda n: HEAD + b"\r\n" + b"\r\n" * ((n - len(HEAD)) // 2),
    "digits": lambda n: HEAD + b"Content-Length: " + b"1" * (n - len(HEAD) - 22) + b"\r\n\r\n",
    "a long start line": lambda n: b"A" * (n - len(HEAD)) + HEAD + b"\r\n",
}  # fmt: skip
CHALLENGE: dict[str, Callable[[int], bytes]] = {
    "a word without end": lambda n: b"Digest " + b"a" * n,
    "commas": lambda n: b"Digest " + b"," * n,
    "fields": lambda n: b"Digest " + b"".join(b"a%d=b," % at for at in range(n // 7)),
    "escapes": lambda n: b'Digest realm="' + b"\\" * n,
    "spaces": lambda n: b"Digest a" + b" " * n + b"b",
}
PBX_SDP: dict[str, Callable[[int], bytes]] = {
    "rtpmaps": lambda n: DESCRIPTION + b"a=rtpmap:0 PCMU/8000\r\n" * (n // 100),
    "a long line": lambda n: DESCRIPTION + b"a=rtpmap:0 " + b"a" * n,
    "spaces": lambda n: DESCRIPTION + b"c=IN " + b" " * n + b"IP4",
    "payload types": lambda n: DESCRIPTION + b"m=audio 4000 RTP/AVP" + b" 0" * (n // 2),
}
PAGE_SDP: dict[str, Callable[[int], str]] = {
    "ssrc lines": lambda n: OFFER + "".join(f"a=ssrc:{at} cname:x\r\n" for at in range(n // 73)),
    "fmtp lines": lambda n: OFFER + "a=fmtp:111 a=b;c=d\r\n" * (n // 73),
    "extmap lines": lambda n: OFFER + "".join(f"a=extmap:{at} urn:x\r\n" for at in range(n // 73)),
    "groups": lambda n: OFFER.replace("a=group:BUNDLE 0", "a=group:BUNDLE" + " 0" * (n // 2 - 1200)),
    "a long line": lambda n: OFFER + "a=x:" + "y" * (n - len(OFFER) - 10),
}
FRAMES: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "[" * n,
    "objects": lambda n: '{"a":' * (n // 5),
    "digits": lambda n: '{"jsonrpc":"2.0","id":' + "9" * n + "}",
    "escapes": lambda n: '"' + "\\u0041" * (n // 6) + '"',
    "members": lambda n: "{" + ",".join(f'"{at}":{at}' for at in range(n // 12)) + "}",
    "an open string": lambda n: '"' + "\\\\" * (n // 2),
}
BODIES: dict[str, Callable[[int], bytes]] = {
    "brackets": lambda n: b"[" * n,
    "members": lambda n: b'{"v":1,"type":"HangUp","body":{' + b",".join(b'"%d":1' % at for at in range(n // 11)) + b"}}",
    "registrations": lambda n: json.dumps({"v": 1, "type": "LineConfig", "body": {"registrations": [{}] * (n // 4)}}).encode(),
}  # fmt: skip


def cut(offer: Offer) -> str:
    """What the answer does with an offer."""
    return trimmed(offer, offer.codecs[0], allows_any)


def fastest(work: Callable[[], object], runs: int = 5) -> float:
    """Seconds of CPU of the best of some runs."""
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def step_seconds() -> float:
    """What one step of a plain loop costs here and now."""
    return fastest(lambda: sum(1 for _ in range(100_000))) / 100_000


def check(name: str, make: Callable[[int], object], read: Callable[[object], object], cap: int) -> None:
    """At the cap within the budget, and at most three times the half."""

    def cost(data: object) -> float:
        def once() -> None:
            try:
                read(data)
            except (ParseError, RpcError, wire.BadWire):
                pass

        return fastest(once)

    half, whole = make(cap // 2), make(cap)
    steps = cost(whole) / step_seconds()
    for _ in range(4):
        ratio = cost(whole) / max(cost(half), 100 * step_seconds())
        if ratio <= 3:
            break
    assert ratio <= 3, f"{name}: twice the input costs {ratio:.1f} times as much"
    assert steps <= MOST_STEPS, f"{name}: {steps:.0f} steps at the cap"


def test_sip_messages_at_the_cap(capsys: pytest.CaptureFixture[str]) -> None:
    for name, make in SIP.items():
        assert MAX_MESSAGE_BYTES * 0.97 < len(make(MAX_MESSAGE_BYTES - 10)) <= MAX_MESSAGE_BYTES, name
        for cap in (MAX_MESSAGE_BYTES - 10, MAX_LINE_CHARS):
            check(name, make, parse, cap)  # type: ignore[arg-type] # each table has its reader
    tried(capsys, len(SIP), 14, "SIP bombs")


async def test_a_user_agent_at_the_cap(capsys: pytest.CaptureFixture[str]) -> None:
    room, numbers = Switchroom(), count()

    def hear(data: object) -> None:
        assert isinstance(data, bytes)
        room.socket.datagram_received(data.replace(b"z9hG4bKa", b"z9hG4bK%d" % next(numbers)), PBX)

    for name, make in SIP.items():
        for cap in (MAX_MESSAGE_BYTES - 10, MAX_LINE_CHARS):
            check(name, make, hear, cap)
            room.clear()
    await asyncio.sleep(0)
    tried(capsys, len(SIP), 14, "SIP bombs at a user agent")


@pytest.mark.parametrize(("what", "makes", "read", "cap"), [
    ("challenges", CHALLENGE, lambda data: strongest([data.decode()] * 8), 8000),
    ("descriptions of PBXs", PBX_SDP, sdp.parse, sdp.MAX_SDP_BYTES - 100),
    ("offers of pages", PAGE_SDP, lambda text: cut(read_offer(text)), MAX_BYTES),
    ("webphone frames", FRAMES, _request, MOST_FRAME_BYTES),
    ("contract messages", BODIES, wire.loads, wire.MAX_BODY_BYTES),
])  # fmt: skip
def test_other_inputs_at_their_caps(what: str, makes: dict[str, Callable[[int], object]], read: Callable[[object], object], cap: int,
                                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for name, make in makes.items():
        check(f"{what}, {name}", make, read, cap)
    tried(capsys, len(makes), 3, f"{what} at the cap")


def fingerprints(size: int) -> bytes:
    """A STUN message of nothing but right FINGERPRINT attributes: each of them is checked over all before it."""
    attributes = (size - 20) // 8
    data = struct.pack("!HHI12s", 1, attributes * 8, stun.COOKIE, b"x" * 12)
    for at in range(attributes):
        told = struct.pack("!HHI12s", 1, at * 8 + 8, stun.COOKIE, b"x" * 12) + data[20:]
        data += struct.pack("!HHI", 0x8028, 4, binascii.crc32(told) ^ 0x5354554E)
    return data


async def test_stun_at_the_cap(capsys: pytest.CaptureFixture[str]) -> None:
    connection = GuardedConnection(ice_controlling=False)
    protocol = GuardedProtocol(connection)
    short, whole = fingerprints(1000), fingerprints(16_000)
    stun.parse_message(short)

    def hear(data: bytes) -> float:
        return fastest(lambda: protocol.datagram_received(data, ("192.0.2.1", 4)))

    empty = struct.pack("!HHI12s", 1, 65_000, stun.COOKIE, b"x" * 12) + bytes(65_000)
    for data in (whole, empty):
        assert hear(data) < 1000 * step_seconds()
    assert connection.refused >= 10
    tried(capsys, 2, 2, "STUN bombs")


def test_caps_are_what_they_are_said_to_be() -> None:
    assert (MAX_MESSAGE_BYTES, MAX_HEADERS, sdp.MAX_SDP_BYTES, sdp.MAX_LINES) == (65_535, 100, 32_768, 500)
    assert (MAX_BYTES, MAX_LINES, MOST_FRAME_BYTES) == (32_768, 500, 65_536)
    for one_more in (
        lambda: parse(HEAD + b"X: a\r\n" * (MAX_HEADERS - 4) + b"\r\n"),
        lambda: parse(HEAD + b"X: " + b"a" * 8193 + b"\r\n\r\n"),
        lambda: parse(HEAD + b"\r\n" + b"a" * MAX_MESSAGE_BYTES),
        lambda: sdp.parse(DESCRIPTION + b"a=x\r\n" * sdp.MAX_LINES),
        lambda: read_offer(OFFER + "a=x\r\n" * MAX_LINES),
    ):
        with pytest.raises(ParseError):
            one_more()
    assert len(parse(HEAD + b"X: a\r\n" * (MAX_HEADERS - 5) + b"\r\n").headers) == MAX_HEADERS
