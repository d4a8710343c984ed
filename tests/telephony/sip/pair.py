"""Two user agents on loopback: ours behind a Trunk, and a far end that does as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from contract.addresses import Reach
from contract.calls import Codec, Party
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from telephony.leg import LegEvent, Signal
from telephony.media.rtp_port import RtpPort, open_rtp_port
from telephony.sip.digest import challenge, fields_of, is_genuine
from telephony.sip.flow import Address
from telephony.sip.identity import Identity
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message, response
from telephony.sip.transaction import ServerTransaction
from telephony.sip.trunk import Trunk
from telephony.sip.useragent import UserAgent, new_tag

ALICE = UserId("alice")
HOST = "127.0.0.1"
Script = Callable[["FarEnd", ServerTransaction, Message], None]


async def rtp() -> RtpPort:
    return await open_rtp_port(HOST)


@dataclass
class FarEnd:
    """A PBX of the test: registrar with a password, INVITEs go to `script`."""

    password: str = "secret"
    algorithm: str = "MD5"
    script: Script = lambda far, transaction, request: None
    agent: UserAgent = field(init=False)
    contacts: dict[str, str] = field(default_factory=dict)
    seen: list[Message] = field(default_factory=list)
    legs: list[SipLeg] = field(default_factory=list)
    challenge_invites: bool = False

    @property
    def listens(self) -> int:
        """The port that a line is given."""
        return self.agent.port

    async def start(self) -> None:
        self.agent = await UserAgent.open(HOST, 0, lambda ip: True, self.asked)

    def asked(self, agent: UserAgent, transaction: ServerTransaction, request: Message, source: Address) -> None:
        self.seen.append(request)
        if (request.method == "REGISTER" or self.challenge_invites) and not self.proved(transaction, request):
            return
        if request.method == "REGISTER":
            self.contacts[request.receiver.uri.user] = request.get("Contact")
            transaction.respond(response(request, 200, "OK", new_tag(), ("Expires", request.get("Expires"))))
        else:
            self.script(self, transaction, request)

    def proved(self, transaction: ServerTransaction, request: Message) -> bool:
        proof = request.get("Authorization")
        user = fields_of(proof).get("username", "")
        if proof and is_genuine(proof, request.method, user, self.password, "pbx", "nonce1", self.algorithm):
            return True
        status, reason = (403, "Forbidden") if proof else (401, "Unauthorized")
        header = ("WWW-Authenticate", challenge("pbx", "nonce1", self.algorithm))
        transaction.respond(response(request, status, reason, new_tag(), *([] if proof else [header])))
        return False

    def take(self, transaction: ServerTransaction, codecs: tuple[Codec, ...] = (Codec.PCMA, Codec.PCMU)) -> SipLeg:
        """An inbound leg for an INVITE."""
        identity = Identity("<sip:far@pbx>", "far", None, self.address_of(transaction))
        leg = SipLeg.inbound(self.agent, identity, transaction, Party("1001"), rtp, codecs)
        self.legs.append(leg)
        return leg

    def address_of(self, transaction: ServerTransaction) -> Address:
        via = transaction.request.via
        return via.host, via.port or 5060

    def call(self, extension: str, codecs: tuple[Codec, ...] = (Codec.PCMU,)) -> SipLeg:
        """Call one of our registered extensions."""
        uri = self.contacts[extension].strip("<>")
        host, port = uri.rpartition("@")[2].partition(";")[0].split(":")
        identity = Identity('"Ana" <sip:0987654321@pbx>', "far", None, (host, int(port)))
        leg = SipLeg(self.agent, identity, Party(extension), rtp, codecs, uri)
        self.legs.append(leg)
        return leg


@dataclass
class Ours:
    """Our side: the trunk and what came in."""

    trunk: Trunk
    far: FarEnd
    invited: asyncio.Queue[SipLeg]
    statuses: list[tuple[bool, str]]

    def dial(self, number: str, codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA)) -> SipLeg:
        registration = self.trunk.registration(ALICE)
        assert registration is not None
        return self.trunk.outgoing(registration, number, codecs)


def line(port: int, password: str = "secret", **more: str) -> LineConfig:
    registration = Registration(ALICE, Extension("1001"), "1001", password)
    return replace(LineConfig(TenantId("acme"), LineId("pbx"), 1, HOST, port, registrations=(registration,)), **more)  # type: ignore[arg-type] # texts alone


@contextlib.asynccontextmanager
async def pair(far: FarEnd, password: str = "secret", *, wait: bool = True, **more: str) -> AsyncIterator[Ours]:
    """A registered trunk against a far end."""
    await far.start()
    invited: asyncio.Queue[SipLeg] = asyncio.Queue()
    statuses: list[tuple[bool, str]] = []
    trunk = Trunk(
        line(far.listens, password, **more), Reach(loopback=True), HOST, HOST, rtp,
        lambda trunk, registration, leg: invited.put_nowait(leg), lambda trunk, registration: statuses.append(trunk.status(ALICE)),
    )  # fmt: skip
    task = asyncio.ensure_future(trunk.run())
    try:
        while wait and not statuses:
            await asyncio.sleep(0.01)
        yield Ours(trunk, far, invited, statuses)
    finally:
        task.cancel()
        await asyncio.wait([task])
        for leg in far.legs:
            await leg.hang_up()
        far.agent.close()


async def until(leg: SipLeg, signal: Signal, seconds: float = 5.0) -> LegEvent:
    """The first event of that kind; whatever comes before is passed over."""
    async with asyncio.timeout(seconds):
        while True:
            event = await leg.events.next()
            if event.signal is signal:
                return event
