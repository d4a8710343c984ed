"""Telephony to add-on: delivered at least once, in order per call; `id` is unique, `seq` grows per call."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import LineId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The facts of a finished call for one owner; times are Unix seconds, durations seconds."""

    id: str
    seq: int
    call: CallId
    tenant: TenantId
    user: UserId
    line: LineId
    direction: Direction
    device: Device
    peer: Party
    outcome: Outcome
    started_at: float
    answered_at: float | None
    ended_at: float
    talk_seconds: float
    recording_rule: RecordingRule
    codec: str = ""
    sip_status: int = 0


@dataclass(frozen=True, slots=True)
class RecordingReady:
    """The object is stored and verified."""

    id: str
    seq: int
    call: CallId
    tenant: TenantId
    user: UserId
    object: str
    sha256: str
    size_bytes: int
    seconds: float
    notice_ended_at: float
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """A recording was due and could not be kept."""

    id: str
    seq: int
    call: CallId
    tenant: TenantId
    user: UserId
    reason: str


@dataclass(frozen=True, slots=True)
class LineStatus:
    """Registration of one extension changed.

    `problem` is "" or a code: wrong-password, unreachable, refused, untrusted-certificate, wrong-certificate-name, tls-failed.
    """

    id: str
    seq: int
    tenant: TenantId
    line: LineId
    extension: str
    registered: bool
    problem: str = ""


Event = CallEnded | RecordingReady | RecordingFailed | LineStatus
