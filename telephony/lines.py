"""Every tenant's PBX connections in this process: one trunk per line, replaced when its revision grows."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from contract import wire
from contract.addresses import Reach
from contract.calls import Codec, Outcome
from contract.events import LineStatus
from contract.lines import LineConfig, Registration
from contract.numbers import LineId, TenantId, UserId
from telephony.addon_client import AddonAway, AddonClient
from telephony.calls.call import Call, CallOver
from telephony.calls.switchboard import Switchboard
from telephony.errors import BadCommand, CarrierError
from telephony.journal import commit_at_last
from telephony.leg import Leg
from telephony.outbox import stored
from telephony.sealed import SealedCache
from telephony.sip.flow import Address
from telephony.sip.leg import SipLeg
from telephony.sip.trunk import OpenRtp, Trunk
from telephony.sip.useragent import UserAgent

Key = tuple[TenantId, LineId]
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 30.0
REFRESH_SECONDS = 60.0
START_AGAIN_SECONDS = 30.0
WAY_POLL_SECONDS = 0.1
_CACHED = "lines"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses that trunks bind and advertise; `reach` says where a PBX may be."""

    bind_ip: str
    advertised_ip: str
    reach: Reach
    open_rtp: OpenRtp


async def _kept_running(trunk: Trunk) -> None:
    """Until it was retired and its last call has ended; an error of ours or of the system costs it a pause."""
    while True:
        try:
            await trunk.run()
            return
        except Exception as error:  # whatever it was, the line has to come back
            log.error("a line stopped by an error", extra={"line": trunk.config.line}, exc_info=error)
        await asyncio.sleep(START_AGAIN_SECONDS)


@dataclass(slots=True)
class TrunkLines:
    """Implements `telephony.calls.kit.Lines`; `run` must be running before calls are placed."""

    addon: AddonClient
    cache: SealedCache
    network: Network
    refresh_seconds: float = REFRESH_SECONDS
    board: Switchboard | None = None
    _trunks: dict[Key, Trunk] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _line_of: WeakKeyDictionary[SipLeg, Key] = field(default_factory=WeakKeyDictionary)
    _codecs: dict[Key, Codec] = field(default_factory=dict)
    _seq: int = 0
    _learned: bool = False

    async def run(self, board: Switchboard) -> None:
        """Learn the lines from the add-on, register them, follow their changes until cancelled; leaving unregisters."""
        self.board = board
        try:
            await self._learn()
            while True:
                await asyncio.sleep(self.refresh_seconds)
                await self._refresh()
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _learn(self) -> None:
        """The add-on's list; the last sealed one serves while the add-on is away."""
        wait = RETRY_SECONDS
        while True:
            try:
                configs = await self.addon.lines()
                break
            except AddonAway as error:
                log.warning("the add-on gave no lines yet", extra={"error": str(error)})
                for kept in await asyncio.to_thread(self._kept):
                    await self.put(kept)
                await asyncio.sleep(wait)
                wait = min(LONGEST_RETRY_SECONDS, wait * 2)
        for config in configs:
            await self.put(config)
        self._learned = True

    async def _refresh(self) -> None:
        """What changed in the add-on while nobody told us; its list counts, whatever revisions it has."""
        running = dict(self._trunks)
        try:
            configs = await self.addon.lines()
        except AddonAway as error:
            log.info("the add-on gave no lines; those that run stay", extra={"error": str(error)})
            return
        for config in configs:
            key = (config.tenant, config.line)
            now = self._trunks.get(key)
            if now is running.get(key) and (now is None or now.config != config):
                await self._replace(config)

    def _kept(self) -> tuple[LineConfig, ...]:
        try:
            listed = json.loads(self.cache.get(_CACHED) or b"[]")
            return tuple(wire.loads(json.dumps(one).encode(), LineConfig) for one in listed)
        except (ValueError, TypeError):
            return ()

    def _keep(self, configs: list[LineConfig]) -> None:
        self.cache.put(_CACHED, json.dumps([json.loads(wire.dumps(config)) for config in configs]).encode())

    async def put(self, config: LineConfig) -> None:
        """Replace a line when its `rev` is newer; calls of the old trunk go on until they end."""
        old = self._trunks.get((config.tenant, config.line))
        if old is None or old.config.rev < config.rev:
            await self._replace(config)

    async def _replace(self, config: LineConfig) -> None:
        old = self._trunks.get((config.tenant, config.line))
        if old is not None:
            old.retire()
        self._start(config)
        try:
            await asyncio.to_thread(self._keep, [trunk.config for trunk in self._trunks.values()])
        except OSError as error:
            log.error("the lines are not kept for a start without the add-on", extra={"error": type(error).__name__})

    def _start(self, config: LineConfig) -> None:
        net = self.network
        trunk = Trunk(
            config, net.reach, net.bind_ip, net.advertised_ip, net.open_rtp, self._invited, self._status_changed
        )
        self._trunks[(config.tenant, config.line)] = trunk
        self._spawn(_kept_running(trunk), f"line {config.tenant}/{config.line}")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("%s stopped by an error", task.get_name(), exc_info=task.exception())

    def _invited(self, trunk: Trunk, registration: Registration, leg: SipLeg) -> None:
        assert self.board is not None
        config = trunk.config
        self._line_of[leg] = (config.tenant, config.line)
        self._spawn(self.board.invited(config.tenant, config.line, registration, leg), "an INVITE")

    def _status_changed(self, trunk: Trunk, registration: Registration) -> None:
        if self.board is None or self._trunks.get((trunk.config.tenant, trunk.config.line)) is not trunk:
            return
        config = trunk.config
        registered, problem = trunk.status(registration.user)
        told = {"registered": registered, "problem": problem}
        self.board.phones.tell((config.tenant, registration.user), "line.status", told)
        self._seq += 1
        stamp = f"{config.tenant}/{config.line}/{registration.extension.digits}:{time.time_ns()}"
        event = LineStatus(
            stamp, self._seq, config.tenant, config.line, registration.extension.digits, registered, problem
        )
        self._spawn(self._report(event), "a line's status")

    async def _report(self, event: LineStatus) -> None:
        assert self.board is not None
        await commit_at_last(self.board.kit.journal, stored(event))
        self.board.on_ended()

    def _found(self, tenant: TenantId, user: UserId, line: LineId) -> tuple[Trunk, Registration]:
        trunk = self._trunks.get((tenant, line))
        registration = trunk.registration(user) if trunk is not None else None
        if trunk is None or registration is None:
            raise BadCommand("no-line")
        return trunk, registration

    def dial(self, call: Call, dial: str, codecs: tuple[Codec, ...]) -> Leg:
        """An outgoing leg; raises BadCommand("no-line"), CallOver while the PBX has no address."""
        trunk, registration = self._found(call.tenant, call.user, call.line)
        try:
            leg = trunk.outgoing(registration, dial, codecs)
        except CarrierError as error:
            raise CallOver(Outcome.PBX_UNREACHABLE, error.sip_status) from error
        leg.waits_to_confirm = True
        self._line_of[leg] = (call.tenant, call.line)
        return leg

    def desk_of(self, call: Call) -> str:
        """Extension of the user's desk phone; raises BadCommand("no-device")."""
        _, registration = self._found(call.tenant, call.user, call.line)
        if registration.desk is None:
            raise BadCommand("no-device")
        return registration.desk.digits

    def has(self, tenant: TenantId, user: UserId, line: LineId) -> bool:
        """True when the line has a registration for the user."""
        trunk = self._trunks.get((tenant, line))
        return trunk is not None and trunk.registration(user) is not None

    def status(self, tenant: TenantId, user: UserId) -> tuple[bool, str]:
        """Registered on any line, else the first problem."""
        found = [
            trunk.status(user) for (owner, _), trunk in self._trunks.items() if owner == tenant and trunk.serves(user)
        ]
        return next((status for status in found if status[0]), found[0] if found else (False, ""))

    def health(self) -> str:
        """One line of all is enough: one company's trouble is not the service's."""
        if not self._learned and not self._trunks:
            return "learning"
        found = [t.status(registration.user) for t in self._trunks.values() for registration in t.config.registrations]
        if not found or any(registered for registered, _ in found):
            return "ok"
        return next((problem for _, problem in found if problem), "registering")

    def knock(self, tenant: TenantId, user: UserId) -> None:
        """Register the user again now where the PBX could not be reached."""
        for (owner, _), trunk in self._trunks.items():
            if owner == tenant and (registrar := trunk.registrars.get(user)) is not None:
                registrar.knock()

    def likely_codec(self, call: Call, offered: tuple[Codec, ...]) -> Codec:
        """What the PBX chose last, before its first call the first that we offer it (RFC 3264 section 6.1)."""
        key = (call.tenant, call.line)
        last, trunk = self._codecs.get(key), self._trunks.get(key)
        if last in offered:
            return last
        return next((c for c in offered if trunk is not None and c in trunk.config.codecs), offered[0])

    def dialog(self, leg: Leg) -> dict[str, Any] | None:
        """What the journal must keep to say BYE after a restart."""
        if not isinstance(leg, SipLeg):
            return None
        key = self._line_of.get(leg)
        if key is not None and leg.endpoint is not None:
            self._codecs[key] = leg.endpoint.codec
        facts = leg.journal_facts()
        if facts is not None and key is not None:
            facts |= {"line": list(key), "transport": self._trunks[key].config.transport.upper()}
        return facts

    async def way_of(self, key: Sequence[str]) -> tuple[UserAgent, Address]:
        """How a line's PBX is reached, once it is; waits without end."""
        tenant, line = key
        while True:
            trunk = self._trunks.get((TenantId(tenant), LineId(line)))
            if trunk is not None and trunk.agent is not None and trunk.address is not None:
                return trunk.agent, trunk.address
            await asyncio.sleep(WAY_POLL_SECONDS)
