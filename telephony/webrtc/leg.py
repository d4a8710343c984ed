"""The webphone as a party of a call: one leg, whatever number of peer connections the page makes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from contract.calls import Codec, MediaCapabilities, Outcome, Party
from telephony.errors import MediaError, ParseError
from telephony.leg import LegEvents, Signal
from telephony.media.frame import Endpoint
from telephony.webrtc.endpoint import WebRtcEndpoint
from telephony.webrtc.negotiation import Offer, advertised, allows_public, read_offer, trimmed

log = logging.getLogger(__name__)
ANSWER_SECONDS = 30.0
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class WebRtcNetwork:
    """Our side of ICE; `advertised_ip` differs from `bind_ip` behind 1:1 NAT."""

    bind_ip: str = ""
    advertised_ip: str = ""
    allows: Callable[[str], bool] = allows_public


class WebRtcLeg:
    """Implements `telephony.leg.Leg`; made for one call of a user's window.

    The page offers, the answer waits for `settle`. A later offer replaces the peer connection and
    keeps leg and endpoint: reload, network change, other microphone (instead of an ICE restart,
    which aiortc ignores). The leg ends as media-failed when no connection comes up, the browser is
    not who its fingerprint says (RFC 8827 section 6.5), or no packet came for `silence_seconds`.
    """

    def __init__(
        self,
        party: Party,
        network: WebRtcNetwork | None = None,
        *,
        silence_seconds: float = SILENCE_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self.party = party
        self.events = LegEvents()
        self.endpoint: Endpoint | None = None
        self._audio: WebRtcEndpoint | None = None
        self.offer_arrived = asyncio.Event()
        self.connected = asyncio.Event()
        self._network = network or WebRtcNetwork()
        self._silence_seconds, self._answer_seconds = silence_seconds, answer_seconds
        self._connect_seconds = connect_seconds
        self._loop = asyncio.get_running_loop()
        self._offer: Offer | None = None
        self._settled = asyncio.Event()
        self._ended = False
        self._peer: RTCPeerConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._watching = False

    def offered(self) -> MediaCapabilities:
        """The page's codecs; none before its offer."""
        if self._offer is None:
            return MediaCapabilities((), telephone_event=False)
        return MediaCapabilities(self._offer.codecs, telephone_event=bool(self._offer.events))

    def seconds_since_media(self) -> float | None:
        """Age of the browser's last packet; None while it never was connected."""
        last = self._audio.last_media_at if self._audio is not None else None
        return None if last is None else self._loop.time() - last

    async def settle(self, codec: Codec) -> None:
        """Fix the codec; an offer that waits is answered now."""
        if self._offer is not None and codec not in self._offer.codecs:
            raise MediaError(f"the browser does not offer {codec.value}")
        if self._audio is None:
            self.endpoint = self._audio = WebRtcEndpoint(codec, self._loop.time)
        elif self._audio.codec is not codec:
            raise MediaError("the browser's codec is fixed already")
        self._settled.set()

    async def take_offer(self, sdp: str) -> str:
        """The answer to the page's offer, once the codec is settled; raises ParseError or MediaError."""
        if self._ended:
            raise MediaError("the leg has ended")
        self._offer = offer = read_offer(sdp)
        self.offer_arrived.set()
        try:
            await asyncio.wait_for(self._settled.wait(), self._answer_seconds)
        except TimeoutError:
            await self._end(Outcome.MEDIA_FAILED)
            raise MediaError("the offer was not answered in time") from None
        if self._ended or self._audio is None or self._offer is not offer:
            raise MediaError("the offer was overtaken")
        return await self._answer(offer, self._audio)

    async def _answer(self, offer: Offer, endpoint: WebRtcEndpoint) -> str:
        remote = trimmed(offer, endpoint.codec, self._network.allows)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        old, self._peer = self._peer, peer
        try:
            answer = await self._negotiate(peer, remote, offer, endpoint)
        except BaseException as error:
            self._peer = old
            await peer.close()
            if isinstance(error, Exception):  # aiortc raises whatever its state machine meets
                raise ParseError(f"the offer cannot be answered: {type(error).__name__}") from None
            raise
        if old is not None:
            self._later(old.close())
        if self._ended:
            await peer.close()
            raise MediaError("the leg has ended")
        if not self._watching:
            self._watching = True
            self._later(self._watch())
        return advertised(answer, self._network.bind_ip, self._network.advertised_ip)

    async def _negotiate(self, peer: RTCPeerConnection, remote: str, offer: Offer, endpoint: WebRtcEndpoint) -> str:
        transceiver = peer.addTransceiver("audio", direction="sendrecv")
        transceiver.receiver.receive = transceiver.sender.send = _bypassed
        await peer.setRemoteDescription(RTCSessionDescription(remote, "offer"))
        dtls = transceiver.receiver.transport
        dtls._set_role("server")
        codec = endpoint.codec
        events = offer.events.get(codec.clock_rate_hz)

        connection = dtls.transport._connection

        def failed() -> None:
            if self._peer is peer and not self._ended:
                log.info("the browser's media has no identity that was agreed")
                self._later(self._end(Outcome.MEDIA_FAILED))

        def changed() -> None:
            if dtls.state == "failed":
                failed()
            elif dtls.state == "connected" and self._peer is peer:
                endpoint.attach(connection, dtls, transceiver.sender._ssrc, offer.payload_types[codec], events)
                self.connected.set()

        dtls.on("statechange", changed)
        connection.on_plain = failed
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    async def _watch(self) -> None:
        try:
            await asyncio.wait_for(self.connected.wait(), self._connect_seconds)
            while True:
                left = self._silence_seconds - (self.seconds_since_media() or 0.0)
                if left <= 0:
                    break
                await asyncio.sleep(left)
        except TimeoutError:
            log.info("no connection from the browser came up")
        await self._end(Outcome.MEDIA_FAILED)

    async def ring(self) -> None:
        """The window rings by signalling."""

    async def answer(self) -> None:
        """The window answers by signalling."""

    async def confirm(self) -> None:
        """The window needs no acknowledgement."""

    async def hold(self, held: bool) -> None:
        """The window is held by the call's plane; its connection stays as it is."""

    async def hang_up(self, outcome: Outcome = Outcome.COMPLETED) -> None:
        """Close everything; idempotent."""
        await self._end(outcome)

    async def _end(self, outcome: Outcome) -> None:
        if self._ended:
            return
        self._ended = True
        self.events.put(Signal.ENDED, outcome)
        self._settled.set()
        if self.endpoint is not None:
            self.endpoint.close()
        if self._peer is not None:
            await self._peer.close()
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _bypassed(_parameters: Any) -> None:
    """Stands for aiortc's own receiver and sender: no decoder thread, no queue, no RTCP task."""
