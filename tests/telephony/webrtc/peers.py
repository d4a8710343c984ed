"""Peers for WebRTC tests: a stock aiortc browser stand-in that hums a note and listens, on loopback."""

from __future__ import annotations

import asyncio
import fractions

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from contract.calls import Codec, Party
from telephony.webrtc import guard
from telephony.webrtc.leg import WebRtcLeg, WebRtcNetwork
from telephony.webrtc.negotiation import allows_any
from tests.tone import hears

RATE = 48000
guard.use_addresses(["127.0.0.1"])


class Humming(MediaStreamTrack):
    """A microphone in front of somebody who hums."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self.hz, self.at, self.began = hz, 0, 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        self.began = self.began or loop.time()
        await asyncio.sleep(max(0.0, self.began + self.at / RATE - loop.time()))
        sound = np.sin(2 * np.pi * self.hz * (self.at + np.arange(960)) / RATE) * 8000
        frame = av.AudioFrame.from_ndarray(sound.astype(np.int16).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, fractions.Fraction(1, RATE)
        self.at += 960
        return frame


class Browser:
    """Stock tracks on the page's side of the call."""

    def __init__(self, hz: float, codec: Codec | None = None) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[np.ndarray] = []
        self.rate = RATE
        self.listening: asyncio.Task[None] | None = None
        transceiver = self.pc.addTransceiver(Humming(hz), direction="sendrecv")
        if codec is not None:
            known = RTCRtpSender.getCapabilities("audio").codecs
            wanted = (codec.value.lower(), "telephone-event")
            transceiver.setCodecPreferences([c for c in known if c.mimeType.split("/")[1].lower() in wanted])
        self.pc.on("track", self._listen)

    def _listen(self, track: MediaStreamTrack) -> None:
        self.listening = asyncio.ensure_future(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                self.rate = frame.sample_rate
                self.heard.append(frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)])
        except MediaStreamError:
            pass

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def hears(self, hz: float) -> bool:
        return len(self.heard) > 30 and hears(np.concatenate(self.heard[-30:]), hz, self.rate)

    async def close(self) -> None:
        if self.listening is not None:
            self.listening.cancel()
        await self.pc.close()


def new_leg(**options: float) -> WebRtcLeg:
    return WebRtcLeg(Party("1001"), WebRtcNetwork(allows=allows_any), **options)


async def call(browser: Browser, leg: WebRtcLeg, codec: Codec) -> None:
    """Offer, settle, answer, connected."""
    answering = asyncio.ensure_future(leg.take_offer(await browser.offer()))
    await asyncio.wait_for(leg.offer_arrived.wait(), 5)
    await leg.settle(codec)
    await browser.accept(await answering)
    await asyncio.wait_for(leg.connected.wait(), 10)
