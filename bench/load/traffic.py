"""Calls from outside: a browser (stock aiortc for ICE and DTLS) and a plain RTP party each, 50 packets a second both ways.

Every packet carries the time just before its send call and its sender's number, in bytes that survive G.711 decoding
and encoding. The delay of a packet is the kernel's receive time minus that stamp: what this process does late is not
counted, where the kernel gives the time (Linux). It sleeps on the clock and looks at its sockets in between, so that a
bridge's send never pays for waking it.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aioice.ice
import aiortc
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

HOST = "127.0.0.1"
PACKET_SECONDS = 0.02
PAYLOAD_BYTES = 160
_STAMP = struct.Struct("!QH")
_STAMP_BYTES = 2 * _STAMP.size
_TO_CODE = bytes.maketrans(b"0123456789abcdef", bytes(range(0xC0, 0xD0)))
_FROM_CODE = bytes.maketrans(bytes(range(0xC0, 0xD0)), b"0123456789abcdef")
_FILLER = b"\xd5" * (PAYLOAD_BYTES - _STAMP_BYTES)
_HEADER = struct.Struct("!BBHII")
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")

SOCKETS = selectors.DefaultSelector()

aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [HOST]


@dataclass
class Window:
    """What was sent between two moments (Unix nanoseconds) and came out on the other side."""

    began: int = 0
    ended: int = 2**62
    sent: int = 0
    misrouted: int = 0
    delays_ms: dict[str, list[float]] = field(default_factory=lambda: {"phone": [], "browser": []})
    late_ms: list[float] = field(default_factory=list)

    def received(self) -> int:
        """Packets of the window that arrived where they belong."""
        return sum(len(delays) for delays in self.delays_ms.values())


class End:
    """One socket of one call; `number` is even for the browser's, odd for the RTP party's."""

    def __init__(self, sock: socket.socket, number: int, window: Callable[[], Window]) -> None:
        self.number, self._socket, self._window = number, sock, window
        self.remote: tuple[str, int] | None = None
        self.protect: Callable[[bytes], bytes] = bytes
        self.unprotect: Callable[[bytes], bytes] = bytes
        self.other: Callable[[bytes, Any], None] = lambda _data, _address: None
        self.ssrc = 1000 + number
        self._count = 0
        sock.setblocking(False)
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except OSError:
            pass
        SOCKETS.register(sock, selectors.EVENT_READ, self)

    def send(self) -> None:
        """One packet, stamped just before it is protected and sent."""
        self._count += 1
        head = _HEADER.pack(0x80, 0, self._count & 0xFFFF, self._count * PAYLOAD_BYTES & 0xFFFFFFFF, self.ssrc)
        now = time.time_ns()
        stamp = _STAMP.pack(now, self.number).hex().encode().translate(_TO_CODE)
        assert self.remote is not None
        self._socket.sendto(self.protect(head + stamp + _FILLER), self.remote)
        window = self._window()
        window.sent += window.began <= now < window.ended

    def read(self) -> None:
        """Everything that has arrived."""
        while True:
            try:
                data, extra, _, address = self._socket.recvmsg(2048, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if data and 127 < data[0] < 192:
                if not 191 < data[1] < 224:
                    self._media(data, extra)
            else:
                self.other(data, address)

    def _media(self, data: bytes, extra: list[tuple[int, int, bytes]]) -> None:
        at = time.time_ns()
        for level, kind, value in extra:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, nanoseconds = _TIMESPEC.unpack_from(value)
                at = seconds * 1_000_000_000 + nanoseconds
        packet = self.unprotect(data)
        start = 12
        if packet[0] & 0x10:
            start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
        try:
            text = packet[start : start + _STAMP_BYTES].translate(_FROM_CODE).decode("ascii")
            sent, sender = _STAMP.unpack(bytes.fromhex(text))
        except ValueError:
            return
        window = self._window()
        if not window.began <= sent < window.ended:
            return
        if sender ^ 1 != self.number:
            window.misrouted += 1
        else:
            window.delays_ms["phone" if self.number & 1 else "browser"].append((at - sent) / 1e6)

    def close(self) -> None:
        """Hear no more."""
        SOCKETS.unregister(self._socket)
        self._socket.close()


async def _never(_parameters: Any) -> None:
    """The generator's browser has no tracks."""


Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Call:
    """One call through the bridge."""

    def __init__(self, number: int, window: Callable[[], Window]) -> None:
        self._window, self._number = window, number
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        self.phone = End(sock, 2 * number + 1, window)
        self.port = sock.getsockname()[1]
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.browser: End | None = None

    async def connect(self, ask: Ask) -> None:
        """Offer, answer, ICE and DTLS; then the browser's socket is ours."""
        transceiver = self.peer.addTransceiver("audio", direction="sendrecv")
        known = aiortc.RTCRtpSender.getCapabilities("audio").codecs
        transceiver.setCodecPreferences([codec for codec in known if codec.mimeType == "audio/PCMU"])
        transceiver.receiver.receive = transceiver.sender.send = _never
        dtls, up = transceiver.receiver.transport, asyncio.Event()
        dtls.on("statechange", lambda: up.set() if dtls.state == "connected" else None)
        await self.peer.setLocalDescription(await self.peer.createOffer())
        answer = await ask({"sdp": self.peer.localDescription.sdp, "port": self.port})
        await self.peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await asyncio.wait_for(up.wait(), 20)
        self.phone.remote = (HOST, answer["port"])
        self._take_over(dtls, transceiver.sender._ssrc)

    def _take_over(self, dtls: Any, ssrc: int) -> None:
        pair = dtls.transport._connection._nominated[1]
        own = pair.protocol.transport.get_extra_info("socket").fileno()
        asyncio.get_running_loop()._remove_reader(own)  # type: ignore[attr-defined] # the transport would read on
        self.browser = end = End(socket.socket(fileno=os.dup(own)), 2 * self._number, self._window)
        end.remote, end.ssrc, end.other = pair.remote_addr, ssrc, pair.protocol.datagram_received
        end.protect, end.unprotect = dtls._tx_srtp.protect, dtls._rx_srtp.unprotect

    def ends(self) -> list[End]:
        """Both senders."""
        assert self.browser is not None
        return [self.browser, self.phone]

    async def close(self) -> None:
        """Hang up."""
        for end in self.ends():
            end.close()
        await self.peer.close()


def look() -> None:
    """Read what has arrived anywhere; never waits."""
    for key, _ in SOCKETS.select(0):
        key.data.read()


async def send_for_ever(ends: list[End], window: Callable[[], Window]) -> None:
    """Every end 50 times a second, spread evenly over the 20 ms."""
    loop = asyncio.get_running_loop()
    begin, turn = loop.time(), 0
    while True:
        for place, end in enumerate(ends):
            due = begin + (turn + place / len(ends)) * PACKET_SECONDS
            if (wait := due - loop.time()) > 0:
                look()
                await asyncio.sleep(wait)
            end.send()
            window().late_ms.append((loop.time() - due) * 1000)
        turn += 1
