"""Plays tones and spoken notices into an endpoint, one frame each 20 ms, in the endpoint's codec."""

from __future__ import annotations

import asyncio
import functools
import secrets
import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from contract.calls import Codec
from telephony.media import tones
from telephony.media.codecs import Pcm, Resampler, encoder
from telephony.media.frame import Endpoint, Frame
from telephony.media.rtp import FRAME_SECONDS

CLIPS = Path(__file__).parent / "prompts"
LANGUAGES = ("en", "es", "pt")
_TAIL_SECONDS = 0.2


def encoded(pcm: Pcm, rate_hz: int, codec: Codec) -> tuple[bytes, ...]:
    """PCM of any rate as 20 ms payloads; the last one is filled up with silence."""
    tail = tones.silence(_TAIL_SECONDS, rate_hz)
    samples = Resampler(rate_hz, codec.sample_rate_hz).feed(np.concatenate([pcm, tail]))
    size, work = codec.sample_rate_hz // 50, encoder(codec)
    return tuple(work.encode(samples[at : at + size]) for at in range(0, len(samples) - size + 1, size))


def read_clip(clip: str, language: str) -> tuple[Pcm, int]:
    """A spoken notice and its rate; English for an unknown language, a beep for an unknown notice."""
    for name in (f"{clip}.{language.split('-')[0]}.wav", f"{clip}.en.wav"):
        path = CLIPS / name
        if path.parent == CLIPS and path.is_file():
            with wave.open(str(path), "rb") as file:
                return np.frombuffer(file.readframes(file.getnframes()), np.int16), file.getframerate()
    return tones.beep(16000), 16000


@functools.lru_cache(maxsize=64)
def clip_payloads(clip: str, language: str, codec: Codec) -> tuple[bytes, ...]:
    """A notice in a codec; encoded once for all calls."""
    return encoded(*read_clip(clip, language), codec)


@functools.lru_cache(maxsize=8)
def ringback_payloads(codec: Codec) -> tuple[bytes, ...]:
    """One period of the ringing tone in a codec."""
    return encoded(tones.ringback(codec.sample_rate_hz), codec.sample_rate_hz, codec)


async def play_payloads(endpoint: Endpoint, payloads: Iterable[bytes]) -> None:
    """Send payloads on the clock; returns when the last one has lasted. Cancelling stops at once."""
    loop = asyncio.get_running_loop()
    sequence, timestamp = secrets.randbits(16), secrets.randbits(32)
    ticks, due, first = endpoint.codec.clock_rate_hz // 50, loop.time(), True
    for payload in payloads:
        endpoint.send(Frame(payload, timestamp, sequence, first))
        sequence, timestamp, first = sequence + 1 & 0xFFFF, timestamp + ticks & 0xFFFFFFFF, False
        due += FRAME_SECONDS
        await asyncio.sleep(max(0.0, due - loop.time()))


async def play(endpoint: Endpoint, pcm: Pcm, rate_hz: int) -> None:
    """Play 16-bit PCM to its end."""
    await play_payloads(endpoint, await asyncio.to_thread(encoded, pcm, rate_hz, endpoint.codec))


async def say(endpoint: Endpoint, clip: str, language: str) -> None:
    """Speak a notice to its end."""
    await play_payloads(endpoint, await asyncio.to_thread(clip_payloads, clip, language, endpoint.codec))


async def ringback(endpoint: Endpoint) -> None:
    """The ringing tone, until cancelled."""
    payloads = await asyncio.to_thread(ringback_payloads, endpoint.codec)
    while True:
        await play_payloads(endpoint, payloads)
