"""One call: its state table, its facts and the picture that screens show."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from contract.calls import CallId, CallState, Codec, Device, Direction, Outcome, Party, RecordingPlan, RecordingRule
from contract.events import CallEnded
from contract.numbers import LineId, TenantId, UserId
from telephony.errors import BadCommand
from telephony.leg import Leg

_POLL_SECONDS = 0.005

NEXT: dict[CallState, frozenset[CallState]] = {
    CallState.NEW: frozenset({CallState.DIALING, CallState.RINGING, CallState.ENDED}),
    CallState.DIALING: frozenset({CallState.RINGING, CallState.EARLY, CallState.ACTIVE, CallState.ENDED}),
    CallState.RINGING: frozenset({CallState.EARLY, CallState.ACTIVE, CallState.ENDED}),
    CallState.EARLY: frozenset({CallState.ACTIVE, CallState.ENDED}),
    CallState.ACTIVE: frozenset({CallState.HELD, CallState.ENDED}),
    CallState.HELD: frozenset({CallState.ACTIVE, CallState.ENDED}),
    CallState.ENDED: frozenset(),
}

_FAR_PARTY_THERE = frozenset({CallState.RINGING, CallState.EARLY, CallState.ACTIVE})


class CallOver(Exception):
    """Ends the call's script with an outcome."""

    def __init__(self, outcome: Outcome, sip_status: int = 0) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.sip_status = sip_status


class BrowserLeg(Leg, Protocol):
    """The webphone's party: the page offers, the answer waits until the codec is settled."""

    async def take_offer(self, sdp: str) -> str:
        """The answer to the page's offer; returns after `settle`."""
        ...


class Connection(Protocol):
    """What a call's bridge lets others do to it while it is up."""

    async def hold(self, held: bool) -> None:
        """Hold or resume the far party."""
        ...

    def mute(self, muted: bool) -> None:
        """Stop or resume the user's voice."""
        ...

    def dial_digits(self, digits: str) -> None:
        """Send digits to the far party, in order."""
        ...

    def stop_recording(self, discard: bool = False) -> None:
        """No byte is recorded after this."""
        ...

    async def replace_user(self, sdp: str) -> str:
        """Carry the user's audio over a new offer of the page: reload, network or device change."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """Unix time for people, monotonic time for durations."""

    wall: Callable[[], float]
    monotonic: Callable[[], float]


@dataclass(slots=True, eq=False)
class Call:
    """The live facts of one call; scripts change it through `to` and `set`, screens read `snapshot`."""

    id: CallId
    tenant: TenantId
    user: UserId
    line: LineId
    direction: Direction
    device: Device
    peer: Party
    recording_plan: RecordingPlan
    clock: Clock
    on_change: Callable[[Call], None] = lambda _: None
    state: CallState = CallState.NEW
    started_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    muted: bool = False
    peer_holds: bool = False
    recording: str = "off"
    recording_rule: RecordingRule = RecordingRule.USER_OFF
    media: str = "none"
    media_round: int = 0
    pbx_silent: bool = False
    codec: Codec | None = None
    outcome: Outcome | None = None
    sip_status: int = 0
    talk_seconds: float = 0.0
    connection: Connection | None = None
    browser: BrowserLeg | None = None
    legs: list[Leg] = field(default_factory=list)
    offer_came: asyncio.Event = field(default_factory=asyncio.Event)
    picked_up: asyncio.Event = field(default_factory=asyncio.Event)
    wish: asyncio.Future[CallOver] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    rang_after_seconds: float | None = None
    _answered_monotonic: float | None = None
    _began_monotonic: float = 0.0

    def __post_init__(self) -> None:
        self.started_at, self._began_monotonic = self.clock.wall(), self.clock.monotonic()
        self.recording_rule = self.recording_plan.rule

    def to(self, state: CallState) -> None:
        """Move on; a step that the table does not know is a mistake of ours."""
        if state is self.state:
            return
        if state not in NEXT[self.state]:
            raise ValueError(f"{self.state} cannot become {state}")
        if state is CallState.ACTIVE and self.answered_at is None:
            self.answered_at, self._answered_monotonic = self.clock.wall(), self.clock.monotonic()
        if self.rang_after_seconds is None and state in _FAR_PARTY_THERE:
            self.rang_after_seconds = self.clock.monotonic() - self._began_monotonic
        self.state = state
        self.on_change(self)

    def changed(self, **facts: Any) -> None:
        """Set facts and tell the screens once."""
        for name, value in facts.items():
            setattr(self, name, value)
        self.on_change(self)

    def want_media(self) -> None:
        """Ask the phone's page for an offer; each asking has its own round, so that an old offer is known as old."""
        self.changed(media="wanted", media_round=self.media_round + 1)

    def end(self, outcome: Outcome, sip_status: int = 0) -> None:
        """Fix the outcome; talk time is monotonic, so a clock that jumps does not bill."""
        if self.state is CallState.ENDED:
            return
        if self._answered_monotonic is not None:
            self.talk_seconds = max(0.0, self.clock.monotonic() - self._answered_monotonic)
        self.outcome, self.sip_status, self.ended_at = outcome, sip_status, self.clock.wall()
        self.media, self.pbx_silent = "none", False
        self.recording = "stopped" if self.recording in {"on", "announcing"} else self.recording
        self.to(CallState.ENDED)

    @property
    def ends(self) -> bool:
        """It is over, or somebody ended it and the parties are being told."""
        return self.outcome is not None or self.wish.done()

    def ask_end(self, outcome: Outcome) -> None:
        """Ask the script to end the call; the first wish counts."""
        if not self.wish.done():
            self.wish.set_result(CallOver(outcome))

    async def take_offer(self, sdp: str) -> str:
        """The answer to an offer of the page before the call is up; the first tells the script once it is read.

        A later one is a reload or another window while it rings: the same leg goes on over the new connection.
        """
        leg = self.browser
        if leg is None:
            raise BadCommand("bad-state")
        answer = await answered_offer(leg, sdp, self.offer_came)
        if leg is self.browser and self.media == "wanted":
            self.changed(media="up")
        return answer

    def hang_up(self) -> None:
        """The user ends the call: what that means depends on how far it came."""
        if self.answered_at is not None:
            self.ask_end(Outcome.COMPLETED)
        elif self.direction is Direction.INBOUND:
            self.ask_end(Outcome.DECLINED)
        else:
            self.ask_end(Outcome.CANCELLED)

    def snapshot(self, seq: int) -> dict[str, Any]:
        """The whole picture: a screen is a function of the last one."""
        return {
            "seq": seq,
            "call": self.id,
            "direction": self.direction.value,
            "state": self.state.value,
            "peer": {
                "address": self.peer.address,
                "name": self.peer.name,
                "shown": self.peer.shown or self.peer.address,
            },
            "device": self.device.value,
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "held": self.state is CallState.HELD,
            "muted": self.muted,
            "peer_holds": self.peer_holds,
            "recording": self.recording,
            "recording_rule": self.recording_rule.value,
            "media": self.media,
            "media_round": self.media_round,
            "pbx_silent": self.pbx_silent,
            "outcome": self.outcome.value if self.outcome else None,
            "sip_status": self.sip_status,
        }

    def facts(self) -> dict[str, Any]:
        """What the journal keeps, enough to end the call after a restart."""
        return {
            "tenant": self.tenant,
            "user": self.user,
            "line": self.line,
            "direction": self.direction.value,
            "device": self.device.value,
            "peer": [self.peer.address, self.peer.name, self.peer.shown],
            "started_at": self.started_at,
            "answered_at": self.answered_at,
            "recording_rule": self.recording_rule.value,
            "codec": self.codec.value if self.codec else "",
        }

    def ended_event(self) -> CallEnded:
        """The event of a finished call."""
        assert self.outcome is not None and self.ended_at is not None
        return ended_event(self.id, self.facts(), self.outcome, self.ended_at, self.talk_seconds, self.sip_status)


async def answered_offer(leg: BrowserLeg, sdp: str, read: asyncio.Event) -> str:
    """Give the offer to the leg, set `read` once its codecs are known, return the answer."""

    async def known() -> None:
        while not leg.offered().codecs:  # noqa: ASYNC110 - a leg tells its codecs by asking only
            await asyncio.sleep(_POLL_SECONDS)
        read.set()

    polling = asyncio.ensure_future(known())
    try:
        return await leg.take_offer(sdp)
    finally:
        polling.cancel()


def ended_event(
    call: CallId, facts: dict[str, Any], outcome: Outcome, ended_at: float, talk_seconds: float, sip_status: int = 0
) -> CallEnded:
    """CallEnded out of journal facts; its id depends on the call alone, so a repetition is recognised."""
    return CallEnded(
        id=f"{call}:ended",
        seq=1,
        call=call,
        tenant=TenantId(facts["tenant"]),
        user=UserId(facts["user"]),
        line=LineId(facts["line"]),
        direction=Direction(facts["direction"]),
        device=Device(facts["device"]),
        peer=Party(*facts["peer"]),
        outcome=outcome,
        started_at=facts["started_at"],
        answered_at=facts["answered_at"],
        ended_at=ended_at,
        talk_seconds=talk_seconds,
        recording_rule=RecordingRule(facts["recording_rule"]),
        codec=facts["codec"],
        sip_status=sip_status,
    )
