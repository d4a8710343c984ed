"""All media sockets of one event loop, read together: many packets for one wake-up of the loop.

A loop's own datagram transport wakes it for each packet, and uvloop's asks the kernel twice for each. With many sockets
open the packets of the next two milliseconds are read in one go; a socket that is flooded has a few turns in each go, as
every other one has.
"""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

BATCH_SECONDS = 0.002
BATCH_FROM_SOCKETS = 16
EMPTY_BATCHES = 10
TURNS = 8
MAX_DATAGRAM = 2048
_READABLE = 1

Address = tuple[Any, ...]
Receive = Callable[[int], tuple[bytes, Any]]
Received = Callable[[bytes, Any], None]


class Poll:
    """The calls of `select.epoll` that are used here, for systems that lack it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self.unregister, self.close = self._selector.unregister, self._selector.close

    def fileno(self) -> int:
        """Readable when any of them is (kqueue)."""
        return int(self._selector.fileno())

    def register(self, number: int, _events: int) -> None:
        """Watch this socket."""
        self._selector.register(number, selectors.EVENT_READ)

    def poll(self, seconds: float) -> list[tuple[int, int]]:
        """Sockets that can be read."""
        return [(key.fd, events) for key, events in self._selector.select(seconds)]


def _new_poll() -> Any:
    return select.epoll() if sys.platform == "linux" else Poll()


class MediaSocket(asyncio.DatagramTransport):
    """One bound UDP socket; what the kernel cannot take at once is dropped, as UDP may.

    `send` is the bare call of the socket, for whoever sends many packets and takes its OSError.
    """

    def __init__(self, sockets: Sockets, sock: socket.socket, protocol: asyncio.DatagramProtocol) -> None:
        super().__init__({"socket": sock, "sockname": sock.getsockname()})
        self.send: Callable[[bytes, Address], int] = sock.sendto
        self._sockets, self._socket, self._protocol = sockets, sock, protocol
        self._closing = False

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send one datagram; what cannot be reached is told to the protocol's `error_received`."""
        try:
            self.send(data, addr)
        except BlockingIOError:
            pass
        except OSError as error:
            self.failed(error)

    def failed(self, error: OSError) -> None:
        """The kernel says that a datagram did not arrive, or that the socket is closed."""
        if not self._closing:
            self._protocol.error_received(error)

    def is_closing(self) -> bool:
        """True once it was closed."""
        return self._closing

    def close(self) -> None:
        """Hear and send no more; the protocol is told a moment later."""
        if not self._closing:
            self._closing = True
            self._sockets.leave(self._socket.fileno())
            self._socket.close()
            self._sockets.loop.call_soon(self._protocol.connection_lost, None)

    abort = close


class Sockets:
    """The open media sockets of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._poll = _new_poll()
        self._open: dict[int, tuple[Receive, Received, MediaSocket]] = {}
        self._empty = 0
        self._batching = False
        loop.add_reader(self._poll.fileno(), self._woken)

    def join(self, sock: socket.socket, protocol: asyncio.DatagramProtocol) -> MediaSocket:
        """Read this bound socket from now on."""
        sock.setblocking(False)
        made = MediaSocket(self, sock, protocol)
        self._poll.register(sock.fileno(), _READABLE)
        self._open[sock.fileno()] = sock.recvfrom, protocol.datagram_received, made
        protocol.connection_made(made)
        return made

    def leave(self, number: int) -> None:
        """Read this socket no more; the last one ends the reading."""
        self._poll.unregister(number)
        del self._open[number]
        if not self._open:
            del _OF_LOOP[self.loop]
            if not self._batching:
                self.loop.remove_reader(self._poll.fileno())
                self._poll.close()

    def _woken(self) -> None:
        self._read_all()
        if len(self._open) >= BATCH_FROM_SOCKETS:
            self._batching, self._empty = True, 0
            self.loop.remove_reader(self._poll.fileno())
            self.loop.call_later(BATCH_SECONDS, self._batch)

    def _batch(self) -> None:
        began = time.monotonic()
        self._empty = 0 if self._read_all() else self._empty + 1
        if not self._open:
            self._poll.close()
        elif self._empty < EMPTY_BATCHES:
            left = BATCH_SECONDS - (time.monotonic() - began)
            self.loop.call_later(max(0.0, left), self._batch)
        else:
            self._batching = False
            self.loop.add_reader(self._poll.fileno(), self._woken)

    def _read_all(self) -> bool:
        """What waits now, in turns; True when there was anything."""
        open_, poll = self._open, self._poll
        for turn in range(TURNS):
            ready = poll.poll(0) if open_ else ()
            if not ready:
                return turn > 0
            for number, _ in ready:
                found = open_.get(number)
                if found is None:
                    continue  # closed by what came before it
                receive, received, _ = found
                try:
                    data, source = receive(MAX_DATAGRAM)
                    received(data, source)
                except Exception as error:
                    self._met(error, found[2])
        return True

    def _met(self, error: Exception, sock: MediaSocket) -> None:
        """One call's trouble is not the others'."""
        if isinstance(error, BlockingIOError):
            return
        if isinstance(error, OSError):
            sock.failed(error)
            return
        self.loop.call_exception_handler({"message": "a datagram was not taken", "exception": error})


_OF_LOOP: dict[asyncio.AbstractEventLoop, Sockets] = {}


def _of(loop: asyncio.AbstractEventLoop) -> Sockets:
    if loop not in _OF_LOOP:
        for closed in [known for known in _OF_LOOP if known.is_closed()]:
            del _OF_LOOP[closed]
        _OF_LOOP[loop] = Sockets(loop)
    return _OF_LOOP[loop]


def bind(protocol: asyncio.DatagramProtocol, host: str, port: int, receive_bytes: int = 0) -> MediaSocket:
    """A media socket on the running loop; raises OSError when the address cannot be had."""
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.bind((host, port))
        return _of(loop).join(sock, protocol)
    except OSError:
        sock.close()
        raise
