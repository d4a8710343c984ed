"""What will happen if I call: the one decision for cards, webphone, forwards and call-backs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contract.calls import Device, RecordingPlan


class Verdict(StrEnum):
    """Why a call may or may not be placed."""

    ALLOWED = "allowed"
    EMERGENCY = "emergency"
    NOT_A_NUMBER = "not-a-number"
    COUNTRY_NOT_ALLOWED = "country-not-allowed"
    PREMIUM = "premium"
    TOO_MANY_CALLS = "too-many-calls"
    TOO_MANY_INTERNATIONAL = "too-many-international"
    COST_CAP = "cost-cap"
    NO_LINE = "no-line"
    SUSPENDED = "suspended"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class DialPlan:
    """The decision. `dial` is what goes to the PBX; `e164` is "" for an extension or emergency number."""

    verdict: Verdict
    dial: str
    e164: str
    shown: str
    region: str
    device: Device
    recording: RecordingPlan
    retention_days: int
    cost_class: str = "local"

    @property
    def may_call(self) -> bool:
        """Whether the call may be placed."""
        return self.verdict in {Verdict.ALLOWED, Verdict.EMERGENCY}
