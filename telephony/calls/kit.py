"""What call scripts need from carriers, media and the add-on; `telephony.server` wires the real ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from contract.calls import CallId, Codec
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from telephony.calls.call import BrowserLeg, Call, Clock
from telephony.journal import Journal
from telephony.leg import Leg
from telephony.media.frame import Endpoint, Frame

USER, PEER = "user", "peer"
log = logging.getLogger(__name__)


class Plane(Protocol):
    """Two endpoints joined; `on_frame` sees each received frame with the side that sent it."""

    on_frame: Callable[[str, Frame], None] | None

    def flow(self, *, from_user: bool, from_peer: bool) -> None:
        """Which directions are forwarded."""
        ...

    def close(self) -> None:
        """Forward no more."""
        ...


class Tape(Protocol):
    """One recording being written."""

    def write(self, side: str, frame: Frame) -> None:
        """Append one received frame."""
        ...

    def close(self) -> None:
        """No byte is written after this."""
        ...

    def discard(self) -> None:
        """Close and delete."""
        ...


class Media(Protocol):
    """Audio work on endpoints."""

    def join(self, user: Endpoint, peer: Endpoint) -> Plane:
        """Forward frames between two endpoints."""
        ...

    async def say(self, endpoint: Endpoint, clip: str, language: str) -> None:
        """Play a clip to its end: `recording-notice`, `unavailable`."""
        ...

    async def ringback(self, endpoint: Endpoint) -> None:
        """Play the ringing tone until cancelled."""
        ...

    def tape(self, call: CallId, user: Codec, peer: Codec, notice_ended_at: float) -> Tape:
        """Begin a recording on disk; each side is written in the codec that it sends."""
        ...


class Lines(Protocol):
    """The tenants' PBX connections."""

    def dial(self, call: Call, dial: str, codecs: tuple[Codec, ...]) -> Leg:
        """An outgoing leg; raises BadCommand("no-line"), CallOver while the PBX has no address."""
        ...

    def desk_of(self, call: Call) -> str:
        """Extension of the user's desk phone; raises BadCommand("no-device")."""
        ...

    def has(self, tenant: TenantId, user: UserId, line: LineId) -> bool:
        """True when the line has a registration for the user."""
        ...

    def status(self, tenant: TenantId, user: UserId) -> tuple[bool, str]:
        """Registered, and the problem's code."""
        ...

    def knock(self, tenant: TenantId, user: UserId) -> None:
        """Register the user again now where the PBX could not be reached."""
        ...

    async def put(self, config: LineConfig) -> None:
        """Replace a line when its `rev` is newer."""
        ...

    def health(self) -> str:
        """ "ok" when a line is registered or there is none, else why none is: learning, registering or a problem's code."""
        ...

    def likely_codec(self, call: Call, offered: tuple[Codec, ...]) -> Codec:
        """Which of the browser's codecs the PBX will choose."""
        ...

    def dialog(self, leg: Leg) -> dict[str, Any] | None:
        """What the journal must keep to say BYE after a restart."""
        ...


class Routes(Protocol):
    """Where inbound calls go."""

    async def route(self, asked: RouteRequest) -> RoutePlan | None:
        """The plan, fresh or the last one kept; None when unknown."""
        ...


@dataclass(slots=True)
class Kit:
    """Everything a script needs."""

    media: Media
    lines: Lines
    routes: Routes
    journal: Journal
    clock: Clock
    browser_leg: Callable[[Call], BrowserLeg]
    device_wait_seconds: float = 8.0
    ringback_after_seconds: float = 1.0
    # A window gives its offer up after 30 s; a PBX may think longer than that before the callee rings.
    connected_after_seconds: float = 20.0

    async def keep_dialog(self, call: Call, leg: Leg) -> None:
        """Before a party is told that it is connected, what ends it after a kill is on disk."""
        dialog = self.lines.dialog(leg)
        if dialog is not None:
            await self.note(call, {f"dialog/{call.id}/{call.legs.index(leg)}": dialog})

    async def note(self, call: Call, kept: dict[str, Any]) -> None:
        """Put what a restart needs on disk; a disk that refuses ends no call that is already under way."""
        try:
            await self.journal.keep(kept)
        except OSError as error:
            log.error("a call goes on unnoted", extra={"call": call.id, "error": type(error).__name__})
