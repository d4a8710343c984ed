"""Call progress tones and beeps as PCM (ITU-T E.180: 425 Hz, 1 s on, 4 s off)."""

from __future__ import annotations

import numpy as np

from telephony.media.codecs import Pcm

RINGBACK_HZ, RINGBACK_ON_SECONDS, RINGBACK_OFF_SECONDS = 425.0, 1.0, 4.0
_RAMP_SECONDS = 0.005


def sine(hz: float, seconds: float, rate_hz: int, level: float = 0.25) -> Pcm:
    """A tone without clicks at its ends; `level` is the share of full scale."""
    count = round(seconds * rate_hz)
    wave = np.sin(2 * np.pi * hz * np.arange(count) / rate_hz) * level * 32767
    ramp = min(round(_RAMP_SECONDS * rate_hz), count // 2)
    if ramp:
        edge = np.linspace(0.0, 1.0, ramp)
        wave[:ramp] *= edge
        wave[-ramp:] *= edge[::-1]
    return wave.astype(np.int16)


def silence(seconds: float, rate_hz: int) -> Pcm:
    """Nothing to hear."""
    return np.zeros(round(seconds * rate_hz), np.int16)


def beep(rate_hz: int) -> Pcm:
    """A short beep, as before a recording."""
    return sine(1000.0, 0.2, rate_hz)


def ringback(rate_hz: int) -> Pcm:
    """One period of the ringing tone."""
    on = sine(RINGBACK_HZ, RINGBACK_ON_SECONDS, rate_hz, 0.15)
    return np.concatenate([on, silence(RINGBACK_OFF_SECONDS, rate_hz)])
