"""Telephony asks where an inbound call goes; the add-on answers."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import CallId, Party, RecordingPlan
from contract.numbers import LineId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """An INVITE for `called` (extension of one of the line's registrations)."""

    call: CallId
    tenant: TenantId
    line: LineId
    called: str
    caller: Party


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Ring `user`'s webphone for `ring_seconds`; if nobody answers play the announcement.

    `blocked` callers are declined (603) without ringing. `caller_name` and `caller_shown` are what the user's screen
    shows; `caller_address` is the number in E.164 where the PBX sent another spelling, "" to keep what it sent.
    """

    user: UserId
    caller_name: str
    recording: RecordingPlan
    ring_seconds: int = 30
    announcement_language: str = "en"
    blocked: bool = False
    caller_address: str = ""
    caller_shown: str = ""
