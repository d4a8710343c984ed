"""Digits as RTP events (RFC 4733)."""

from __future__ import annotations

import struct

DIGITS = "0123456789*#ABCD"
PACKET_MS = 20
_EVENT = struct.Struct("!BBH")
_VOLUME = 10
_END = 0x80
_MAX_DURATION = 0xFFFF


class DtmfReceiver:
    """Turns event packets into digits: one per event, whatever is repeated or lost."""

    def __init__(self) -> None:
        self._timestamp: int | None = None
        self._open = ""

    def feed(self, payload: bytes, timestamp: int) -> str:
        """Digits that ended with this packet: none, one, or two when the end of the one before was lost."""
        if len(payload) < 4:
            return ""
        event, flags, _duration = _EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return ""
        ended = ""
        if timestamp != self._timestamp:
            if self._timestamp is not None and (timestamp - self._timestamp) & 0xFFFFFFFF > 0x7FFFFFFF:
                return ""
            ended, self._open, self._timestamp = self._open, DIGITS[event], timestamp
        if flags & _END and self._open:
            ended, self._open = ended + self._open, ""
        return ended


def event_payloads(digit: str, duration_ms: int, clock_rate_hz: int) -> list[bytes]:
    """One event in 20 ms steps; the last of them is the end, which is sent three times (RFC 4733 section 2.5.1.4).

    Raises ValueError for a sign that is no digit.
    """
    if len(digit) != 1 or digit not in DIGITS:
        raise ValueError("not a digit")
    event = DIGITS.index(digit)
    step = clock_rate_hz * PACKET_MS // 1000
    steps = max(2, round(duration_ms / PACKET_MS))
    durations = [min(step * n, _MAX_DURATION) for n in range(1, steps + 1)]
    going = [_EVENT.pack(event, _VOLUME, duration) for duration in durations[:-1]]
    return going + [_EVENT.pack(event, _END | _VOLUME, durations[-1])] * 3
