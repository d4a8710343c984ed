"""The address that all requests of a line go to, and the next one when it fails (RFC 3263 section 4.3, RFC 5626 section 4.5)."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from telephony.errors import CarrierError
from telephony.sip.flow import Address, Receiver, Stream
from telephony.sip.tls import TLS_FAILED, UNREACHABLE, Security, problem_of
from telephony.sip.useragent import UserAgent

RESOLVE_AGAIN_SECONDS = 30.0
CONNECT_SECONDS = 10.0
SETTLED_SECONDS, RECONNECT_SECONDS = 10.0, 1.0
FIRST_RETRY_SECONDS, BASE_WAIT_SECONDS, MAX_WAIT_SECONDS = 2.0, 30.0, 1800.0
DEAD_SECONDS = 300.0
UNSENT_MS = 30_000
OVERFLOW_SECONDS = 2.0
Locate = Callable[[], Awaitable[list[Address]]]
Connect = Callable[[Address, int], Awaitable[Stream]]
log = logging.getLogger(__name__)


def wait_after(failures: int, roll: float) -> float:
    """Seconds until the next try: doubling from 30 s to 1800 s, 50 to 100 % of it at random (`roll` 0..1)."""
    if failures <= 1:
        return FIRST_RETRY_SECONDS
    longest = float(min(MAX_WAIT_SECONDS, BASE_WAIT_SECONDS * 2 ** min(failures - 2, 10)))
    return longest * (0.5 + 0.5 * roll)


class Hop(Protocol):
    """`address` is None while there is no way to the PBX; then `problem` is a code of LineStatus."""

    address: Address | None
    problem: str

    @property
    def several(self) -> bool:
        """True when the PBX has more than one address."""
        ...

    async def run(self) -> None:
        """Keep a way open until cancelled."""
        ...

    def failed(self, answered: bool) -> None:
        """A request got no answer there, or was `answered` that the server is out of service."""
        ...


@dataclass(slots=True)
class DeadTargets:
    """Remembers for five minutes which targets failed, so that nobody waits for them again and again."""

    now: Callable[[], float]
    _until: dict[Address, float] = field(default_factory=dict)

    def mark(self, target: Address) -> None:
        """It failed now."""
        self._until = {known: until for known, until in self._until.items() if until > self.now()}
        self._until[target] = self.now() + DEAD_SECONDS

    def forget(self, target: Address) -> None:
        """It works."""
        self._until.pop(target, None)

    def is_dead(self, target: Address) -> bool:
        """True while it is better left alone."""
        return self._until.get(target, 0.0) > self.now()

    def order(self, targets: Sequence[Address]) -> list[Address]:
        """Those that live as they came, then the dead, the one first that failed first: it may be back."""
        return sorted(targets, key=lambda t: self._until[t] if self.is_dead(t) else 0.0)


@dataclass(slots=True)
class _Targets:
    """What every way to a PBX has: where the PBX is, and which of its addresses is used."""

    locate: Locate
    dead: DeadTargets
    on_change: Callable[[], None]
    address: Address | None = field(default=None, init=False)
    problem: str = field(default="", init=False)
    found: list[Address] = field(default_factory=list, init=False)
    _failed: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    @property
    def several(self) -> bool:
        """True when the PBX has more than one address."""
        return len(self.found) > 1


@dataclass(slots=True)
class UdpHop(_Targets):
    """One of the PBX's addresses at a time; `on_change` tells whether the line may register there at once."""

    def is_peer(self, ip: str) -> bool:
        """Whoever the PBX's names lead to may speak."""
        return any(ip == known for known, _ in self.found)

    def failed(self, answered: bool) -> None:
        """Another address is taken if there is one that lives."""
        self._failed.set()

    async def run(self) -> None:
        """Look up, and again after each failure."""
        while True:
            try:
                self.found = await self.locate()
            except CarrierError:
                if self.address is None:
                    self.problem = UNREACHABLE
                    self.on_change()
                await asyncio.sleep(RESOLVE_AGAIN_SECONDS)
                continue
            best = self.dead.order(self.found)[0]
            moved, self.address, self.problem = best != self.address, best, ""
            if moved and not self.dead.is_dead(best):
                self.on_change()
            await self._failed.wait()
            self._failed.clear()
            self.dead.mark(best)


@dataclass(slots=True)
class StreamHop(_Targets):
    """One connection at a time, made again when it falls: from the same port if it can be, so that our Contact stays."""

    agent: UserAgent
    connect: Connect

    @property
    def others(self) -> bool:
        """True when another address could serve that is not known to be dead."""
        return any(target != self.address and not self.dead.is_dead(target) for target in self.found)

    def failed(self, answered: bool) -> None:
        """The connection is given up, but not for an only server that at least answered."""
        if self.others or not answered:
            self._failed.set()

    async def run(self) -> None:
        """Connect, and again after each loss."""
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            stream, began = await self._connected(), loop.time()
            if stream is not None:
                await self._used(stream)
            settled = stream is not None and loop.time() - began > SETTLED_SECONDS
            failures = 0 if settled else failures + 1
            soon = settled or self.others
            pause = random.uniform(0, RECONNECT_SECONDS) if soon else wait_after(failures, random.random())
            await asyncio.sleep(pause)

    async def _connected(self) -> Stream | None:
        try:
            self.found = await self.locate()
        except CarrierError:
            self._down(UNREACHABLE)
            return None
        problem = UNREACHABLE
        for target in self.dead.order(self.found):
            try:
                stream = await self.connect(target, self.agent.port)
                self.dead.forget(target)
                return stream
            except OSError as error:  # TimeoutError and ssl.SSLError are among them
                self.dead.mark(target)
                log.warning("a PBX could not be connected", extra={"error": type(error).__name__})
                problem = problem_of(error) if problem == UNREACHABLE else problem
        self._down(problem)
        return None

    async def _used(self, stream: Stream) -> None:
        self._failed.clear()
        self.agent.attach(stream)
        self.address, self.problem = stream.remote, ""
        self.on_change()
        failing = asyncio.ensure_future(self._failed.wait())
        try:
            await asyncio.wait((stream.closed, failing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            failing.cancel()
        self.dead.mark(stream.remote)
        if stream.closed.done():
            refused = stream.transport == "TLS" and stream.silent
            self._down(TLS_FAILED if refused else problem_of(stream.closed.result()))
        else:
            stream.abort("requests are not answered")
            self._down(UNREACHABLE)

    def _down(self, problem: str) -> None:
        self.address, self.problem = None, problem
        self.on_change()


async def connect(
    receiver: Receiver, target: Address, bind_ip: str, port: int = 0, security: Security | None = None
) -> Stream:
    """A connection from `port` of ours if that can be; raises OSError, ssl.SSLError among it."""
    loop = asyncio.get_running_loop()
    for ours in dict.fromkeys((port, 0)):
        sock = _socket(target)
        try:
            sock.bind((bind_ip, ours))
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(sock, target)
            break
        except BaseException as error:
            sock.close()
            taken = isinstance(error, OSError) and error.errno in {errno.EADDRINUSE, errno.EADDRNOTAVAIL}
            if not (ours and taken):
                raise
    try:
        if security is None:
            return (await loop.create_connection(lambda: Stream(receiver), sock=sock))[1]
        return await _secured(receiver, sock, security)
    except BaseException:
        sock.close()
        raise


async def _secured(receiver: Receiver, sock: socket.socket, security: Security) -> Stream:
    try:
        _, stream = await asyncio.get_running_loop().create_connection(
            lambda: Stream(receiver, secure=True), sock=sock,
            ssl=security.context, server_hostname=security.name, ssl_handshake_timeout=CONNECT_SECONDS,
        )  # fmt: skip
    except ssl.SSLError:
        raise
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
        raise ssl.SSLError("the handshake came to no end") from error
    return stream


def _socket(target: Address) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS)
    return made


class Overflow:
    """TCP for what is too large for a datagram; a PBX that takes no TCP is not asked again for a while (section 18.1.1)."""

    def __init__(self, connect: Callable[[Address], Awaitable[Stream]], now: Callable[[], float]) -> None:
        self._connect, self._dead = connect, DeadTargets(now)
        self._streams: dict[Address, Stream] = {}
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, to: Address) -> Stream | None:
        """The connection, None where there is none to be had."""
        async with self._one_at_a_time:
            open_one = self._streams.get(to)
            if open_one is not None and open_one.is_open:
                return open_one
            if self._dead.is_dead(to):
                return None
            try:
                async with asyncio.timeout(OVERFLOW_SECONDS):
                    self._streams[to] = await self._connect(to)
            except OSError:
                self._dead.mark(to)
                return None
            return self._streams[to]

    def close(self) -> None:
        """End every connection."""
        for stream in self._streams.values():
            stream.close()
