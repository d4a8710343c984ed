"""What decides about a user's calls at this moment, read from the store in one request."""

from __future__ import annotations

from dataclasses import dataclass

from addon.domain.consent import Consent
from addon.domain.dialing import Usage
from addon.domain.people import Person


@dataclass(frozen=True, slots=True)
class BeforeCall:
    """The last recording decision, what was dialled lately, which of the asked E.164 numbers are blocked, whose one is."""

    consent: Consent | None
    usage: Usage
    blocked: frozenset[str]
    owner: Person | None = None
