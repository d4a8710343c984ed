"""In-memory parties for call scripts: endpoints that remember frames, legs driven by the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contract.calls import CallId, Codec, Device, MediaCapabilities, Outcome, Party, RecordingPlan, RecordingRule
from contract.commands import PlaceCall
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from telephony.calls.call import Call, Clock
from telephony.calls.kit import PEER, USER, Kit
from telephony.calls.phones import Phones
from telephony.calls.switchboard import Switchboard
from telephony.errors import BadCommand
from telephony.journal import Journal
from telephony.leg import LegEvents, Signal
from telephony.media.frame import Endpoint, Frame

ALICE = (TenantId("acme"), UserId("alice"))
LINE = LineId("main")


@dataclass(eq=False)
class MemoryEndpoint:
    """Keeps what it was told to send."""

    codec: Codec
    on_frame: Callable[[Frame], None] | None = None
    sent: list[Frame] = field(default_factory=list)
    digits: str = ""

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)

    def send_digit(self, digit: str, duration_ms: int = 120) -> None:
        self.digits += digit

    def close(self) -> None:
        self.on_frame = None

    def hear(self, payload: bytes = b"", digit: str = "") -> None:
        if self.on_frame:
            self.on_frame(Frame(payload, 0, digit=digit))


@dataclass(eq=False)
class ScriptedLeg:
    """A party that does what the test says."""

    codecs: tuple[Codec, ...] = (Codec.PCMU,)
    party: Party = field(default_factory=lambda: Party("+593991112222"))
    dialled: str = ""
    events: LegEvents = field(default_factory=LegEvents)
    endpoint: MemoryEndpoint | None = None
    log: list[Any] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: Exception | None = None

    def offered(self) -> MediaCapabilities:
        return MediaCapabilities(self.codecs)

    async def settle(self, codec: Codec) -> None:
        self.endpoint = MemoryEndpoint(codec)
        self.settled.set()

    async def ring(self) -> None:
        if self.trouble:
            raise self.trouble
        self.log.append("ring")

    async def answer(self) -> None:
        self.log.append("answer")

    async def confirm(self) -> None:
        self.log.append("confirm")

    async def hold(self, held: bool) -> None:
        self.log.append(("hold", held))

    async def hang_up(self, outcome: Outcome = Outcome.COMPLETED) -> None:
        self.log.append(("hang_up", outcome))

    async def take_offer(self, sdp: str) -> str:
        self.codecs = tuple(Codec(name) for name in sdp.split())
        await self.settled.wait()
        assert self.endpoint is not None
        return self.endpoint.codec.value


@dataclass(eq=False)
class MemoryPlane:
    """Forwards between two memory endpoints."""

    user: Endpoint
    peer: Endpoint
    on_frame: Callable[[str, Frame], None] | None = None
    open: tuple[bool, bool] = (True, True)

    def __post_init__(self) -> None:
        self.user.on_frame = lambda frame: self._pass(USER, frame)
        self.peer.on_frame = lambda frame: self._pass(PEER, frame)

    def _pass(self, side: str, frame: Frame) -> None:
        if self.on_frame:
            self.on_frame(side, frame)
        if self.open[side == PEER] and not frame.digit:
            (self.peer if side == USER else self.user).send(frame)

    def flow(self, *, from_user: bool, from_peer: bool) -> None:
        self.open = (from_user, from_peer)

    def close(self) -> None:
        self.user.on_frame = self.peer.on_frame = None


@dataclass
class MemoryTape:
    """Keeps frames by side."""

    story: list[Any]
    user: Codec
    peer: Codec
    frames: list[tuple[str, bytes]] = field(default_factory=list)
    closed: bool = False

    def write(self, side: str, frame: Frame) -> None:
        assert not self.closed
        self.frames.append((side, frame.payload))

    def close(self) -> None:
        self.closed = True

    def discard(self) -> None:
        self.closed = True
        self.frames.clear()


@dataclass
class MemoryMedia:
    """Clips last `clip_seconds`; `story` is the order of what happened."""

    clip_seconds: float = 0.05
    story: list[Any] = field(default_factory=list)
    tapes: list[MemoryTape] = field(default_factory=list)

    def join(self, user: Endpoint, peer: Endpoint) -> MemoryPlane:
        return MemoryPlane(user, peer)

    async def say(self, endpoint: Endpoint, clip: str, language: str) -> None:
        self.story.append(("begins", clip, language))
        await asyncio.sleep(self.clip_seconds)
        self.story.append(("ends", clip, language))

    async def ringback(self, endpoint: Endpoint) -> None:
        self.story.append("ringback")
        await asyncio.Event().wait()

    def tape(self, call: CallId, user: Codec, peer: Codec, notice_ended_at: float) -> MemoryTape:
        self.story.append("tape")
        self.tapes.append(MemoryTape(self.story, user, peer))
        return self.tapes[-1]


@dataclass
class MemoryLines:
    """One line for Alice with a desk phone; the test takes dialled legs from `dialled`."""

    dialled: asyncio.Queue[ScriptedLeg] = field(default_factory=asyncio.Queue)
    codecs: tuple[Codec, ...] = (Codec.PCMU,)
    desk: str = "2001"
    trouble: Exception | None = None
    problem: str = ""
    configs: list[LineConfig] = field(default_factory=list)
    knocks: int = 0

    def dial(self, call: Call, dial: str, codecs: tuple[Codec, ...]) -> ScriptedLeg:
        leg = ScriptedLeg(self.codecs, dialled=dial, trouble=self.trouble)
        self.dialled.put_nowait(leg)
        return leg

    def desk_of(self, call: Call) -> str:
        if not self.desk:
            raise BadCommand("no-device")
        return self.desk

    def has(self, tenant: TenantId, user: UserId, line: LineId) -> bool:
        return (tenant, user) == ALICE

    def status(self, tenant: TenantId, user: UserId) -> tuple[bool, str]:
        return ((tenant, user) == ALICE and not self.problem, self.problem)

    def knock(self, tenant: TenantId, user: UserId) -> None:
        self.knocks += 1

    async def put(self, config: LineConfig) -> None:
        self.configs.append(config)

    def health(self) -> str:
        return self.problem or "ok"

    def likely_codec(self, call: Any, offered: tuple[Codec, ...]) -> Codec:
        return self.codecs[0]

    def dialog(self, leg: Any) -> dict[str, Any] | None:
        return {"of": leg.dialled}


@dataclass
class MemoryRoutes:
    """Answers every question with one plan."""

    plan: RoutePlan | None = None

    async def route(self, asked: RouteRequest) -> RoutePlan | None:
        return self.plan


@dataclass(eq=False)
class MemoryWindow:
    """Keeps notifications."""

    session: str = "s1"
    role: str = "remote"
    alive_at: float = 0.0
    web_session: str = ""
    seen: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.seen.append((method, params))

    def close(self, method: str) -> None:
        self.notify(method, {})

    def states(self) -> list[str]:
        found: list[str] = []
        for method, params in self.seen:
            if method == "call.state" and params["state"] not in found[-1:]:
                found.append(params["state"])
        return found


@dataclass(eq=False)
class Exchange:
    """A switchboard with everything around it in memory."""

    board: Switchboard
    media: MemoryMedia
    lines: MemoryLines
    routes: MemoryRoutes
    journal: Journal
    window: MemoryWindow

    async def call(self, call_id: str = "c1") -> Call:
        return await until(lambda: self.board.live.get(CallId(call_id)))

    async def ended(self, call_id: str) -> dict[str, Any]:
        from contract import wire

        entry = await until(lambda: self.journal.items(f"event/{call_id}:ended").get(f"event/{call_id}:ended"))
        event: Any = wire.loads(entry["wire"].encode())
        return {name: getattr(event, name) for name in event.__slots__}


async def until(probe: Callable[[], Any], seconds: float = 3.0) -> Any:
    """What `probe` gives once it is true."""
    end = time.monotonic() + seconds
    while not (found := probe()):
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)
    return found


def exchange(journal: Journal) -> Exchange:
    """A fresh one with Alice's window open."""
    media, lines, routes = MemoryMedia(), MemoryLines(), MemoryRoutes()
    kit = Kit(
        media=media,
        lines=lines,
        routes=routes,
        journal=journal,
        clock=Clock(time.time, time.monotonic),
        browser_leg=lambda call: ScriptedLeg(codecs=()),
        device_wait_seconds=0.3,
        ringback_after_seconds=0.1,
    )
    phones = Phones(time.monotonic)
    board = Switchboard(kit, phones, gone_grace_seconds=0.2)
    window = MemoryWindow()
    phones.attach(ALICE, window, None)
    return Exchange(board, media, lines, routes, journal, window)


def place(call: str = "c1", *, record: bool = False, device: Device = Device.BROWSER, **more: Any) -> PlaceCall:
    """Alice calls a mobile number."""
    rule = RecordingRule.RECORDED if record else RecordingRule.USER_OFF
    plan = RecordingPlan(record, rule, "es")
    return PlaceCall(CallId(call), *ALICE, device, LINE, "+593991112222", Party("+593991112222"), plan, **more)


async def connected(x: Exchange, command: PlaceCall | None = None) -> tuple[Call, ScriptedLeg]:
    """A browser call that is up, and the far leg."""
    command = command or place()
    assert (await x.board.command(command)).accepted
    call = await x.call(command.call)
    await until(lambda: call.media == "wanted")
    answer = asyncio.ensure_future(call.take_offer("opus PCMU PCMA"))
    peer = await x.lines.dialled.get()
    peer.events.put(Signal.ANSWERED)
    assert await answer == "PCMU"
    await until(lambda: call.connection)
    return call, peer
