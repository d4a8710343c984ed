"""Media passes only under the identity that the offer promised: never plain, never another certificate's."""

from __future__ import annotations

import asyncio
import re

import aioice
import pytest

from contract.calls import Codec, Outcome
from telephony.errors import ParseError
from telephony.media.rtp import build_rtp
from telephony.webrtc.guard import MAX_MEDIA_BEFORE_KEYS
from telephony.webrtc.leg import WebRtcLeg
from tests.telephony.webrtc.peers import Browser, call, new_leg
from tests.tone import Ear, until

pytestmark = pytest.mark.loopback
SHA512 = ":".join(["AB"] * 64)


def another(offer: str) -> str:
    """The offer with one digit of its fingerprint changed."""
    at = offer.index("a=fingerprint:sha-256 ") + 22
    return offer[:at] + ("00" if offer[at : at + 2] != "00" else "11") + offer[at + 2 :]


def a_second(offer: str) -> str:
    """The offer with a second fingerprint, which is wrong."""
    return re.sub(r"(a=fingerprint:sha-256 .*\r\n)", rf"\1a=fingerprint:sha-512 {SHA512}\r\n", offer, count=1)


async def ends_unheard(leg: WebRtcLeg) -> None:
    """The leg ends soon, long before its own time-outs, and nothing passed either way."""
    event = await asyncio.wait_for(leg.events.next(), 10)
    assert event.outcome is Outcome.MEDIA_FAILED
    assert leg._audio is not None and (leg._audio.received, leg._audio.sent) == (0, 0)
    assert not leg.connected.is_set()
    with pytest.raises(Exception, match="ended"):
        await leg.take_offer("v=0")


@pytest.mark.parametrize("forge", [another, a_second])
async def test_another_fingerprint_ends_the_leg_at_once(forge: object) -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg()
    await leg.settle(Codec.PCMU)
    await browser.accept(await leg.take_offer(forge(await browser.offer())))  # type: ignore[operator] # one of two functions
    await ends_unheard(leg)
    assert leg._peer is not None
    connection = leg._peer.getTransceivers()[0].receiver.transport.transport._connection
    assert connection.plain < MAX_MEDIA_BEFORE_KEYS  # the handshake ended it, not what came after
    await browser.close()


@pytest.mark.parametrize(
    ("what", "instead"),
    [(r"a=fingerprint:.*\r\n", ""), (r"sha-\d+", "sha-1"), (r"UDP/TLS/RTP/SAVPF", "RTP/AVP"), (r"UDP/TLS/RTP/SAVPF", "RTP/AVPF"),
     (r"a=setup:actpass", "a=setup:passive"), (r"a=fingerprint:.*\r\n", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n")],
)  # fmt: skip
async def test_an_offer_without_an_identity_is_refused_before_anything_is_opened(what: str, instead: str) -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg()
    await leg.settle(Codec.PCMU)
    offer = await browser.offer()
    assert re.search(what, offer)
    with pytest.raises(ParseError):
        await leg.take_offer(re.sub(what, instead, offer))
    assert leg._peer is None
    await browser.close()


async def test_a_page_that_sends_plain_rtp_instead_of_dtls_is_closed_and_not_heard() -> None:
    page, leg = aioice.Connection(ice_controlling=True), new_leg()
    await leg.settle(Codec.PCMU)
    ear = Ear(leg.endpoint)  # type: ignore[arg-type] # settled above
    await page.gather_candidates()
    template = Browser(440, Codec.PCMU)
    offer = re.sub(r"a=candidate:.*\r\n", "", await template.offer())
    offer = re.sub(r"a=ice-ufrag:.*\r\n", f"a=ice-ufrag:{page.local_username}\r\n", offer)
    offer = re.sub(r"a=ice-pwd:.*\r\n", f"a=ice-pwd:{page.local_password}\r\n", offer)
    offer += "".join(f"a=candidate:{candidate.to_sdp()}\r\n" for candidate in page.local_candidates)
    answer = await leg.take_offer(offer)
    page.remote_username = re.findall(r"a=ice-ufrag:(\S+)", answer)[0]
    page.remote_password = re.findall(r"a=ice-pwd:(\S+)", answer)[0]
    for candidate in re.findall(r"a=candidate:(.*)\r\n", answer):
        await page.add_remote_candidate(aioice.Candidate.from_sdp(candidate))
    await page.add_remote_candidate(None)
    await page.connect()
    for count in range(2 * MAX_MEDIA_BEFORE_KEYS):
        await page.send(build_rtp(0, False, count, count * 160, 7, bytes(160)))
        await asyncio.sleep(0.005)
    await ends_unheard(leg)
    assert ear.frames == []
    await page.close()
    await template.close()


async def test_plain_rtp_within_a_live_call_is_not_heard_and_the_call_goes_on() -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg()
    await call(browser, leg, Codec.PCMU)
    assert leg.endpoint is not None
    ear = Ear(leg.endpoint)
    ice = browser.pc.getTransceivers()[0].sender.transport.transport._connection
    for count in range(200):
        await ice.send(build_rtp(0, False, count, count * 160, 7, b"plain" * 32))
        await asyncio.sleep(0.001)
    mark = len(ear.frames)
    await until(lambda: len(ear.frames) > mark + 10)
    assert not any(frame.payload.startswith(b"plain") for frame in ear.frames) and leg.events.queue.empty()
    await leg.hang_up()
    await browser.close()
