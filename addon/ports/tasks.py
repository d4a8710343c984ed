"""The task port: do later, at least once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Job(StrEnum):
    """What the queue and the schedule start: POST /tasks/{value}."""

    SWEEP = "sweep"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job that starts every so many seconds, counted from the epoch."""

    name: str
    every_seconds: int
    job: Job

    def slot(self, now: float) -> str:
        """The name of the run that is due at `now`; the same in every process."""
        return f"{self.name}-{self.every_seconds}-{int(now // self.every_seconds)}"


class TasksAway(Exception):
    """The queue cannot be reached."""


class Tasks(Protocol):
    """One queue. A task is a POST of `body` to `/tasks/{job}` with an OIDC token."""

    def enqueue(self, job: str, body: Mapping[str, Any], *, name: str = "", not_before: float = 0.0) -> bool:
        """False when a task of that `name` was enqueued before; `not_before` is Unix seconds, at most 30 days ahead.

        Raises TasksAway, ValueError for a body over 100 kB or a date too far ahead.
        """
        ...

    def ping(self) -> None:
        """Raises TasksAway."""
        ...
