"""Real calls on loopback: a stock aiortc page, our leg, our plane and a plain RTP party, tone both ways."""

from __future__ import annotations

import asyncio

import pytest

from contract.calls import Codec, Outcome
from telephony.errors import MediaError, ParseError
from telephony.leg import Signal
from telephony.media.plane import Plane
from telephony.media.rtp_port import RtpPort, open_rtp_port
from tests.telephony.webrtc.peers import Browser, call, new_leg
from tests.tone import Ear, hum, until

pytestmark = pytest.mark.loopback
HOST = "127.0.0.1"
PAYLOAD_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.G722: 9, Codec.OPUS: 111}


async def trunk(codec: Codec) -> tuple[RtpPort, RtpPort]:
    ours, theirs = await open_rtp_port(HOST), await open_rtp_port(HOST)
    ours.connect(HOST, theirs.local_port, codec, PAYLOAD_TYPES[codec], 101)
    theirs.connect(HOST, ours.local_port, codec, PAYLOAD_TYPES[codec], 101)
    return ours, theirs


@pytest.mark.parametrize("codec", list(Codec))
async def test_page_and_trunk_hear_each_other_without_transcoding(codec: Codec) -> None:
    browser, leg = Browser(440), new_leg()
    ours, theirs = await trunk(codec)
    await call(browser, leg, codec)
    assert leg.endpoint is not None and leg.endpoint.codec is codec
    plane = Plane(leg.endpoint, ours)
    assert plane._transcoders == {}
    ear, humming = Ear(theirs), asyncio.ensure_future(hum(theirs, 650))
    await until(lambda: browser.hears(650) and ear.hears(440))
    assert not browser.hears(440) and not ear.hears(650)
    assert (leg.seconds_since_media() or 0) < 1
    humming.cancel()
    plane.close()
    await leg.hang_up()
    assert (await leg.events.next()).outcome is Outcome.COMPLETED
    await browser.close()
    ours.close()
    theirs.close()


async def test_a_new_offer_in_the_call_replaces_the_connection_and_keeps_the_endpoint() -> None:
    first, leg = Browser(440), new_leg()
    ours, theirs = await trunk(Codec.OPUS)
    await call(first, leg, Codec.OPUS)
    endpoint = leg.endpoint
    assert endpoint is not None
    Plane(endpoint, ours)
    ear, humming = Ear(theirs), asyncio.ensure_future(hum(theirs, 650))
    await until(lambda: ear.hears(440))
    second = Browser(800)
    await second.accept(await leg.take_offer(await second.offer()))
    await until(lambda: ear.hears(800) and second.hears(650))
    assert leg.endpoint is endpoint and leg.events.queue.empty()
    humming.cancel()
    for browser in (first, second):
        await browser.close()
    await leg.hang_up()


async def test_settling_first_and_offering_later_is_the_same() -> None:
    browser, leg = Browser(440), new_leg()
    await leg.settle(Codec.PCMA)
    await browser.accept(await leg.take_offer(await browser.offer()))
    await asyncio.wait_for(leg.connected.wait(), 10)
    with pytest.raises(MediaError):
        await leg.settle(Codec.OPUS)
    await leg.hang_up()
    await leg.hang_up()
    await browser.close()


async def test_an_offer_without_the_codec_and_an_offer_nobody_settles_fail() -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg(answer_seconds=0.3)
    answering = asyncio.ensure_future(leg.take_offer(await browser.offer()))
    await leg.offer_arrived.wait()
    assert leg.offered().codecs == (Codec.PCMU,)
    with pytest.raises(MediaError):
        await leg.settle(Codec.OPUS)
    with pytest.raises(MediaError):
        await answering
    event = await leg.events.next()
    assert (event.signal, event.outcome) == (Signal.ENDED, Outcome.MEDIA_FAILED)
    await browser.close()


async def test_a_page_that_falls_silent_ends_the_leg() -> None:
    browser, leg = Browser(440), new_leg(silence_seconds=0.5)
    await call(browser, leg, Codec.PCMU)
    await asyncio.sleep(0.7)
    assert leg.events.queue.empty()
    await browser.close()
    event = await asyncio.wait_for(leg.events.next(), 3)
    assert event.outcome is Outcome.MEDIA_FAILED


async def test_nothing_is_left_after_calls() -> None:
    async def once() -> None:
        browser, leg = Browser(440), new_leg()
        await call(browser, leg, Codec.PCMU)
        await leg.hang_up()
        await browser.close()

    await once()
    await asyncio.sleep(0.2)
    before = len(asyncio.all_tasks())
    for _ in range(3):
        await once()
    await asyncio.sleep(0.2)
    assert len(asyncio.all_tasks()) <= before


async def test_a_broken_reconnect_leaves_the_call_as_it_was() -> None:
    browser, leg = Browser(440), new_leg()
    await call(browser, leg, Codec.PCMU)
    with pytest.raises(ParseError):
        await leg.take_offer("v=0\r\n")
    with pytest.raises(MediaError):
        await leg.take_offer(await Browser(800, Codec.OPUS).offer())
    assert leg.endpoint is not None
    ear = Ear(leg.endpoint)
    await until(lambda: ear.hears(440))
    await leg.hang_up()
    await browser.close()
