"""What telephony knows of a user at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from contract.calls import CallId, CallState, Direction, Party


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that is up now."""

    call: CallId
    direction: Direction
    state: CallState
    peer: Party
    seconds: int
    recording: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """What telephony knows of a user now; `webphone` only with fresh proof of life."""

    webphone: bool
    registered: bool
    calls: tuple[LiveCall, ...] = ()
    problem: str = ""
