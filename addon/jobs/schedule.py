"""What starts by the clock: the local queue runs it under `make run`, production's scheduler is rendered from it."""

from __future__ import annotations

from addon.ports.tasks import Job, Scheduled


def schedule(sweep_seconds: int = 60) -> tuple[Scheduled, ...]:
    """Every scheduled job; `sweep_seconds` is how late a recording may go after its day has come."""
    return (
        Scheduled("sweep", sweep_seconds, Job.SWEEP),
        Scheduled("expire", 600, Job.EXPIRE),
    )
