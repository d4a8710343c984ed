"""Consent: stored, versioned, withdrawable decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RECORDING_TEXT_VERSION = "2026-11"


class ConsentKind(StrEnum):
    """What is decided, each on its own."""

    RECORDING = "recording"
    CONTACTS = "contacts"
    MAIL_CONTEXT = "mail-context"


@dataclass(frozen=True, slots=True)
class Consent:
    """One decision; never changed, only followed by another. `previous` is the hash of the one before."""

    id: str
    kind: ConsentKind
    version: str
    granted: bool
    at: float
    where: str
    previous: str = ""


def is_granted(latest: Consent | None, version: str) -> bool:
    """A consent counts only when the last decision granted the current version of the text."""
    return latest is not None and latest.granted and latest.version == version
