"""How messages travel: one UDP socket, or one TCP or TLS connection (RFC 3261 section 18, RFC 5626 section 3.5)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from telephony.errors import ParseError
from telephony.sip.framing import PING, PONG, StreamParser
from telephony.sip.message import MAX_MESSAGE_BYTES

Address = tuple[str, int]
PER_SECOND = 400
MESSAGE_SECONDS = 10.0
KEEP_ALIVE_SECONDS, PONG_SECONDS = 120.0, 10.0
MAX_UNSENT_BYTES = 1_048_576
log = logging.getLogger(__name__)


class Flow(Protocol):
    """One way to a far end; `reliable` as section 17 means it."""

    transport: str
    reliable: bool

    @property
    def port(self) -> int:
        """Our own port."""
        ...

    @property
    def is_open(self) -> bool:
        """False once nothing can be sent any more."""
        ...

    def send(self, data: bytes, to: Address) -> None:
        """One message; a connection has one far end, whatever `to` says."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


class Receiver(Protocol):
    """Who is told what a flow brings."""

    def heard(self, data: bytes, source: Address, flow: Flow) -> None:
        """One whole message."""
        ...

    def lost(self, flow: Flow) -> None:
        """The connection is gone."""
        ...


@dataclass(slots=True)
class Rate:
    """Messages of one source in the running second."""

    second: int = 0
    count: int = 0

    def passes(self, now: float) -> bool:
        """False for the rest of a second that has brought enough."""
        second = int(now)
        self.count = self.count + 1 if second == self.second else 1
        self.second = second
        return self.count <= PER_SECOND


@dataclass(slots=True, repr=False)
class UdpSocket(asyncio.DatagramProtocol):
    """`is_peer` decides by source address who is heard at all; strangers get silence."""

    is_peer: Callable[[str], bool]
    receiver: Receiver
    rates: dict[str, Rate] = field(default_factory=dict)
    transport: str = "UDP"
    reliable: bool = False
    _socket: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, bind_ip: str, port: int, is_peer: Callable[[str], bool], receiver: Receiver) -> UdpSocket:
        """Bind; raises OSError."""
        made = cls(is_peer, receiver)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, local_addr=(bind_ip, port))
        return made

    @property
    def port(self) -> int:
        """The bound port."""
        assert self._socket is not None
        return int(self._socket.get_extra_info("sockname")[1])

    @property
    def is_open(self) -> bool:
        """True while the socket is bound."""
        return self._socket is not None and not self._socket.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._socket = transport  # type: ignore[assignment] # asyncio hands a datagram transport to this protocol

    def error_received(self, exc: Exception) -> None:
        """ICMP errors end nothing by themselves; timers do."""

    def send(self, data: bytes, to: Address) -> None:
        """One datagram, to a peer alone."""
        if self._socket is not None and self.is_open and self.is_peer(to[0]):
            self._socket.sendto(data, to)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One datagram; whatever it holds, nothing but silence or a SIP answer to a peer comes of it."""
        source: Address = (addr[0], addr[1])
        if len(data) > MAX_MESSAGE_BYTES or len(data) < 20 or not self.is_peer(source[0]):
            return
        if self.rates.setdefault(source[0], Rate()).passes(asyncio.get_running_loop().time()):
            self.receiver.heard(data, source, self)

    def close(self) -> None:
        """Release the socket."""
        if self._socket is not None:
            self._socket.close()


class Stream(asyncio.Protocol):
    """One connection; a stream that cannot be read, stalls within a message or takes nothing more is ended.

    `closed` gives the error that ended it, None for an orderly end; `silent` says that nothing ever came.
    """

    reliable = True

    def __init__(
        self, receiver: Receiver, *, secure: bool = False, keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    ) -> None:
        self.transport = "TLS" if secure else "TCP"
        self.remote: Address = ("", 0)
        self.closed: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._receiver, self._keep_alive_seconds = receiver, keep_alive_seconds
        self._parser, self._rate = StreamParser(), Rate()
        self._wire: asyncio.Transport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._local: Address = ("", 0)
        self._pongs = self._asked = False
        # A far end that refuses our certificate says so after the handshake, or says nothing (RFC 8446 section 4.4.2.4).
        self.silent = True

    @property
    def port(self) -> int:
        """Our end's port."""
        return self._local[1]

    @property
    def is_open(self) -> bool:
        """True while the connection stands."""
        return self._wire is not None and not self._wire.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and over TLS the far end is who it should be."""
        self._wire = transport  # type: ignore[assignment] # asyncio hands a stream transport to this protocol
        self.remote = transport.get_extra_info("peername")[:2]
        self._local = transport.get_extra_info("sockname")[:2]
        self._later("ping", self._keep_alive_seconds * random.uniform(0.8, 1.0), self._ping)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone, for whatever reason."""
        for name in tuple(self._timers):
            self._stop(name)
        if not self.closed.done():
            self.closed.set_result(exc)
        self._receiver.lost(self)

    def _later(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self._stop(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, work)

    def _stop(self, name: str) -> None:
        handle = self._timers.pop(name, None)
        if handle is not None:
            handle.cancel()

    def _ping(self) -> None:
        """A far end that ever answered one owes an answer to each (RFC 5626 section 4.4.1)."""
        self.send(PING, self.remote)
        self._asked = True
        if self._pongs:
            self._later("pong", PONG_SECONDS, lambda: self.abort("no sign of life"))
        self._later("ping", self._keep_alive_seconds * random.uniform(0.8, 1.0), self._ping)

    def abort(self, why: str) -> None:
        """End it at once; `why` is for the log."""
        log.warning("a PBX's connection is ended", extra={"reason": why})
        if self._wire is not None:
            self._wire.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes, cut anywhere."""
        self._stop("pong")
        self.silent = False
        if self._asked and not data.strip():
            self._pongs, self._asked = True, False
        try:
            for whole in self._parser.feed(data):
                self._stop("message")
                self._took(whole)
        except ParseError:
            self.abort("cannot be read")
            return
        if not self._parser.waiting:
            self._stop("message")
        elif "message" not in self._timers:
            self._later("message", MESSAGE_SECONDS, lambda: self.abort("a message does not end"))

    def _took(self, whole: bytes) -> None:
        if not self.is_open:
            return
        now = asyncio.get_running_loop().time()
        if not self._rate.passes(now) and self._wire is not None:
            self._wire.pause_reading()
            self._later("resume", 1.0 - now % 1.0, self._wire.resume_reading)
        if whole == PING:
            self.send(PONG, self.remote)
        else:
            self._receiver.heard(whole, self.remote, self)

    def send(self, data: bytes, to: Address) -> None:
        """One message on this connection."""
        if self._wire is None or self._wire.is_closing():
            return
        if self._wire.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.abort("takes nothing any more")
            return
        self._wire.write(data)

    def close(self) -> None:
        """End it; what was sent before still goes out."""
        if self._wire is not None:
            self._wire.close()
