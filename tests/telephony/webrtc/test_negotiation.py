"""Browser offers: Chromium's is read and trimmed; hostile ones are parse errors within a moment."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.calls import Codec
from telephony.errors import MediaError, ParseError
from telephony.webrtc.negotiation import advertised, allows_any, allows_public, read_offer, trimmed

pytestmark = pytest.mark.pure
DIGEST = ":".join(["AB"] * 32)
CHROMIUM = "\r\n".join(
    [
        "v=0", "o=- 46117 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=extmap-allow-mixed",
        "a=msid-semantic: WMS s1", "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126", "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2113937151 5f2d0a3e-9a1c-4b6c-8d3a-000000000000.local 54321 typ host generation 0",
        "a=candidate:2 1 udp 2113937151 127.0.0.1 54322 typ host generation 0",
        "a=candidate:3 1 udp 2113937151 10.1.2.3 54323 typ host generation 0",
        "a=candidate:4 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active generation 0",
        "a=candidate:5 1 udp 1677729535 203.0.114.9 54324 typ srflx raddr 0.0.0.0 rport 0 generation 0",
        "a=candidate:6 1 udp 1677729535 224.0.0.1 54324 typ host generation 0",
        "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {DIGEST}", "a=setup:actpass", "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=sendrecv", "a=msid:s1 t1", "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111", "a=rtpmap:9 G722/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:13 CN/8000", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000",
        "a=ssrc:1234 cname:c", "a=ssrc:1234 msid:s1 t1", "",
    ]
)  # fmt: skip


def test_chromiums_offer_is_read_in_its_order() -> None:
    offer = read_offer(CHROMIUM)
    assert offer.codecs == (Codec.OPUS, Codec.G722, Codec.PCMU, Codec.PCMA)
    assert offer.events == {48000: 110, 8000: 126}


@pytest.mark.parametrize(("codec", "line"), [(Codec.OPUS, "111 110"), (Codec.G722, "9 126"), (Codec.PCMU, "0 126")])
def test_one_codec_and_the_event_of_its_clock_are_left(codec: Codec, line: str) -> None:
    sdp = trimmed(read_offer(CHROMIUM), codec, allows_any)
    assert f"m=audio 9 UDP/TLS/RTP/SAVPF {line}\r\n" in sdp and sdp.count("a=rtpmap:") == 2
    assert ".local" not in sdp and " tcp " not in sdp and "224.0.0.1" not in sdp and "10.1.2.3" in sdp


def test_in_production_only_public_addresses_are_checked() -> None:
    sdp = trimmed(read_offer(CHROMIUM), Codec.OPUS, allows_public)
    assert [line.split()[4] for line in sdp.splitlines() if line.startswith("a=candidate")] == ["203.0.114.9"]


def test_a_codec_that_was_not_offered_is_a_media_error() -> None:
    with pytest.raises(MediaError):
        trimmed(read_offer(CHROMIUM.replace("G722", "G729")), Codec.G722, allows_any)


def test_behind_nat_the_public_address_is_advertised() -> None:
    sdp = "c=IN IP4 10.0.0.2\r\na=candidate:1 1 udp 2 10.0.0.2 4000 typ host\r\na=x:110.0.0.2\r\n"
    assert advertised(sdp, "10.0.0.2", "203.0.114.1").count("203.0.114.1") == 2


HOSTILE = {
    "empty": "",
    "nul": "\0" * 100,
    "no fingerprint": CHROMIUM.replace(f"a=fingerprint:sha-256 {DIGEST}\r\n", ""),
    "weak fingerprint": CHROMIUM.replace("sha-256", "md5"),
    "short fingerprint": CHROMIUM.replace(DIGEST, DIGEST[3:]),
    "passive page": CHROMIUM.replace("actpass", "passive"),
    "no setup": CHROMIUM.replace("a=setup:actpass\r\n", ""),
    "no ice": CHROMIUM.replace("a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n", ""),
    "short ice password": CHROMIUM.replace("abcdefghijklmnopqrstuvwx", "short"),
    "no mux": CHROMIUM.replace("a=rtcp-mux\r\n", ""),
    "plain rtp": CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
    "video": CHROMIUM.replace("m=audio", "m=video"),
    "two lines": CHROMIUM + CHROMIUM[CHROMIUM.index("m=audio") :],
    "no codec": CHROMIUM.replace("opus", "x").replace("G722", "x").replace("PCM", "x"),
    "bad candidate": CHROMIUM.replace("2113937151 127.0.0.1 54322", "x"),
    "forbidden type": CHROMIUM.replace("SAVPF 111", "SAVPF 72"),
    "huge": CHROMIUM + "a=x:" + "y" * 40_000,
    "many lines": CHROMIUM + "a=x\r\n" * 600,
    "many candidates": CHROMIUM + "a=candidate:2 1 udp 1 127.0.0.1 5 typ host\r\n" * 30,
    "many ssrc": CHROMIUM + "".join(f"a=ssrc:{n} cname:x\r\n" for n in range(20_000)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_offers_are_parse_errors_at_once(name: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ParseError):
        read_offer(HOSTILE[name])
    assert time.perf_counter() - began < 0.05


@settings(max_examples=600, deadline=None)
@given(st.integers(), st.integers(1, 6))
def test_mutated_offers_let_out_only_parse_errors(seed: int, times: int) -> None:
    dice, lines = random.Random(seed), CHROMIUM.split("\r\n")
    for _ in range(times):
        at = dice.randrange(len(lines))
        line = lines[at]
        cut = dice.randrange(len(line) + 1)
        noise = dice.choice(["", ":", " ", "/", "-1", "9" * 30, "\0", "é", "a=", "m=audio 9 x 1", "=", ";;=;", "99999"])
        lines[at] = dice.choice(["", line[:cut] + noise + line[cut:], line[:cut] + noise, line + line, noise])
    try:
        offer = read_offer("\r\n".join(lines))
        trimmed(offer, offer.codecs[0], allows_any)
    except (ParseError, MediaError):
        pass


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_lets_out_only_parse_errors(text: str) -> None:
    with pytest.raises(ParseError):
        read_offer("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" + text)
