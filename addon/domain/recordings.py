"""Recordings: retention and what holds it up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from contract.calls import CallId, Party
from contract.numbers import TenantId, UserId

DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A stored recording of one owner. `purge_at` is Unix seconds; `holds` keep it past that."""

    call: CallId
    object: str
    generation: int
    size_bytes: int
    sha256: str
    seconds: float
    started_at: float
    peer: Party
    purge_at: float
    consent_id: str = ""
    cut_short: bool = False
    holds: tuple[str, ...] = ()


def purge_at(ended_at: float, retention_days: int, maximum_days: int) -> float:
    """When a recording goes: the user's choice, never longer than the tenant's maximum."""
    return ended_at + min(retention_days, maximum_days) * DAY_SECONDS


def is_due(recording: Recording, *, now: float) -> bool:
    """Whether the sweep may delete it."""
    return not recording.holds and recording.purge_at <= now


def objects_of(tenant: TenantId, user: UserId) -> str:
    """What the names of a user's recordings begin with; no id of anybody is readable in it."""
    owner = hashlib.sha256(f"{tenant}/{user}".encode()).hexdigest()[:24]
    return f"{hashlib.sha256(tenant.encode()).hexdigest()[:16]}/{owner}/recording/"
