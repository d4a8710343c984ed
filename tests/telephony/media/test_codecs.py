"""Codecs give back what they were given; G.711 agrees with its tables in the standard."""

from __future__ import annotations

import numpy as np
import pytest

from contract.calls import Codec
from telephony.media import tones
from telephony.media.codecs import SILENCE, decoder, encoder
from telephony.media.prompt import encoded
from tests.tone import decoded, hears

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("codec", list(Codec))
def test_a_note_survives(codec: Codec) -> None:
    rate = codec.sample_rate_hz
    payloads = encoded(tones.sine(440, 1.0, rate), rate, codec)
    assert len(payloads) == 60 and all(payloads)
    assert hears(decoded(codec, payloads[5:45]), 440, rate, 0.95)


@pytest.mark.parametrize(
    ("codec", "code", "sample"),
    [
        (Codec.PCMU, 0x00, -32124), (Codec.PCMU, 0x80, 32124), (Codec.PCMU, 0xFF, 0), (Codec.PCMU, 0x7F, 0),
        (Codec.PCMA, 0xD5, 8), (Codec.PCMA, 0x55, -8), (Codec.PCMA, 0xAA, 32256), (Codec.PCMA, 0x2A, -32256),
    ],
)  # fmt: skip
def test_g711_codes_mean_what_the_standard_says(codec: Codec, code: int, sample: int) -> None:
    assert decoder(codec).decode(bytes([code])).tolist() == [sample]


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_g711_takes_the_nearest_code_for_every_sample(codec: Codec) -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    back = decoder(codec).decode(encoder(codec).encode(samples)).astype(np.int32)
    levels = np.unique(decoder(codec).decode(bytes(range(256))).astype(np.int32))
    nearest = np.abs(levels[np.searchsorted(levels, samples).clip(1, len(levels) - 1)] - samples)
    assert np.all(np.abs(back - samples) <= nearest)
    assert np.max(np.abs(decoder(codec).decode(SILENCE[codec]))) <= 8


@pytest.mark.parametrize("codec", list(Codec))
def test_broken_payloads_are_silence_and_not_errors(codec: Codec) -> None:
    work = decoder(codec)
    for payload in (b"", b"\xff", b"\x00" * 3, bytes(range(256)) * 20, b"\xfc\xff\xff\xff"):
        assert work.decode(payload).dtype == np.int16
