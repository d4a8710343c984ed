"""Add-on to telephony."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import CallId, Device, Party, RecordingPlan
from contract.events import CallEnded
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Ring the user's device, then `dial` (dial string) over the line. Idempotent by `call`.

    An `emergency` call is tried even while the line has a problem; any other is refused then.
    """

    call: CallId
    tenant: TenantId
    user: UserId
    device: Device
    line: LineId
    dial: str
    callee: Party
    recording: RecordingPlan
    max_seconds: int = 14400
    ring_timeout_seconds: int = 60
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """End a live call of this user."""

    call: CallId
    tenant: TenantId
    user: UserId


@dataclass(frozen=True, slots=True)
class HoldCall:
    """Hold or resume a live call of this user."""

    call: CallId
    tenant: TenantId
    user: UserId
    held: bool


@dataclass(frozen=True, slots=True)
class StopRecording:
    """Stop recording a live call; what was spooled is kept unless `discard`."""

    call: CallId
    tenant: TenantId
    user: UserId
    discard: bool = False


@dataclass(frozen=True, slots=True)
class PutLine:
    """Replace a line's configuration when `rev` is newer."""

    config: LineConfig


@dataclass(frozen=True, slots=True)
class EndSessions:
    """Close the webphones of a user: those of one web `session` (sign-out), all when it is "" (suspension)."""

    tenant: TenantId
    user: UserId
    session: str = ""


Command = PlaceCall | HangUp | HoldCall | StopRecording | PutLine | EndSessions


@dataclass(frozen=True, slots=True)
class CommandResult:
    """`accepted` is false with a `reason` from: unknown-call, no-line, line-down, no-device, overloaded, bad-state.

    `ended` is how the call went when the command ended it at once; the same event comes through the outbox too.
    """

    accepted: bool
    reason: str = ""
    ended: CallEnded | None = None
