"""One PBX of one tenant: its address, its registered extensions, calls out and in."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contract.calls import Codec, Party
from contract.lines import LineConfig, Registration
from contract.numbers import UserId
from telephony.errors import CarrierError, ParseError
from telephony.sip.digest import Credentials
from telephony.sip.leg import Identity, RtpSocket, SipLeg
from telephony.sip.message import Message, response
from telephony.sip.registration import UNREACHABLE, Registrar
from telephony.sip.transaction import ServerTransaction
from telephony.sip.uri import NameAddr, quoted
from telephony.sip.useragent import Address, UserAgent, new_tag

RESOLVE_AGAIN_SECONDS = 30.0
LEAVE_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.5
OpenRtp = Callable[[], Awaitable[RtpSocket]]
OnInvite = Callable[["Trunk", Registration, SipLeg], None]
log = logging.getLogger(__name__)


def may_be_pbx(address: str, dev: bool) -> bool:
    """Outside dev a PBX is never on a loopback, private or special address."""
    found = ipaddress.ip_address(address)
    return found.is_loopback if dev and found.is_loopback else found.is_global and not found.is_multicast


async def resolve(host: str, port: int, dev: bool) -> Address:
    """The PBX's address; raises CarrierError(503) when there is none that may be called."""
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise CarrierError(503) from error
    for info in infos:
        if may_be_pbx(str(info[4][0]), dev):
            return str(info[4][0]), port
    raise CarrierError(503)


@dataclass(slots=True)
class Trunk:
    """Runs until cancelled; a configuration that changes gets a new Trunk."""

    config: LineConfig
    dev: bool
    bind_ip: str
    advertised_ip: str
    open_rtp: OpenRtp
    on_invite: OnInvite
    on_status: Callable[[Trunk, Registration], None]
    agent: UserAgent | None = None
    address: Address | None = None
    registrars: dict[UserId, Registrar] = field(default_factory=dict)
    _retired: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        default = self.config.port == 5060
        return self.config.domain or (self.config.host if default else f"{self.config.host}:{self.config.port}")

    def registration(self, user: UserId) -> Registration | None:
        """The user's extension on this line."""
        return next((r for r in self.config.registrations if r.user == user), None)

    def serves(self, user: UserId) -> bool:
        """True when the user has an extension here."""
        return self.registration(user) is not None

    def retire(self) -> None:
        """Unregister and take no new call; `run` returns when the last one ended."""
        self._retired.set()

    async def run(self) -> None:
        """Resolve, bind, register every extension; leaving unregisters."""
        while self.address is None and not self._retired.is_set():
            try:
                self.address = await resolve(self.config.host, self.config.port, self.dev)
            except CarrierError:
                self._unreachable()
                await asyncio.sleep(RESOLVE_AGAIN_SECONDS)
        if self.address is None:
            return
        peer = self.address[0]
        self.agent = await UserAgent.open(self.bind_ip, 0, lambda ip: ip == peer, self._asked, self.advertised_ip)
        try:
            async with asyncio.TaskGroup() as group:
                keeping = [group.create_task(self._registrar(r).run()) for r in self.config.registrations]
                await self._retired.wait()
                for task in keeping:
                    task.cancel()
            await self._leave()
            while self.agent.dialogs:  # noqa: ASYNC110 -- the agent's table has no event
                await asyncio.sleep(DRAIN_POLL_SECONDS)
        finally:
            await self._leave()
            self.agent.close()

    async def _leave(self) -> None:
        leaving = [asyncio.ensure_future(r.leave()) for r in self.registrars.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=LEAVE_SECONDS)
        for task in leaving:
            task.cancel()

    def _unreachable(self) -> None:
        log.warning("a PBX has no address that may be called", extra={"line": self.config.line})
        for registration in self.config.registrations:
            if registration.user not in self.registrars:
                self.on_status(self, registration)

    def _registrar(self, registration: Registration) -> Registrar:
        assert self.agent is not None and self.address is not None
        registrar = Registrar(
            self.agent, self.address, self.domain, registration.extension.digits,
            Credentials(registration.auth_user, registration.password), self.config.register_seconds,
            lambda: self.on_status(self, registration),
        )  # fmt: skip
        self.registrars[registration.user] = registrar
        return registrar

    def status(self, user: UserId) -> tuple[bool, str]:
        """Registered, and the problem's code."""
        registrar = self.registrars.get(user)
        if registrar is None:
            return False, "" if self.address else UNREACHABLE
        return registrar.registered, registrar.problem

    def _identity(self, registration: Registration) -> Identity:
        assert self.address is not None
        extension = registration.extension.digits
        credentials = Credentials(registration.auth_user, registration.password)
        return Identity(f"{quoted('')}<sip:{extension}@{self.domain}>", extension, credentials, self.address)

    def outgoing(self, registration: Registration, dial: str, codecs: Sequence[Codec]) -> SipLeg:
        """A leg that will call `dial`; raises CarrierError(503) while the PBX has no address."""
        if self.agent is None or self.address is None:
            raise CarrierError(503)
        uri = f"sip:{dial.replace('#', '%23')}@{self.domain}"
        wanted = [c for c in (codecs or self.config.codecs) if c in self.config.codecs] or list(self.config.codecs)
        return SipLeg(self.agent, self._identity(registration), Party(dial), self.open_rtp, wanted, uri)

    def _asked(self, agent: UserAgent, transaction: ServerTransaction, request: Message, source: Address) -> None:
        if request.method == "INVITE":
            self._invited(agent, transaction, request)
        elif request.method == "OPTIONS":
            transaction.respond(response(request, 200, "OK", new_tag()))
        else:
            transaction.respond(response(request, 405, "Method Not Allowed", new_tag()))

    def _invited(self, agent: UserAgent, transaction: ServerTransaction, request: Message) -> None:
        called = request.uri.partition(":")[2].partition("@")[0].partition(";")[0]
        registration = next((r for r in self.config.registrations if r.extension.digits == called), None)
        if registration is None:
            transaction.respond(response(request, 404, "Not Found", new_tag()))
            return
        try:
            party = caller_of(request)
            leg = SipLeg.inbound(
                agent, self._identity(registration), transaction, party, self.open_rtp, self.config.codecs
            )
        except ParseError:
            transaction.respond(response(request, 488, "Not Acceptable Here", new_tag()))
            return
        self.on_invite(self, registration, leg)


def caller_of(request: Message) -> Party:
    """Who calls, as the PBX says it; a withheld number is empty. Shown as unverified."""
    asserted = request.all("P-Asserted-Identity")
    try:
        who = NameAddr.parse(asserted[0]) if asserted else request.sender
    except ParseError:
        who = request.sender
    withheld = who.uri.user.lower() in {"anonymous", ""} or who.uri.host == "anonymous.invalid"
    return Party("" if withheld else who.uri.user[:40], who.name[:80])
