"""How long an INVITE of ours waits for any response: a person gives up long before timer B does (RFC 3261 section 17.1.1.2)."""

from __future__ import annotations

from collections.abc import Callable

from telephony.sip.transaction import Later, Timers

SILENT_SECONDS, GIVE_UP_SECONDS = 3.0, 8.0


class Patience:
    """Tells that the PBX is silent, later that it is given up; `end` once it said anything."""

    def __init__(self, later: Later, on_silent: Callable[[], None], on_give_up: Callable[[], None]) -> None:
        self.silent = False
        self._timers, self._on_silent, self._on_give_up = Timers(later), on_silent, on_give_up

    def begin(self) -> None:
        """An INVITE was sent."""
        self._timers.start("silent", SILENT_SECONDS, self._became_silent)
        self._timers.start("give up", GIVE_UP_SECONDS, self._on_give_up)

    def _became_silent(self) -> None:
        self.silent = True
        self._on_silent()

    def end(self) -> bool:
        """True when the silence that ends was told."""
        self._timers.stop()
        told, self.silent = self.silent, False
        return told
