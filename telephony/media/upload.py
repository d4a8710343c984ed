"""Resumable upload of one file against a grant: Google's `Content-Range` protocol (308 for parts, 200 at the end)."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from contract.uploads import UploadGrant
from telephony.errors import MediaError

PutPart = Callable[[str, bytes, str], Awaitable[tuple[int, str]]]
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes=0-(\d+)")


class UploadRefused(MediaError):
    """The store will never take this file."""


async def upload(
    path: Path,
    grant: UploadGrant,
    put: PutPart,
    *,
    away: tuple[type[Exception], ...] = (OSError,),
    tries: int = 16,
    first_wait_seconds: float = 0.2,
    longest_wait_seconds: float = 30.0,
) -> None:
    """Send the file from where the store has it; returns when the store has verified it.

    `put` sends a signed PUT of (url, body, Content-Range) and answers (status, Range header); it raises one of
    `away` when there was no answer. Progress resets the count of tries. Raises UploadRefused or MediaError.
    """
    size = await asyncio.to_thread(lambda: path.stat().st_size)
    at, asked, failures = 0, False, 0
    while failures < tries:
        body, content_range = await _part(path, at, size, grant.chunk_bytes, asked)
        try:
            status, found = await put(grant.url, body, content_range)
        except away:
            status, found = 503, ""
        if status in (200, 201):
            return
        if status == 308:
            match = _RANGE.fullmatch(found)
            reached = min(int(match[1]) + 1, size) if match else 0
            failures = 0 if reached > at else failures + 1
            at, asked = reached, reached >= size
            continue
        if status not in RETRIED:
            raise UploadRefused(f"the store answered {status}")
        failures, asked = failures + 1, True
        wait = min(longest_wait_seconds, first_wait_seconds * 2**failures)
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))
    raise MediaError("the store is away")


async def _part(path: Path, at: int, size: int, chunk_bytes: int, ask: bool) -> tuple[bytes, str]:
    if ask:
        return b"", f"bytes */{size}"
    body = await asyncio.to_thread(_read, path, at, chunk_bytes)
    return body, f"bytes {at}-{at + len(body) - 1}/{size}"


def _read(path: Path, at: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read(count)
