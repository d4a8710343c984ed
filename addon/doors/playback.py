"""Plays one recording to its owner: a link for five minutes and one session, in ranges (RFC 9110 section 14)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Response

from addon.config import Config
from addon.domain.recordings import Recording
from addon.ports.objects import Objects

LINK_SECONDS = 300
MAX_RANGE_BYTES = 2_000_000
_RANGE = re.compile(r"bytes=(\d{0,12})-(\d{0,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlayLinks:
    """Signs the address of one recording for one session."""

    config: Config

    def _mac(self, session: str, call: str, until: int) -> str:
        key = next(iter(self.config.keys["web"].values()))
        return hmac.new(key, f"play\n{session}\n{call}\n{until}".encode(), hashlib.sha256).hexdigest()[:40]

    def make(self, session: str, call: str, now: float) -> str:
        """`until.signature`."""
        until = int(now) + LINK_SECONDS
        return f"{until}.{self._mac(session, call, until)}"

    def opens(self, text: str, session: str, call: str, now: float) -> bool:
        """Whether the link is this session's, this recording's and young."""
        until, _, mac = text.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 12):
            return False
        wanted = self._mac(session, call, int(until))
        return hmac.compare_digest(wanted.encode(), mac.encode("utf-8", "replace")) and now <= int(until)


def _wanted(header: str, size: int) -> tuple[int, int] | None:
    """First byte and length of a single range; None when it cannot be satisfied."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.group(1), found.group(2)
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        length = (min(int(last), size - 1) if last else size - 1) - start + 1
    return (start, length) if length > 0 and start < size else None


def audio(recording: Recording, header: str, objects: Objects) -> Response:
    """206 with at most 2 MB of what was asked, 416 for a range outside, the whole as a stream without a range."""
    size = recording.size_bytes
    fixed = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store", "Content-Disposition": "inline"}
    if not header:

        def whole() -> Iterator[bytes]:
            for start in range(0, size, MAX_RANGE_BYTES):
                yield objects.read(recording.object, start, min(MAX_RANGE_BYTES, size - start))

        return Response(whole(), 200, {**fixed, "Content-Length": str(size)}, content_type="audio/wav")
    found = _wanted(header, size)
    if found is None:
        return Response(b"", 416, {**fixed, "Content-Range": f"bytes */{size}"})
    start, length = found[0], min(found[1], MAX_RANGE_BYTES)
    body = objects.read(recording.object, start, length)
    span = {"Content-Range": f"bytes {start}-{start + length - 1}/{size}"}
    return Response(body, 206, {**fixed, **span}, content_type="audio/wav")
