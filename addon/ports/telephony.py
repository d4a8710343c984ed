"""The add-on's side of the telephony service."""

from __future__ import annotations

from typing import Protocol

from addon.domain.presence import Presence
from contract.commands import Command, CommandResult
from contract.numbers import TenantId, UserId


class TelephonyAway(Exception):
    """The telephony service does not answer."""


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
