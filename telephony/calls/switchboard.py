"""Live calls and the commands that act on them; one call's failure ends only that call."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from contract.calls import CallId, CallState, Device, Direction, Outcome, Party, RecordingRule
from contract.commands import CommandResult, EndSessions, HangUp, HoldCall, PlaceCall, PutLine, StopRecording
from contract.lines import Registration
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RouteRequest
from telephony import outbox
from telephony.calls import inbound, outbound
from telephony.calls.call import Call, CallOver
from telephony.calls.kit import Kit
from telephony.calls.phones import Person, Phones
from telephony.errors import BadCommand, CarrierError, MediaError
from telephony.journal import commit_at_last
from telephony.leg import Leg

log = logging.getLogger(__name__)
MOST_LAG_SECONDS = 0.05
_REMEMBERED = 1000
_END_SECONDS = 1.0


def _outcome_of(error: BaseException) -> tuple[Outcome, int]:
    """The outcome that an exception group of one call means; a wish to end beats what it broke."""
    leaves: list[BaseException] = []
    stack = [error]
    while stack:
        item = stack.pop()
        if isinstance(item, BaseExceptionGroup):
            stack.extend(item.exceptions)
        else:
            leaves.append(item)
    for leaf in leaves:
        if isinstance(leaf, CallOver):
            return leaf.outcome, leaf.sip_status
    for leaf in leaves:
        if isinstance(leaf, CarrierError):
            return Outcome.CARRIER_ERROR, leaf.sip_status
        if isinstance(leaf, MediaError):
            return Outcome.MEDIA_FAILED, 0
        if isinstance(leaf, BadCommand):
            return Outcome.DEVICE_UNREACHABLE if leaf.reason == "no-device" else Outcome.UNREACHABLE, 0
    log.error("a call failed by our own error", exc_info=error)
    return Outcome.OUR_ERROR, 0


@dataclass(slots=True, eq=False)
class Switchboard:
    """Owns every live call of this process; `on_ended` hears when an event or a tape waits."""

    kit: Kit
    phones: Phones
    on_ended: Callable[[], None] = lambda: None
    on_over: Callable[[Call], None] = lambda _: None
    lag_seconds: float = 0.0
    gone_grace_seconds: float = 30.0
    live: dict[CallId, Call] = field(default_factory=dict)
    _known: dict[CallId, None] = field(default_factory=dict)
    _tasks: dict[CallId, asyncio.Task[None]] = field(default_factory=dict)
    _graces: dict[Person, asyncio.TimerHandle] = field(default_factory=dict)
    _holds: set[asyncio.Future[None]] = field(default_factory=set)
    _seq: int = 0

    def __post_init__(self) -> None:
        self.phones.on_gone = self._phone_gone
        self.phones.on_back = self._phone_back

    async def measure_lag(self, *, period_seconds: float = 0.1) -> None:
        """Keep `lag_seconds`, the event loop's lateness, smoothed over about a second."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            await asyncio.sleep(period_seconds)
            late = max(0.0, loop.time() - asked - period_seconds)
            self.lag_seconds += (late - self.lag_seconds) * 0.2

    async def command(self, command: Any) -> CommandResult:
        """Obey one command of the add-on."""
        row = COMMANDS.get(type(command))
        if row is None:
            return CommandResult(False, "bad-state")
        try:
            return await row(self, command) or CommandResult(True)
        except BadCommand as error:
            return CommandResult(False, error.reason)

    def seq(self) -> int:
        """The number of the last snapshot."""
        return self._seq

    def of(self, person: Person) -> list[Call]:
        """A person's live calls."""
        return [call for call in self.live.values() if (call.tenant, call.user) == person]

    def mine(self, person: Person, call_id: str) -> Call:
        """A live call of this person; another's is as unknown as none."""
        call = self.live.get(CallId(call_id))
        if call is None or (call.tenant, call.user) != person:
            raise BadCommand("unknown-call")
        return call

    async def hold(self, call: Call, held: bool) -> None:
        """Hold or resume an answered call; raises BadCommand("bad-state")."""
        if call.connection is None or call.state not in {CallState.ACTIVE, CallState.HELD}:
            raise BadCommand("bad-state")
        if not held:
            self.one_voice(call)
        await call.connection.hold(held)

    def one_voice(self, call: Call) -> None:
        """Whoever talks on one browser call holds the others: nothing is said to two parties, or recorded of two."""
        if call.device is not Device.BROWSER:
            return
        for other in self.of((call.tenant, call.user)):
            if other is not call and other.device is Device.BROWSER and other.state is CallState.ACTIVE:
                holding = asyncio.ensure_future(self.hold(other, True))
                self._holds.add(holding)
                holding.add_done_callback(self._held)

    def _held(self, holding: asyncio.Future[None]) -> None:
        self._holds.discard(holding)
        if not holding.cancelled() and isinstance(error := holding.exception(), Exception):
            log.warning("a call could not be held for another", extra={"error": type(error).__name__})

    def show(self, call: Call) -> None:
        """Send the call's picture to its person's windows."""
        self._seq += 1
        self.phones.tell((call.tenant, call.user), "call.state", call.snapshot(self._seq))

    async def begin(self, call: Call, script: Coroutine[Any, Any, None], *, unkept: bool = False) -> None:
        """Run a call's script to its end; returns once a kill would be reported.

        Raises OSError for a full disk; with `unkept`, an emergency, the call goes on without its note on disk.
        """
        call.on_change = self.show
        if call.direction is Direction.OUTBOUND:
            self.one_voice(call)
        self.live[call.id] = call
        self._known[call.id] = None
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.get_running_loop().create_task(self._run(call, script, kept, unkept), name=f"call {call.id}")
        self._tasks[call.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(call.id, None))
        await asyncio.shield(kept)

    def remember(self, calls: Iterable[CallId]) -> None:
        """Calls of an earlier run: a repeated command for one of them places no second call."""
        self._known.update(dict.fromkeys(calls))

    async def _run(
        self, call: Call, script: Coroutine[Any, Any, None], kept: asyncio.Future[None], unkept: bool
    ) -> None:
        try:
            await self.kit.journal.keep({f"call/{call.id}": call.facts()})
        except OSError as error:
            if not unkept:
                script.close()
                self.live.pop(call.id, None)
                self._known.pop(call.id, None)
                kept.set_exception(error)
                kept.exception()  # whoever asked may be gone
                return
            log.error("an emergency call goes on unnoted", extra={"call": call.id})
        kept.set_result(None)
        outcome, status = Outcome.COMPLETED, 0
        try:
            async with asyncio.TaskGroup() as group:
                wish = group.create_task(_wished(call))
                try:
                    await script
                finally:
                    wish.cancel()
        except (asyncio.CancelledError, Exception) as error:
            script.close()
            outcome, status = (
                (Outcome.OUR_ERROR, 0) if isinstance(error, asyncio.CancelledError) else _outcome_of(error)
            )
        await self._finish(call, outcome, status)

    async def _finish(self, call: Call, outcome: Outcome, status: int) -> None:
        call.end(outcome, status)
        for result in await asyncio.gather(*(leg.hang_up(outcome) for leg in call.legs), return_exceptions=True):
            if isinstance(result, BaseException):
                log.warning("a leg did not hang up cleanly", extra={"call": call.id, "error": type(result).__name__})
        dialogs = [f"dialog/{call.id}/{n}" for n in range(len(call.legs))]
        ended = outbox.stored(call.ended_event())
        await commit_at_last(self.kit.journal, ended, [f"call/{call.id}", *dialogs])
        self.live.pop(call.id, None)
        self.on_over(call)
        self.on_ended()

    async def invited(self, tenant: TenantId, line: LineId, registration: Registration, caller: Leg) -> None:
        """A PBX sends a call to one of our registrations."""
        if self.lag_seconds > MOST_LAG_SECONDS:
            await caller.hang_up(Outcome.OVERLOADED)
            return
        call_id = CallId(f"in-{secrets.token_hex(12)}")
        asked = RouteRequest(call_id, tenant, line, registration.extension.digits, caller.party)
        plan = await self.kit.routes.route(asked)
        if plan is None:
            await caller.hang_up(Outcome.UNREACHABLE)
            return
        said = caller.party
        peer = Party(plan.caller_address or said.address, plan.caller_name or said.name, plan.caller_shown)
        call = Call(
            id=call_id,
            tenant=tenant,
            user=plan.user,
            line=line,
            direction=Direction.INBOUND,
            device=Device.BROWSER,
            peer=peer,
            recording_plan=plan.recording,
            clock=self.kit.clock,
        )
        reachable = self.phones.fresh((tenant, plan.user))
        try:
            await self.begin(call, inbound.ring(self.kit, call, plan, caller, reachable=reachable))
        except OSError:
            log.error("a call cannot be taken: the disk refuses", extra={"call": call_id})
            await caller.hang_up(Outcome.OVERLOADED)

    def _phone_gone(self, person: Person) -> None:
        """A reload has 30 s to come back; then calls without a voice end."""
        old = self._graces.pop(person, None)
        if old is not None:
            old.cancel()
        if not self.of(person):
            return
        for call in self.of(person):
            if call.media == "up":
                call.want_media()

        def give_up() -> None:
            self._graces.pop(person, None)
            for call in self.of(person):
                if call.device is Device.BROWSER and call.browser is not None:
                    call.ask_end(Outcome.MEDIA_FAILED)

        self._graces[person] = asyncio.get_running_loop().call_later(self.gone_grace_seconds, give_up)

    def _phone_back(self, person: Person) -> None:
        grace = self._graces.pop(person, None)
        if grace is not None:
            grace.cancel()

    async def close(self, *, seconds: float = 5.0) -> None:
        """End every call: parties are hung up and events are on disk when this returns."""
        for call in tuple(self.live.values()):
            call.hang_up()
        tasks = tuple(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:  # one that waits for a full disk is ended by the next run
                await asyncio.wait(late, timeout=seconds)
        for timer in self._graces.values():
            timer.cancel()


async def _wished(call: Call) -> None:
    raise await call.wish


async def _place(board: Switchboard, command: PlaceCall) -> None:
    if command.call in board._known:
        return
    if board.lag_seconds > MOST_LAG_SECONDS and not command.emergency:
        raise BadCommand("overloaded")
    if not board.kit.lines.has(command.tenant, command.user, command.line):
        raise BadCommand("no-line")
    registered, problem = board.kit.lines.status(command.tenant, command.user)
    if problem and not registered and not command.emergency:
        board.kit.lines.knock(command.tenant, command.user)
        raise BadCommand("line-down")
    call = Call(
        id=command.call,
        tenant=command.tenant,
        user=command.user,
        line=command.line,
        direction=Direction.OUTBOUND,
        device=command.device,
        peer=command.callee,
        recording_plan=command.recording,
        clock=board.kit.clock,
    )
    if command.device is Device.DESK:
        board.kit.lines.desk_of(call)
    try:
        await board.begin(call, outbound.place(board.kit, call, command), unkept=command.emergency)
    except OSError:
        log.error("a call cannot be placed: the disk refuses", extra={"call": command.call})
        raise BadCommand("overloaded") from None


async def _hang_up(board: Switchboard, command: HangUp) -> CommandResult:
    """A party that is slow to answer its BYE is not waited for: then how the call went comes later."""
    call = board.mine((command.tenant, command.user), command.call)
    call.hang_up()
    if ending := board._tasks.get(call.id):
        await asyncio.wait({ending}, timeout=_END_SECONDS)
    return CommandResult(True, ended=None if call.id in board.live else call.ended_event())


async def _hold(board: Switchboard, command: HoldCall) -> None:
    await board.hold(board.mine((command.tenant, command.user), command.call), command.held)


async def _stop_recording(board: Switchboard, command: StopRecording) -> None:
    """A call that still rings will not be recorded; one that never was stays as it is."""
    call = board.mine((command.tenant, command.user), command.call)
    if not call.recording_plan.record:
        return
    if call.connection is not None:
        call.connection.stop_recording(command.discard)
        return
    call.recording_plan = replace(call.recording_plan, record=False, rule=RecordingRule.NO_CONSENT)
    call.changed(recording_rule=RecordingRule.NO_CONSENT)


async def _put_line(board: Switchboard, command: PutLine) -> None:
    await board.kit.lines.put(command.config)


async def _end_sessions(board: Switchboard, command: EndSessions) -> None:
    person = (command.tenant, command.user)
    if board.phones.end_sessions(person, command.session):
        for call in board.of(person):
            if call.device is Device.BROWSER:
                call.hang_up()


COMMANDS: dict[type[Any], Callable[[Switchboard, Any], Awaitable[CommandResult | None]]] = {
    PlaceCall: _place,
    HangUp: _hang_up,
    HoldCall: _hold,
    StopRecording: _stop_recording,
    PutLine: _put_line,
    EndSessions: _end_sessions,
}


def presence(board: Switchboard, tenant: str, user: str) -> dict[str, Any]:
    """What a card shows about a person now; a call that was hung up is none of theirs any more."""
    person = (TenantId(tenant), UserId(user))
    registered, problem = board.kit.lines.status(*person)
    now = board.kit.clock.wall()
    return {
        "webphone": board.phones.fresh(person),
        "registered": registered,
        "problem": problem,
        "calls": [
            {
                "call": call.id,
                "direction": call.direction.value,
                "state": call.state.value,
                "peer": {"address": call.peer.address, "name": call.peer.name},
                "seconds": int(now - call.answered_at) if call.answered_at else 0,
                "recording": call.recording == "on",
            }
            for call in board.of(person)
            if not call.ends
        ],
    }
