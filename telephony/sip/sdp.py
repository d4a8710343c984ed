"""SDP for one audio stream (RFC 4566, RFC 3264): offers, answers, hold."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from contract.calls import Codec
from telephony.errors import ParseError

MAX_SDP_BYTES = 32_768
MAX_LINES = 500
STATIC = {0: Codec.PCMU, 8: Codec.PCMA, 9: Codec.G722}
PREFERRED = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.G722: 9, Codec.OPUS: 107}
EVENT_PAYLOAD = {8000: 101, 48000: 110}
FAMILIES = {"IP4": ipaddress.IPv4Address, "IP6": ipaddress.IPv6Address}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_MEDIA = re.compile(r"audio (\d{1,5})(?:/\d+)? (RTP/\S+) ([\d ]{1,200})", re.ASCII)
_RTPMAP = re.compile(r"rtpmap:(\d{1,3}) ([A-Za-z0-9\-]+)/(\d{4,6})(?:/\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Description:
    """What one side said: where it hears, which codecs (payload type by codec, in order), events by clock."""

    host: str
    port: int
    codecs: dict[Codec, int] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)
    direction: str = "sendrecv"
    profile: str = "RTP/AVP"

    @property
    def holds(self) -> bool:
        """True when this side does not want to hear us (RFC 3264 section 8.4, and 0.0.0.0 of RFC 2543)."""
        return self.direction in {"sendonly", "inactive"} or self.host == "0.0.0.0"  # noqa: S104 -- a value on the wire

    def event_payload(self, codec: Codec) -> int | None:
        """Payload type of telephone-event at the codec's clock."""
        return self.events.get(codec.clock_rate_hz)


def _codec(name: str, rate: int) -> Codec | None:
    return next((c for c in Codec if c.value.lower() == name.lower() and c.clock_rate_hz == rate), None)


def _lines(data: bytes) -> list[tuple[str, str]]:
    if len(data) > MAX_SDP_BYTES:
        raise ParseError("an SDP that is too long")
    lines = data.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_LINES:
        raise ParseError("an SDP with too many lines")
    return [(line[0], line[2:].strip()) for line in lines if len(line) > 1 and line[1] == "="]


def _address(value: str) -> str:
    """A plain address: a name would be looked up, and looked up again, by whoever sends there."""
    parts = value.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in FAMILIES:
        raise ParseError("a bad c= line")
    try:
        return str(FAMILIES[parts[1]](parts[2].partition("/")[0]))
    except ValueError:
        raise ParseError("a c= line without a plain address") from None


def parse(data: bytes) -> Description:
    """The first audio stream; raises ParseError when there is none that could be used."""
    host, session_direction, stream = "", "", None
    direction, maps, payloads, where = "", {}, [], ""
    for kind, value in _lines(data):
        if kind == "m":
            if stream is not None:
                break
            stream = _MEDIA.fullmatch(value)
            if stream is None and value.startswith("audio"):
                raise ParseError("a bad m= line")
            payloads = [int(p) for p in stream.group(3).split()[:40]] if stream else []
        elif kind == "c":
            where = _address(value)
            host = where if stream is None else host
        elif kind == "a" and (value in DIRECTIONS):
            direction, session_direction = (value, session_direction) if stream else (direction, value)
        elif kind == "a" and stream and (rtpmap := _RTPMAP.fullmatch(value)):
            maps[int(rtpmap.group(1))] = (rtpmap.group(2), int(rtpmap.group(3)))
    if stream is None or not where or int(stream.group(1)) > 65535:
        raise ParseError("no audio")
    codecs: dict[Codec, int] = {}
    events: dict[int, int] = {}
    for payload in payloads:
        name, rate = maps.get(payload, ("", 0))
        codec = _codec(name, rate) if name else STATIC.get(payload)
        if name.lower() == "telephone-event":
            events.setdefault(rate, payload)
        elif codec is not None:
            codecs.setdefault(codec, payload)
    said = direction or session_direction or "sendrecv"
    return Description(where, int(stream.group(1)), codecs, events, said, stream.group(2))


def build(ours: Description, session_id: int, version: int) -> bytes:
    """Our description as SDP."""
    payloads = [*ours.codecs.values(), *ours.events.values()]
    family = "IP6" if ":" in ours.host else "IP4"
    lines = [
        "v=0", f"o=- {session_id} {version} IN {family} {ours.host}", "s=-", f"c=IN {family} {ours.host}", "t=0 0",
        f"m=audio {ours.port} RTP/AVP {' '.join(map(str, payloads))}",
    ]  # fmt: skip
    for codec, payload in ours.codecs.items():
        lines.append(f"a=rtpmap:{payload} {codec.value}/{codec.clock_rate_hz}{'/2' if codec is Codec.OPUS else ''}")
    for rate, payload in ours.events.items():
        lines += [f"a=rtpmap:{payload} telephone-event/{rate}", f"a=fmtp:{payload} 0-15"]
    lines += ["a=ptime:20", f"a={ours.direction}"]
    return ("\r\n".join(lines) + "\r\n").encode()


def offer(host: str, port: int, codecs: Sequence[Codec], direction: str = "sendrecv") -> Description:
    """What we offer: each codec, and telephone-event at each clock that is used."""
    clocks = dict.fromkeys(c.clock_rate_hz for c in codecs)
    return Description(
        host, port, {c: PREFERRED[c] for c in codecs}, {rate: EVENT_PAYLOAD[rate] for rate in clocks}, direction
    )


def answer(theirs: Description, host: str, port: int, codec: Codec, direction: str = "sendrecv") -> Description:
    """Exactly one codec of theirs with their payload types; a hold is answered in kind (RFC 3264 section 6.1)."""
    if codec not in theirs.codecs:
        raise ParseError("the codec was not offered")
    event = theirs.event_payload(codec)
    events = {codec.clock_rate_hz: event} if event is not None else {}
    mirrored = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}.get(theirs.direction, direction)
    return Description(host, port, {codec: theirs.codecs[codec]}, events, mirrored)


def chosen(theirs: Description, offered: Sequence[Codec]) -> Codec:
    """The first codec of an answer that we offered; raises ParseError."""
    for codec in theirs.codecs:
        if codec in offered:
            return codec
    raise ParseError("no common codec")
