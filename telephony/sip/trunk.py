"""One PBX of one tenant: its address, its registered extensions, calls out and in."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from contract.addresses import is_loopback, is_public
from contract.calls import Codec, Party
from contract.lines import LineConfig, Registration
from contract.numbers import UserId
from telephony.errors import CarrierError, ParseError
from telephony.sip.digest import Credentials
from telephony.sip.leg import Identity, SipLeg
from telephony.sip.message import Message, response
from telephony.sip.refusal import ALLOW, refusal
from telephony.sip.registration import UNREACHABLE, Registrar
from telephony.sip.rtp_socket import RtpSocket
from telephony.sip.transaction import ServerTransaction
from telephony.sip.uri import NameAddr, quoted
from telephony.sip.useragent import Address, UserAgent, new_tag

RESOLVE_AGAIN_SECONDS = 30.0
LEAVE_SECONDS = 1.0
DRAIN_POLL_SECONDS = 0.5
OpenRtp = Callable[[], Awaitable[RtpSocket]]
LookUp = Callable[[str], Awaitable[list[str]]]
OnInvite = Callable[["Trunk", Registration, SipLeg], None]
log = logging.getLogger(__name__)


def may_be_pbx(address: str, dev: bool) -> bool:
    """Outside dev a PBX is never on a loopback, private or special address."""
    return is_public(address) or (dev and is_loopback(address))


async def look_up(host: str) -> list[str]:
    """IPv4 addresses of a name or of any spelling of an address; raises OSError or UnicodeError."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return [str(info[4][0]) for info in infos]


async def resolve(host: str, port: int, dev: bool, look_up: LookUp = look_up) -> Address:
    """The PBX's address, looked up once and used as it was checked; raises CarrierError(503) when none may be called."""
    try:
        found = await look_up(host)
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a UnicodeError
        raise CarrierError(503) from error
    for address in found:
        if may_be_pbx(address, dev):
            return address, port
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
    look_up: LookUp = look_up
    agent: UserAgent | None = None
    address: Address | None = None
    registrars: dict[UserId, Registrar] = field(default_factory=dict)
    _credentials: dict[UserId, Credentials] = field(default_factory=dict)
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
                self.address = await resolve(self.config.host, self.config.port, self.dev, self.look_up)
            except CarrierError:
                self._unreachable()
                await asyncio.sleep(RESOLVE_AGAIN_SECONDS)
        if self.address is None:
            return
        peer, dev = self.address[0], self.dev
        self.agent = await UserAgent.open(
            self.bind_ip, 0, lambda ip: ip == peer and may_be_pbx(ip, dev), self._asked, self.advertised_ip
        )
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
            self.agent = None

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
            self._secret(registration), self.config.register_seconds,
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
        secret = self._secret(registration)
        return Identity(f"{quoted('')}<sip:{extension}@{self.domain}>", extension, secret, self.address)

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
            leg.on_unheard = registrar.doubt
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
