"""One PBX of one tenant: the way to it, its registered extensions, calls out and in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contract.addresses import Reach
from contract.calls import Codec, Party
from contract.lines import LineConfig, Registration
from contract.numbers import UserId
from telephony.errors import CarrierError, ParseError
from telephony.sip.digest import Credentials
from telephony.sip.flow import Address, Stream, UdpSocket
from telephony.sip.identity import Identity
from telephony.sip.leg import SipLeg
from telephony.sip.locate import LookUp, SrvLookUp, locate, look_up, look_up_srv
from telephony.sip.message import Message, response
from telephony.sip.next_hop import Connect, DeadTargets, Hop, Overflow, StreamHop, UdpHop, connect
from telephony.sip.refusal import ALLOW, refusal
from telephony.sip.registration import Registrar
from telephony.sip.rtp_socket import RtpSocket
from telephony.sip.tls import security_of
from telephony.sip.transaction import ServerTransaction
from telephony.sip.uri import NameAddr, quoted
from telephony.sip.useragent import UserAgent, new_tag

LEAVE_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.5
OpenRtp = Callable[[], Awaitable[RtpSocket]]
OnInvite = Callable[["Trunk", Registration, SipLeg], None]
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Trunk:
    """Runs until cancelled; a configuration that changes gets a new Trunk."""

    config: LineConfig
    reach: Reach
    bind_ip: str
    advertised_ip: str
    open_rtp: OpenRtp
    on_invite: OnInvite
    on_status: Callable[[Trunk, Registration], None]
    look_up: LookUp = look_up
    look_up_srv: SrvLookUp = look_up_srv
    agent: UserAgent | None = None
    hop: Hop | None = None
    registrars: dict[UserId, Registrar] = field(default_factory=dict)
    _credentials: dict[UserId, Credentials] = field(default_factory=dict)
    _retired: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> Address | None:
        """Where requests go now; None while there is no way to the PBX."""
        return self.hop.address if self.hop is not None else None

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        usual = self.config.port in {0, self.config.default_port}
        return self.config.domain or (self.config.host if usual else self.config.registrar)

    @property
    def route(self) -> str:
        """The Route of the outbound proxy, "" without one."""
        how = "" if self.config.transport == "udp" else f";transport={self.config.transport}"
        return f"<sip:{self.config.proxy}{how};lr>" if self.config.proxy else ""

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
        """Find the way to the PBX and keep it, register every extension; leaving unregisters."""
        self.agent, self.hop = await self._opened()
        overflow = self.agent.overflow
        try:
            async with asyncio.TaskGroup() as group:
                way = group.create_task(self.hop.run())
                keeping = [group.create_task(self._registrar(r).run()) for r in self.config.registrations]
                await self._retired.wait()
                for task in keeping:
                    task.cancel()
                await self._leave()
                while self.agent.dialogs:  # noqa: ASYNC110 -- the agent's table has no event
                    await asyncio.sleep(DRAIN_POLL_SECONDS)
                way.cancel()
        finally:
            await self._leave()
            if isinstance(overflow, Overflow):
                overflow.close()
            self.agent.close()
            self.agent = self.hop = None

    async def _opened(self) -> tuple[UserAgent, Hop]:
        loop, transport = asyncio.get_running_loop(), self.config.transport.upper()
        dead = DeadTargets(loop.time)
        agent = UserAgent(self._asked, self.advertised_ip)
        if transport != "UDP":
            agent.speaks(transport)
            return agent, StreamHop(self._locate, dead, self._moved, agent, self._connector(agent, transport == "TLS"))
        hop = UdpHop(self._locate, dead, self._moved)
        reach, plain = self.reach, self._connector(agent, secure=False)
        agent.attach(await UdpSocket.open(self.bind_ip, 0, lambda ip: hop.is_peer(ip) and reach.allows(ip), agent))
        agent.overflow = Overflow(lambda to: plain(to, 0), loop.time)
        return agent, hop

    def _connector(self, agent: UserAgent, secure: bool) -> Connect:
        async def made(target: Address, port: int) -> Stream:
            if not self.reach.allows(target[0]):
                raise PermissionError("an address that may not be called")
            security = await asyncio.to_thread(security_of, self.config) if secure else None
            return await connect(agent, target, self.bind_ip, port, security)

        return made

    async def _locate(self) -> list[Address]:
        return await locate(self.config, self.reach, self.look_up, self.look_up_srv)

    def _unheard(self, registrar: Registrar) -> None:
        """A call got no response whatever: the line registers anew, at another server if there is one."""
        registrar.doubt()
        if self.hop is not None and self.hop.several:
            self.hop.failed(answered=False)

    def _moved(self) -> None:
        """Another way to the PBX, or none."""
        assert self.hop is not None and self.agent is not None
        if self.hop.address is not None:
            self.agent.advertised = self._own_address(self.hop.address[0])
        else:
            log.warning(
                "a PBX cannot be reached",
                extra={"tenant": self.config.tenant, "line": self.config.line, "reason": self.hop.problem},
            )
        for registrar in self.registrars.values():
            registrar.moved(self.hop.problem)

    def _own_address(self, pbx: str) -> str:
        """A PBX in a network of the deployer's own is told the address that we have there."""
        return self.bind_ip if self.reach.is_listed(pbx) else self.advertised_ip

    async def _leave(self) -> None:
        leaving = [asyncio.ensure_future(r.leave()) for r in self.registrars.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=LEAVE_SECONDS)
        for task in leaving:
            task.cancel()

    def _registrar(self, registration: Registration) -> Registrar:
        assert self.agent is not None and self.hop is not None
        registrar = Registrar(
            self.agent, self.hop, self.domain, registration.extension.digits,
            self._secret(registration), self.config.register_seconds,
            lambda: self.on_status(self, registration), route=self.route,
        )  # fmt: skip
        self.registrars[registration.user] = registrar
        return registrar

    def status(self, user: UserId) -> tuple[bool, str]:
        """Registered, and the problem's code."""
        registrar = self.registrars.get(user)
        return (registrar.registered, registrar.problem) if registrar is not None else (False, "")

    def _identity(self, registration: Registration) -> Identity:
        assert self.address is not None
        extension = registration.extension.digits
        secret = self._secret(registration)
        return Identity(f"{quoted('')}<sip:{extension}@{self.domain}>", extension, secret, self.address, self.route)

    def _secret(self, registration: Registration) -> Credentials:
        """One for the registration and all its calls: they answer only what the registration proved."""
        fresh = Credentials(registration.auth_user, registration.password)
        return self._credentials.setdefault(registration.user, fresh)

    def outgoing(self, registration: Registration, dial: str, codecs: Sequence[Codec]) -> SipLeg:
        """A leg that will call `dial`; raises CarrierError(503) while the PBX has no address."""
        if self.agent is None or self.address is None:
            raise CarrierError(503)
        uri = f"sip:{dial.replace('#', '%23')}@{self.domain}"
        wanted = [c for c in (codecs or self.config.codecs) if c in self.config.codecs] or list(self.config.codecs)
        leg = SipLeg(self.agent, self._identity(registration), Party(dial), self.open_rtp, wanted, uri)
        if (registrar := self.registrars.get(registration.user)) is not None:
            leg.on_unheard = lambda: self._unheard(registrar)
        return leg

    def _asked(self, agent: UserAgent, transaction: ServerTransaction, request: Message, source: Address) -> None:
        if request.method == "INVITE":
            self._invited(agent, transaction, request)
        elif request.method == "OPTIONS":
            transaction.respond(
                response(request, 200, "OK", new_tag(), ("Allow", ALLOW), ("Accept", "application/sdp"))
            )
        else:
            transaction.respond(refusal(request, new_tag()))

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


def shown(text: str) -> str:
    """Text of the wire as people may see it: Latin-1 where it is no UTF-8, no control characters."""
    octets = text.encode("utf-8", "surrogateescape")
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def caller_of(request: Message) -> Party:
    """Who calls, as the PBX says it; a withheld number is empty. Shown as unverified."""
    try:
        asserted = request.all("P-Asserted-Identity")
        who = NameAddr.parse(asserted[0]) if asserted else request.sender
    except ParseError:
        who = request.sender
    withheld = who.uri.user.lower() in {"anonymous", ""} or who.uri.host == "anonymous.invalid"
    return Party("" if withheld else shown(who.uri.user)[:40], shown(who.name)[:80])
