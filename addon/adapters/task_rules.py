"""What Cloud Tasks refuses, refused by every queue: large bodies and dates too far ahead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_BODY_BYTES = 100_000
MAX_AHEAD_SECONDS = 30 * 86_400.0


def encode(body: Mapping[str, Any]) -> str:
    """The body as JSON text; raises ValueError for more than 100 kB."""
    text = json.dumps(body, separators=(",", ":"))
    if len(text.encode()) > MAX_BODY_BYTES:
        raise ValueError("a task carries ids, not contents: its body is over 100 kB")
    return text


def check_time(not_before: float, now: float) -> None:
    """Raises ValueError for a task that would wait longer than 30 days."""
    if not_before > now + MAX_AHEAD_SECONDS:
        raise ValueError("a task waits at most 30 days: keep the date in a document and enqueue it nearer")
