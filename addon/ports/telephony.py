"""The add-on's side of the telephony service."""

from __future__ import annotations

from typing import Protocol

from addon.domain.presence import Presence
from contract.commands import Command, CommandResult
from contract.numbers import TenantId, UserId


class TelephonyAway(Exception):
    """The telephony service does not answer; `maybe_done` is false when the command certainly did not arrive."""

    def __init__(self, reason: str = "", *, maybe_done: bool = True) -> None:
        super().__init__(reason)
        self.maybe_done = maybe_done


class LinesDown(Exception):
    """Not one line is registered; `reason` is a code: learning, registering, unreachable, refused, wrong-password."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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

    def ping_lines(self) -> None:
        """Raises LinesDown when no line at all is registered, TelephonyAway."""
        ...
