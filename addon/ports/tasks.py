"""The task port: do later, at least once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class TasksAway(Exception):
    """The queue cannot be reached."""


class Tasks(Protocol):
    """One queue. A task is a signed POST of `body` to `/tasks/{job}`."""

    def enqueue(self, job: str, body: Mapping[str, Any], *, name: str = "", not_before: float = 0.0) -> bool:
        """False when a task of that `name` was enqueued before; `not_before` is Unix seconds."""
        ...

    def ping(self) -> None:
        """Raises TasksAway."""
        ...
