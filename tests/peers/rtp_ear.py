"""The media of a peer that has none: hums a note to whoever speaks to it, and keeps what it hears (G.711 u-law)."""

from __future__ import annotations

import asyncio
import secrets

import numpy as np

from contract.calls import Codec
from telephony.media import prompt, tones
from telephony.media.codecs import Pcm
from tests.tone import decoded

Address = tuple[str, int]
EVENTS = 101


class RtpEar(asyncio.DatagramProtocol):
    """A plain RTP socket (RFC 3550)."""

    rate_hz = 8000

    def __init__(self, hz: float) -> None:
        self.hz = hz
        self.heard: list[bytes] = []
        self.to: Address | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._humming: asyncio.Task[None] | None = None
        self._sequence, self._timestamp, self._ssrc = secrets.randbits(15), secrets.randbits(31), secrets.randbits(32)

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    async def __aenter__(self) -> RtpEar:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._humming is not None:
            self._humming.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if len(data) < 12 or data[1] & 0x7F != 0:
            return
        self.heard.append(data[12:])
        self.to = (addr[0], addr[1])
        if self._humming is None:
            self._humming = asyncio.ensure_future(self._hum())

    def _packet(self, kind: int, payload: bytes) -> bytes:
        self._sequence = self._sequence + 1 & 0xFFFF
        head = bytes([0x80, kind]) + self._sequence.to_bytes(2, "big") + self._timestamp.to_bytes(4, "big")
        return head + self._ssrc.to_bytes(4, "big") + payload

    async def _hum(self) -> None:
        loop, note = asyncio.get_running_loop(), prompt.encoded(tones.sine(self.hz, 60.0, 8000), 8000, Codec.PCMU)
        began = loop.time()
        for at, payload in enumerate(note):
            await asyncio.sleep(max(0.0, began + at * 0.02 - loop.time()))
            self._timestamp = self._timestamp + 160 & 0xFFFFFFFF
            if self._transport is not None and self.to is not None:
                self._transport.sendto(self._packet(0, payload), self.to)

    def press(self, event: int) -> None:
        """One digit as RFC 4733 events; the end is sent three times."""
        assert self._transport is not None and self.to is not None
        for step in (1, 2, 3, 4, 4, 4):
            flags = 0x8A if step == 4 else 0x0A
            payload = bytes([event, flags]) + (160 * step).to_bytes(2, "big")
            self._transport.sendto(self._packet(EVENTS, payload), self.to)

    def place(self) -> int:
        """Where listening stands."""
        return len(self.heard)

    def since(self, place: int) -> Pcm:
        """What was heard after `place`."""
        heard = self.heard[place:]
        return decoded(Codec.PCMU, heard) if heard else np.empty(0, np.int16)
