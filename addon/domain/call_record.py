"""A finished call as its owner keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of one owner; times are Unix seconds. `recording` is "" or the recording's id (the call's id)."""

    call: CallId
    direction: Direction
    device: Device
    peer: Party
    outcome: Outcome
    started_at: float
    answered_at: float | None
    ended_at: float
    talk_seconds: float
    recording_rule: RecordingRule
    recording: str = ""
    recording_problem: str = ""

    @property
    def missed(self) -> bool:
        """An inbound call that nobody answered."""
        return self.direction is Direction.INBOUND and self.outcome in {
            Outcome.NO_ANSWER,
            Outcome.CANCELLED,
            Outcome.UNREACHABLE,
        }
