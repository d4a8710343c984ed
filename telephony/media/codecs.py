"""Encoding and decoding of 20 ms frames: G.711 by table, G.722 and Opus by FFmpeg.

Calls are forwarded without decoding; this serves tones, notices, recordings and the rare pair
of parties that share no codec.
"""

from __future__ import annotations

from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray

from contract.calls import Codec

Pcm = NDArray[np.int16]
_BIAS, _CLIP = 0x84, 32635
_MAX_PAYLOAD = 1500


def _ulaw_table() -> Pcm:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    size = (((code & 0x0F) << 3) + _BIAS << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


def _alaw_table() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, (code & 0x0F) << 4
    size = np.where(exponent == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, size, -size).astype(np.int16)


def _encode_table(decode: Pcm) -> NDArray[np.uint8]:
    order = np.argsort(decode, kind="stable")
    levels = decode[order].astype(np.int32)
    samples = np.arange(-32768, 32768, dtype=np.int32)
    above = np.clip(np.searchsorted(levels, samples), 1, 255)
    nearer_below = samples - levels[above - 1] < levels[above] - samples
    return order[np.where(nearer_below, above - 1, above)].astype(np.uint8)


_DECODE = {Codec.PCMU: _ulaw_table(), Codec.PCMA: _alaw_table()}
_ENCODE = {codec: _encode_table(table) for codec, table in _DECODE.items()}
SILENCE = {Codec.PCMU: b"\xff" * 160, Codec.PCMA: b"\xd5" * 160}


class Encoder(Protocol):
    """PCM at the codec's own sampling rate, 20 ms at a time."""

    def encode(self, pcm: Pcm) -> bytes:
        """One payload."""
        ...


class Decoder(Protocol):
    """Payloads of one stream in order."""

    def decode(self, payload: bytes) -> Pcm:
        """PCM at the codec's own sampling rate; empty when the payload is broken."""
        ...


class _G711:
    def __init__(self, codec: Codec) -> None:
        self._decode, self._encode = _DECODE[codec], _ENCODE[codec]

    def encode(self, pcm: Pcm) -> bytes:
        return bytes(self._encode[pcm.astype(np.int32) + 32768])

    def decode(self, payload: bytes) -> Pcm:
        return self._decode[np.frombuffer(payload, np.uint8)]


class _AvEncoder:
    def __init__(self, codec: Codec) -> None:
        name = "libopus" if codec is Codec.OPUS else "g722"
        self._rate = codec.sample_rate_hz
        self._context = av.CodecContext.create(name, "w")
        self._context.sample_rate = self._rate
        self._context.format = "s16"
        self._context.layout = "mono"
        if codec is Codec.OPUS:
            self._context.bit_rate = 32000
            self._context.options = {"application": "voip", "compression_level": "3"}

    def encode(self, pcm: Pcm) -> bytes:
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._rate
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


class _AvDecoder:
    def __init__(self, codec: Codec) -> None:
        self._context = av.CodecContext.create("libopus" if codec is Codec.OPUS else "g722", "r")
        self._context.sample_rate = codec.sample_rate_hz
        self._context.layout = "mono"
        self._to_mono = av.AudioResampler(format="s16", layout="mono", rate=codec.sample_rate_hz)

    def decode(self, payload: bytes) -> Pcm:
        if not payload or len(payload) > _MAX_PAYLOAD:
            return np.empty(0, np.int16)
        try:
            frames = self._context.decode(av.Packet(payload))
            parts = [out.to_ndarray().reshape(-1) for frame in frames for out in self._to_mono.resample(frame)]
        except (av.FFmpegError, ValueError):
            return np.empty(0, np.int16)
        return np.concatenate(parts).astype(np.int16) if parts else np.empty(0, np.int16)


def encoder(codec: Codec) -> Encoder:
    """A fresh encoder."""
    return _G711(codec) if codec in _DECODE else _AvEncoder(codec)


def decoder(codec: Codec) -> Decoder:
    """A fresh decoder; one per stream, because G.722 and Opus remember."""
    return _G711(codec) if codec in _DECODE else _AvDecoder(codec)


class Resampler:
    """PCM of one stream from one rate to another; the output lags by a few samples."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from, self._same = from_hz, from_hz == to_hz
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=to_hz)

    def feed(self, pcm: Pcm) -> Pcm:
        """The next samples, as many as are ready."""
        if self._same or not len(pcm):
            return pcm
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm).reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._from
        parts = [out.to_ndarray().reshape(-1) for out in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.empty(0, np.int16)
