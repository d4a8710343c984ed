"""Two endpoints joined: encoded frames go both ways, undecoded when the codecs agree."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from contract.calls import Codec
from telephony.media.codecs import Pcm, Resampler, decoder, encoder
from telephony.media.frame import Endpoint, Frame

USER, PEER = "user", "peer"


class Transcoder:
    """One direction between two codecs, frame by frame."""

    def __init__(self, from_codec: Codec, to_codec: Codec) -> None:
        self._decoder, self._encoder = decoder(from_codec), encoder(to_codec)
        self._resampler = Resampler(from_codec.sample_rate_hz, to_codec.sample_rate_hz)
        self._from, self._to = from_codec, to_codec
        self._size = to_codec.sample_rate_hz // 50
        self._ticks = to_codec.clock_rate_hz // 50
        self._left: Pcm = np.empty(0, np.int16)
        self._sequence = self._timestamp = 0
        self._last: int | None = None

    def feed(self, frame: Frame) -> list[Frame]:
        """Frames that became complete; a pause of the source stays a pause."""
        pcm = np.concatenate([self._left, self._resampler.feed(self._decoder.decode(frame.payload))])
        self._follow(frame.timestamp, len(pcm))
        made = []
        while len(pcm) >= self._size:
            payload, pcm = self._encoder.encode(pcm[: self._size]), pcm[self._size :]
            if payload:
                made.append(Frame(payload, self._timestamp, self._sequence))
                self._sequence = self._sequence + 1 & 0xFFFF
                self._timestamp = self._timestamp + self._ticks & 0xFFFFFFFF
        self._left = pcm
        return made

    def _follow(self, timestamp: int, samples: int) -> None:
        if self._last is not None:
            ticks = (timestamp - self._last & 0xFFFFFFFF) - self._from.clock_rate_hz // 50
            if self._from.clock_rate_hz // 25 < ticks < 0x80000000:
                self._timestamp += ticks * self._to.clock_rate_hz // self._from.clock_rate_hz
                self._timestamp &= 0xFFFFFFFF
        self._last = timestamp


class Plane:
    """Joins the user's endpoint and the far party's; nothing is scheduled per packet.

    `on_frame` sees every received frame with the side that sent it, also while its direction
    does not flow: who records decides by itself.
    """

    def __init__(self, user: Endpoint, peer: Endpoint) -> None:
        self.on_frame: Callable[[str, Frame], None] | None = None
        self._ends: dict[str, Endpoint] = {USER: user, PEER: peer}
        self._flows = {USER: True, PEER: True}
        self._transcoders: dict[str, Transcoder] = {}
        self._open = True
        self._hook()

    def flow(self, *, from_user: bool, from_peer: bool) -> None:
        """Which directions are forwarded."""
        self._flows = {USER: from_user, PEER: from_peer}
        if self._open:
            self._listen()

    def replace(self, side: str, endpoint: Endpoint) -> None:
        """Put a new endpoint on one side of the running plane; the old one is no longer heard."""
        self._ends[side].on_frame = None
        self._ends[side] = endpoint
        self._hook()

    def close(self) -> None:
        """Forward no more; the endpoints stay open."""
        self._open = False
        for end in self._ends.values():
            end.on_frame = None
        self.on_frame = None

    def _hook(self) -> None:
        user, peer = self._ends[USER], self._ends[PEER]
        self._transcoders = {}
        if user.codec is not peer.codec:
            self._transcoders = {USER: Transcoder(user.codec, peer.codec), PEER: Transcoder(peer.codec, user.codec)}
        self._listen()

    def _listen(self) -> None:
        user, peer = self._ends[USER], self._ends[PEER]
        user.on_frame, peer.on_frame = self._way(USER, peer), self._way(PEER, user)

    def _way(self, side: str, to: Endpoint) -> Callable[[Frame], None]:
        """What one endpoint calls for each of its frames; everything that stays the same is looked up here."""
        send, transcoder, flows = to.send, self._transcoders.get(side), self._flows[side]
        if flows and transcoder is None:

            def passed(frame: Frame) -> None:
                if frame[4]:
                    to.send_digit(frame[4])
                else:
                    send(frame)
                if self.on_frame is not None:
                    self.on_frame(side, frame)

            return passed

        def worked(frame: Frame) -> None:
            if not flows:
                pass
            elif frame.digit:
                to.send_digit(frame.digit)
            elif transcoder is not None:
                for made in transcoder.feed(frame):
                    send(made)
            if self.on_frame is not None:
                self.on_frame(side, frame)

        return worked
