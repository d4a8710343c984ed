"""One party of a call, whatever carries it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from contract.calls import Codec, MediaCapabilities, Outcome, Party
from telephony.media.frame import Endpoint


class Signal(Enum):
    """What a leg tells its call; SILENT is a PBX that has not said anything yet, HEARD the end of that."""

    SILENT = auto()
    HEARD = auto()
    RINGING = auto()
    EARLY_MEDIA = auto()
    ANSWERED = auto()
    HELD = auto()
    RESUMED = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class LegEvent:
    """`outcome` and `sip_status` are set with ENDED."""

    signal: Signal
    outcome: Outcome | None = None
    sip_status: int = 0


@dataclass(slots=True)
class LegEvents:
    """A leg's mailbox: the leg puts, its call awaits."""

    queue: asyncio.Queue[LegEvent] = field(default_factory=asyncio.Queue)

    def put(self, signal: Signal, outcome: Outcome | None = None, sip_status: int = 0) -> None:
        """Tell the call; never blocks."""
        self.queue.put_nowait(LegEvent(signal, outcome, sip_status))

    async def next(self) -> LegEvent:
        """Wait for the next event."""
        return await self.queue.get()


class Leg(Protocol):
    """A party on the wire. `endpoint` is None until media is agreed."""

    party: Party
    events: LegEvents
    endpoint: Endpoint | None

    def offered(self) -> MediaCapabilities:
        """Codecs that this leg can carry now, in order."""
        ...

    async def settle(self, codec: Codec) -> None:
        """Fix the codec; afterwards `endpoint` is set. Raises MediaError when the leg cannot carry it."""
        ...

    async def ring(self) -> None:
        """Start ringing this party (outgoing INVITE; ring the webphone; 180 to an inbound caller)."""
        ...

    async def answer(self) -> None:
        """Accept an inbound party (200 OK). No effect on an outgoing leg."""
        ...

    async def confirm(self) -> None:
        """Acknowledge an outgoing party's answer, once a restart could end it. No effect on any other leg."""
        ...

    async def hold(self, held: bool) -> None:
        """Hold or resume this party (re-INVITE sendonly/sendrecv on SIP)."""
        ...

    async def hang_up(self, outcome: Outcome = Outcome.COMPLETED) -> None:
        """End this leg in whatever way its state asks for: CANCEL, a final response or BYE. Idempotent."""
        ...
