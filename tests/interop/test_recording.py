"""Nothing is recorded without consent and a spoken notice; then each party is on their own channel, also after a kill."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest

from addon.domain.tenant import Settings
from contract.calls import Device, Outcome, RecordingPlan, RecordingRule
from contract.numbers import TenantId, UserId
from telephony.media.codecs import Pcm
from tests.interop.conftest import House
from tests.tone import hears, hears_note, listen, loudest_hz, until

pytestmark = pytest.mark.interop
ACME, ALICE = TenantId("acme"), UserId("alice")
RECORDED = RecordingPlan(True, RecordingRule.RECORDED, "en")


def channels(data: bytes) -> tuple[Pcm, Pcm, int]:
    """User, far party and rate of a stored recording."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        return sound[:, 0], sound[:, 1], file.getframerate()


def spool(house: House, call: str) -> Path:
    return house.stand.stage.data / "spool" / f"{call}.spool"


def is_speech(pcm: Pcm, *notes: float, rate_hz: int) -> bool:
    """Loud enough to be heard, with nothing of the notes below it."""
    loud = len(pcm) > 0 and np.sqrt(np.mean(pcm.astype(float) ** 2)) > 300
    return bool(loud) and not any(hears(pcm, note, rate_hz, 0.2) for note in notes)


async def test_consent_is_asked_the_notice_is_heard_by_both_and_then_two_channels_are_kept(house: House) -> None:
    store = house.stand.tenancy.of(ACME)
    store.settings.save(ALICE, Settings(record_calls=True, rev=store.settings.get(ALICE).rev))
    async with house.stand.phone("alice") as alice:
        asked = await house.stand.dial_from_card("1002")
        assert "/do/consent.grant" in json.dumps(asked) and not alice.calls
        await house.stand.click(asked, "/do/consent.grant")
        call = (await alice.call("active"))["call"]
        await until(lambda: alice.calls[call]["recording"] == "announcing")
        await asyncio.sleep(0.5)
        by_bob, by_alice = await asyncio.gather(listen(house.bob, 1.5), listen(alice, 1.5))
        assert is_speech(by_bob, alice.hz, rate_hz=house.bob.rate_hz)
        assert is_speech(by_alice, house.bob.hz, rate_hz=alice.rate_hz)
        assert alice.calls[call]["recording"] == "announcing" and not spool(house, call).exists()
        await until(lambda: alice.calls[call]["recording"] == "on", 12)
        await hears_note(alice, house.bob.hz)
        await hears_note(house.bob, alice.hz)
        await asyncio.sleep(1.5)
        await alice.ask("call.hangup", call=call)
    kept = await house.stand.recording(call)
    user, peer, rate = channels(house.stand.bytes_of(kept))
    assert 2.0 < kept.seconds < 6.0 and not kept.cut_short
    assert hears(user[:rate], alice.hz, rate, 0.9) and hears(user[-rate:], alice.hz, rate, 0.9)
    assert hears(peer[:rate], house.bob.hz, rate, 0.9) and hears(peer[-rate:], house.bob.hz, rate, 0.9)
    record = await house.stand.record(call)
    assert (record.recording_rule, record.recording) == (RecordingRule.RECORDED, call)
    await until(lambda: not spool(house, call).exists())


async def test_a_withdrawn_consent_records_nothing(house: House) -> None:
    store = house.stand.tenancy.of(ACME)
    assert store.settings.get(ALICE).record_calls
    settings = await house.stand.card("/do/settings.show")
    await house.stand.click(settings, "/do/consent.withdraw")
    async with house.stand.phone("alice") as alice:
        await house.stand.dial_from_card("1002")
        call = (await alice.call("active"))["call"]
        await hears_note(house.bob, alice.hz)
        assert alice.calls[call]["recording"] == "off" and alice.calls[call]["recording_rule"] == "no-consent"
        await alice.ask("call.hangup", call=call)
    record = await house.stand.record(call)
    assert (record.recording_rule, record.recording) == (RecordingRule.NO_CONSENT, "")
    assert not spool(house, call).exists() and store.recordings.get(ALICE, record.call) is None


@pytest.mark.parametrize("when", ["announcing", "on"])
async def test_the_far_party_stops_the_recording_with_a_digit(house: House, when: str) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1002", recording=RECORDED)
        await alice.call("active", call)
        await until(lambda: alice.calls[call]["recording"] == when, 12)
        if when == "on":
            await hears_note(house.bob, alice.hz)
        house.bob.tell("sndcode", "9")
        await until(lambda: alice.calls[call]["recording"] == "stopped")
        await until(lambda: alice.calls[call]["recording_rule"] == "party-objected")
        await alice.ask("call.hangup", call=call)
    record = await house.stand.record(call)
    assert (record.outcome, record.recording_rule) == (Outcome.COMPLETED, RecordingRule.PARTY_OBJECTED)
    if when == "announcing":
        assert not spool(house, call).exists()
    else:
        kept = await house.stand.recording(call)
        assert kept.seconds < record.talk_seconds - 4.0


async def test_the_user_stops_the_recording_and_no_byte_more_is_written(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1002", recording=RECORDED)
        await alice.call("active", call)
        await until(lambda: alice.calls[call]["recording"] == "on", 12)
        await asyncio.sleep(1.0)
        await alice.ask("record.stop", call=call)
        assert alice.calls[call]["recording"] == "stopped"
        await asyncio.sleep(1.0)
        size = spool(house, call).stat().st_size
        await hears_note(house.bob, alice.hz)
        assert spool(house, call).stat().st_size == size
        await alice.ask("call.hangup", call=call)
    assert (await house.stand.recording(call)).seconds < 2.5


async def test_a_killed_telephony_hangs_up_both_ends_and_keeps_the_recording(house: House) -> None:
    loop = asyncio.get_running_loop()
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1002", recording=RECORDED)
        await alice.call("active", call)
        beside = await house.stand.dial("1003", device=Device.DESK)
        await until(lambda: house.carol.saw("CALL_INCOMING"))
        house.carol.tell("accept")
        await until(lambda: house.carol.saw("CALL_ESTABLISHED") and house.desk.saw("CALL_ESTABLISHED"))
        await until(lambda: alice.calls[call]["recording"] == "on", 12)
        began = loop.time()
        await asyncio.sleep(3.0)
        house.stand.kill_telephony()
        recorded = loop.time() - began
    far_ends = (house.bob, house.carol, house.desk)
    assert [phone.saw("CALL_CLOSED") for phone in far_ends] == [None, None, None]
    house.stand.start_telephony()
    await until(lambda: all(phone.saw("CALL_CLOSED") for phone in far_ends), 10)
    for one in (call, beside):
        record = await house.stand.record(one)
        assert record.outcome is Outcome.OUR_ERROR and record.answered_at is not None
        assert [r.call for r in house.stand.calls_of("alice")].count(record.call) == 1
    kept = await house.stand.recording(call)
    user, peer, rate = channels(house.stand.bytes_of(kept))
    assert kept.cut_short and recorded - 1.0 <= kept.seconds <= recorded + 0.5, (recorded, kept.seconds)
    assert hears(user[rate // 2 :], alice.hz, rate, 0.9) and hears(peer[rate // 2 :], house.bob.hz, rate, 0.9)
    await house.stand.registered("alice")
    async with house.stand.phone("alice") as alice:
        assert not alice.calls
        house.bob.forget()
        house.bob.tell("dial", "1001")
        again = (await alice.call("ringing"))["call"]
        await alice.ask("call.answer", call=again)
        await hears_note(house.bob, alice.hz)
        assert loudest_hz(await listen(alice), alice.rate_hz) > 0
