"""The demo PBX's signalling: who is registered where, and which script answers a dialled number."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from contract.calls import Codec, Party
from telephony.errors import ParseError, TelephonyError
from telephony.media.rtp_port import RtpPort, open_rtp_port
from telephony.sip.digest import challenge, fields_of, is_genuine
from telephony.sip.flow import Address
from telephony.sip.identity import Identity
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message, response
from telephony.sip.transaction import ServerTransaction
from telephony.sip.trunk import caller_of
from telephony.sip.uri import quoted
from telephony.sip.useragent import UserAgent, new_tag
from workbench.cast import password_of
from workbench.pbx.extensions import Incoming, script_for

HOST = "127.0.0.1"
REALM = "demo-pbx"
MAX_EXPIRES_SECONDS = 3600
NONCE_SECONDS = 300
CODECS = (Codec.PCMU, Codec.PCMA, Codec.G722, Codec.OPUS)


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one registered phone is."""

    contact: str
    source: Address
    expires_at: float


def say(text: str) -> None:
    """One line of the PBX's log."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@dataclass(slots=True)
class Exchange:
    """One PBX; `now` is monotonic seconds."""

    now: Callable[[], float] = time.monotonic
    agent: UserAgent | None = None
    bindings: dict[str, dict[str, Binding]] = field(default_factory=dict)
    legs: set[SipLeg] = field(default_factory=set)
    _nonces: dict[str, float] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, port: int) -> None:
        """Bind UDP; raises OSError."""
        self.agent = await UserAgent.open(HOST, port, lambda ip: True, self._asked)

    @property
    def port(self) -> int:
        """The bound port."""
        assert self.agent is not None
        return self.agent.port

    async def close(self) -> None:
        """Hang up everybody and leave."""
        for leg in tuple(self.legs):
            await leg.hang_up()
        await asyncio.sleep(0.05)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.agent is not None:
            self.agent.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a script; its failure ends it alone."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), Exception):
            say(f"a call failed: {task.exception()!r}")

    def _asked(self, agent: UserAgent, transaction: ServerTransaction, request: Message, source: Address) -> None:
        if request.method == "REGISTER":
            if self._proved(transaction, request, "WWW-Authenticate", 401):
                self._register(transaction, request, source)
        elif request.method == "INVITE":
            if self._proved(transaction, request, "Proxy-Authenticate", 407):
                self._invited(transaction, request, source)
        elif request.method == "OPTIONS":
            transaction.respond(response(request, 200, "OK", new_tag()))
        else:
            transaction.respond(response(request, 405, "Method Not Allowed", new_tag()))

    def _proved(self, transaction: ServerTransaction, request: Message, header: str, status: int) -> bool:
        """Digest proof of the From user's own password for one of our young nonces."""
        proof = request.get("Authorization" if status == 401 else "Proxy-Authorization")
        user, said = request.sender.uri.user, fields_of(proof)
        nonce = said.get("nonce", "")
        known = self._nonces.get(nonce, 0.0) > self.now()
        if proof and known:
            if said.get("username") == user and is_genuine(
                proof, request.method, user, password_of(user), REALM, nonce
            ):
                return True
            say(f"{request.method} of {user}: wrong password")
            transaction.respond(response(request, 403, "Forbidden", new_tag()))
            return False
        self._nonces = {n: until for n, until in self._nonces.items() if until > self.now()}
        fresh = secrets.token_hex(12)
        self._nonces[fresh] = self.now() + NONCE_SECONDS
        ask = challenge(REALM, fresh, stale=bool(proof))
        words = "Unauthorized" if status == 401 else "Proxy Authentication Required"
        transaction.respond(response(request, status, words, new_tag(), (header, ask)))
        return False

    def _register(self, transaction: ServerTransaction, request: Message, source: Address) -> None:
        extension, contact = request.receiver.uri.user, request.contact
        if extension != request.sender.uri.user:
            transaction.respond(response(request, 403, "Forbidden", new_tag()))
            return
        held = self.bindings.setdefault(extension, {})
        if contact is not None:
            said = contact.params.get("expires") or request.get("Expires") or str(MAX_EXPIRES_SECONDS)
            seconds = min(int(said), MAX_EXPIRES_SECONDS) if said.isascii() and said.isdigit() else MAX_EXPIRES_SECONDS
            held.pop(contact.uri.text, None)
            if seconds:
                held[contact.uri.text] = Binding(contact.uri.text, source, self.now() + seconds)
            say(f"{extension} {'registered' if seconds else 'left'} at {source[0]}:{source[1]} for {seconds} s")
        live = [b for b in held.values() if b.expires_at > self.now()]
        contacts = [("Contact", f"<{b.contact}>;expires={int(b.expires_at - self.now())}") for b in live]
        transaction.respond(response(request, 200, "OK", new_tag(), *contacts))

    def registered(self, extension: str) -> Binding | None:
        """The newest live binding of an extension."""
        live = [b for b in self.bindings.get(extension, {}).values() if b.expires_at > self.now()]
        return live[-1] if live else None

    def _invited(self, transaction: ServerTransaction, request: Message, source: Address) -> None:
        assert self.agent is not None
        called = request.uri.partition(":")[2].partition("@")[0].partition(";")[0].replace("%23", "#")
        caller = request.sender.uri.user
        identity = Identity(f"<sip:{called}@{HOST}:{self.port}>", called, None, source)
        try:
            leg = SipLeg.inbound(self.agent, identity, transaction, caller_of(request), rtp, CODECS)
        except ParseError as error:
            say(f"{caller} calls {called}: unusable INVITE ({error})")
            transaction.respond(response(request, 488, "Not Acceptable Here", new_tag()))
            return
        self.legs.add(leg)
        say(f"{caller} calls {called}")
        self.spawn(self._run(Incoming(self, leg, caller, called)))

    async def _run(self, call: Incoming) -> None:
        try:
            await script_for(call)(call)
        except TelephonyError as error:
            say(f"{call.caller} to {call.called}: {error}")
        finally:
            await call.leg.hang_up()
            self.legs.discard(call.leg)
            say(f"{call.caller} to {call.called}: over")

    def outgoing(self, extension: str, shown: Party, codecs: tuple[Codec, ...] = CODECS) -> SipLeg | None:
        """A leg towards a registered phone; None when it is not registered."""
        binding = self.registered(extension)
        if binding is None or self.agent is None:
            return None
        name = f"{quoted(shown.name)} " if shown.name else ""
        identity = Identity(f"{name}<sip:{shown.address}@{HOST}:{self.port}>", shown.address, None, binding.source)
        leg = SipLeg(self.agent, identity, Party(extension), rtp, codecs, binding.contact)
        self.legs.add(leg)
        return leg


async def rtp() -> RtpPort:
    """A media socket."""
    return await open_rtp_port(HOST)
