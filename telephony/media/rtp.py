"""RTP headers and one outgoing stream's numbering (RFC 3550 section 5.1); no input or output."""

from __future__ import annotations

import secrets
import struct
from typing import NamedTuple

from telephony.errors import ParseError

HEADER = struct.Struct("!BBHII")
FRAME_SECONDS = 0.02
MAX_GAP = 50
_FUTURE_SECONDS = 0.5
_STALL_SECONDS = 5.0


class RtpPacket(NamedTuple):
    """One parsed packet; extension, CSRC list and padding are already cut off."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_rtp(data: bytes) -> RtpPacket:
    """Read one packet; lets out only ParseError (RFC 3550 section 5.1)."""
    size = len(data)
    if size < 12:
        raise ParseError("RTP packet is shorter than its header")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    if first == 0x80:
        return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[12:])
    if first >> 6 != 2:
        raise ParseError("not RTP version 2")
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        if size < start + 4:
            raise ParseError("RTP extension is cut")
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = size
    if first & 0x20:
        end -= data[-1]
        if data[-1] == 0:
            raise ParseError("RTP padding is empty")
    if start > end:
        raise ParseError("RTP packet is cut")
    return RtpPacket(second & 0x7F, second > 0x7F, sequence, timestamp, ssrc, data[start:end])


def build_rtp(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """One packet without extension, CSRC list or padding."""
    return HEADER.pack(0x80, payload_type | (0x80 if marker else 0), sequence, timestamp, ssrc) + payload


class Numbering:
    """Sequence and timestamp line of one outgoing stream, continuous while its sources change.

    Forwarded packets keep their gaps, so that the receiver sees the loss; a source that starts
    anew (a prompt, a reconnected browser) goes on where the line is. A sequence number is never
    given twice: with SRTP that would repeat a nonce (RFC 7714 section 8).
    """

    def __init__(self, clock_rate_hz: int) -> None:
        self.clock_rate_hz = clock_rate_hz
        self._near = int(_FUTURE_SECONDS * clock_rate_hz)
        self.ssrc = secrets.randbits(32)
        self.sequence = secrets.randbits(15)
        self.timestamp = secrets.randbits(32)
        self._in_sequence = self._in_timestamp = 0
        self._now = self._first_event = -1.0
        self._holes: dict[int, int] = {}

    def place(self, in_sequence: int, in_timestamp: int, now: float) -> tuple[int, int, bool] | None:
        """Outgoing (sequence, timestamp, starts a talk spurt); None for a duplicate or a packet too late."""
        if self._now < 0:
            self.sequence = self.sequence + 1 & 0xFFFF
            self._remember(in_sequence, in_timestamp, now)
            return self.sequence, self.timestamp, True
        if (
            in_sequence - self._in_sequence & 0xFFFF == 1
            and (ticks := in_timestamp - self._in_timestamp & 0xFFFFFFFF) <= self._near
            and 0.0 <= now - self._now < _STALL_SECONDS
        ):
            self._in_sequence, self._in_timestamp, self._now = in_sequence, in_timestamp, now
            self.sequence = self.sequence + 1 & 0xFFFF
            self.timestamp = self.timestamp + ticks & 0xFFFFFFFF
            return self.sequence, self.timestamp, False
        return self._place(in_sequence, in_timestamp, now)

    def _place(self, in_sequence: int, in_timestamp: int, now: float) -> tuple[int, int, bool] | None:
        """The general case; the short way above gives the same for the packet that is due next."""
        step = (in_sequence - self._in_sequence + 32768 & 0xFFFF) - 32768
        ticks = (in_timestamp - self._in_timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        elapsed = max(0.0, now - self._now)
        seconds = ticks / self.clock_rate_hz
        same_source = (
            -MAX_GAP < step <= MAX_GAP
            and -1.0 < seconds <= elapsed + _FUTURE_SECONDS
            and elapsed - seconds < _STALL_SECONDS
        )
        if same_source and step <= 0:
            late = self._holes.pop(in_sequence, None)
            return None if late is None else (late, self.timestamp + ticks & 0xFFFFFFFF, False)
        if not same_source:
            self._holes.clear()
            step, ticks = 1, round(max(FRAME_SECONDS, elapsed) * self.clock_rate_hz)
        for missing in range(1, step):
            self._holes[self._in_sequence + missing & 0xFFFF] = self.sequence + missing & 0xFFFF
        if len(self._holes) > MAX_GAP:
            self._holes.clear()
        self.sequence = self.sequence + step & 0xFFFF
        self.timestamp = self.timestamp + ticks & 0xFFFFFFFF
        self._remember(in_sequence, in_timestamp, now)
        return self.sequence, self.timestamp, not same_source

    def swallow(self, in_sequence: int) -> None:
        """A frame of the source that is not sent, because an event is: no hole is left for it."""
        self._in_sequence = in_sequence
        self._holes.clear()

    def begin_event(self, now: float) -> int:
        """The timestamp of an event that begins now (RFC 4733 section 2.2)."""
        since = self._now if self._now >= 0 else self._first_event
        if since < 0:
            self._first_event = since = now
        elapsed = int((now - since) * self.clock_rate_hz)
        return self.timestamp + max(elapsed, 0) & 0xFFFFFFFF

    def next_sequence(self) -> int:
        """The number of one packet of our own."""
        self.sequence = self.sequence + 1 & 0xFFFF
        self._holes.clear()
        return self.sequence

    def _remember(self, in_sequence: int, in_timestamp: int, now: float) -> None:
        self._in_sequence, self._in_timestamp, self._now = in_sequence, in_timestamp, now
