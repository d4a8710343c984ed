"""Each party hums its own note: making notes, and finding them in what arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from contract.calls import Codec
from telephony.media import prompt, tones
from telephony.media.codecs import Pcm, decoder
from telephony.media.frame import Endpoint, Frame


def loudest_hz(pcm: Pcm, rate_hz: int) -> float:
    """The strongest note in it; 0 for silence."""
    if len(pcm) < rate_hz // 10 or np.max(np.abs(pcm.astype(np.int32))) < 200:
        return 0.0
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * rate_hz / len(pcm))


def hears(pcm: Pcm, hz: float, rate_hz: int = 8000, share: float = 0.5) -> bool:
    """True when most of the energy lies at the note."""
    if loudest_hz(pcm, rate_hz) == 0.0:
        return False
    power = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)))) ** 2
    at = np.fft.rfftfreq(len(pcm), 1 / rate_hz)
    return bool(power[np.abs(at - hz) < 15].sum() > share * power[at > 50].sum())


class Ear:
    """Listens at an endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.frames: list[Frame] = []
        self.codec = endpoint.codec
        endpoint.on_frame = self.frames.append

    @property
    def digits(self) -> str:
        return "".join(frame.digit for frame in self.frames)

    def pcm(self, last: int = 50) -> Pcm:
        return decoded(self.codec, [frame.payload for frame in self.frames if not frame.digit][-last:])

    def hears(self, hz: float) -> bool:
        return hears(self.pcm(), hz, self.codec.sample_rate_hz)


def decoded(codec: Codec, payloads: Sequence[bytes]) -> Pcm:
    work = decoder(codec)
    parts = [work.decode(payload) for payload in payloads]
    return np.concatenate(parts) if parts else np.empty(0, np.int16)


async def hum(endpoint: Endpoint, hz: float, seconds: float = 60.0) -> None:
    """Hum a note into an endpoint until cancelled."""
    rate = endpoint.codec.sample_rate_hz
    await prompt.play(endpoint, tones.sine(hz, seconds, rate), rate)


async def until(true: object, seconds: float = 8.0) -> None:
    """Wait until a function says yes."""
    async with asyncio.timeout(seconds):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.02)


class Listener(Protocol):
    """Somebody who keeps what they hear: a webphone, a phone behind a PBX."""

    @property
    def rate_hz(self) -> int: ...

    def place(self) -> Any: ...

    def since(self, place: Any) -> Pcm: ...


async def listen(who: Listener, seconds: float = 0.5) -> Pcm:
    """What arrives in the next seconds."""
    place = who.place()
    await asyncio.sleep(seconds)
    return who.since(place)


async def hears_note(who: Listener, hz: float, within_seconds: float = 8.0) -> None:
    """Wait until half a second of somebody's audio is that note; raises AssertionError with what it was instead."""
    deadline, pcm = asyncio.get_running_loop().time() + within_seconds, np.empty(0, np.int16)
    while asyncio.get_running_loop().time() < deadline:
        pcm = await listen(who)
        if len(pcm) > who.rate_hz // 4 and hears(pcm, hz, who.rate_hz):
            return
    raise AssertionError(f"{who!r:.80} hears {loudest_hz(pcm, who.rate_hz):.0f} Hz instead of {hz:.0f}")


async def hears_nothing(who: Listener, seconds: float = 0.6, after_seconds: float = 0.4) -> None:
    """Once the buffers are empty no note reaches them."""
    await asyncio.sleep(after_seconds)
    pcm = await listen(who, seconds)
    assert loudest_hz(pcm, who.rate_hz) == 0.0, f"{who!r:.80} hears {loudest_hz(pcm, who.rate_hz):.0f} Hz"
