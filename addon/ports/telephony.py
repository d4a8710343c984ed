"""The add-on's side of the telephony service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from contract.calls import CallId, CallState, Direction, Party
from contract.commands import Command, CommandResult
from contract.numbers import TenantId, UserId


class TelephonyAway(Exception):
    """The telephony service does not answer."""


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


class Telephony(Protocol):
    """Commands and live state over the signed HTTP API."""

    def send(self, command: Command) -> CommandResult:
        """Raises TelephonyAway."""
        ...

    def presence(self, tenant: TenantId, user: UserId) -> Presence:
        """Raises TelephonyAway."""
        ...

    def ping(self) -> None:
        """Raises TelephonyAway."""
        ...
