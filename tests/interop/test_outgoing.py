"""Calls from a webphone through a PBX that we did not write to phones that we did not write."""

from __future__ import annotations

import pytest

from contract.calls import Codec, Outcome
from tests.interop.conftest import House
from tests.tone import hears_note, hears_nothing, until

pytestmark = pytest.mark.interop


async def test_a_click_in_a_card_reaches_the_phone_behind_the_pbx_and_both_hear_each_other(house: House) -> None:
    await house.stand.registered("alice")
    async with house.stand.phone("alice") as alice:
        await house.stand.dial_from_card("1002")
        call = (await alice.call("active"))["call"]
        await hears_note(alice, house.bob.hz)
        await hears_note(house.bob, alice.hz)
        await alice.ask("call.hangup", call=call)
        await alice.call("ended", call)
        await until(lambda: house.bob.saw("CALL_CLOSED"))
        record = await house.stand.record(call)
        assert (record.outcome, record.peer.address) == (Outcome.COMPLETED, "1002") and record.talk_seconds > 0.5


async def test_hold_and_mute_silence_and_digits_arrive_one_for_one(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1002")
        await alice.call("active", call)
        await hears_note(house.bob, alice.hz)
        await alice.ask("call.mute", call=call, muted=True)
        await hears_nothing(house.bob)
        await hears_note(alice, house.bob.hz)
        await alice.ask("call.mute", call=call, muted=False)
        await hears_note(house.bob, alice.hz)
        await alice.ask("call.hold", call=call, held=True)
        assert (await alice.call("held", call))["held"]
        await hears_nothing(alice)
        await alice.ask("call.hold", call=call, held=False)
        await alice.call("active", call)
        await hears_note(alice, house.bob.hz)
        await alice.ask("call.dtmf", call=call, digits="90*#")
        await until(lambda: house.bob.digits == "90*#")
        await alice.ask("call.hangup", call=call)
        assert (await house.stand.record(call)).outcome is Outcome.COMPLETED


async def test_the_far_phone_holds_takes_back_and_hangs_up(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1002")
        await alice.call("active", call)
        await hears_note(alice, house.bob.hz)
        house.bob.tell("hold")
        await hears_nothing(alice)
        house.bob.tell("resume")
        await hears_note(alice, house.bob.hz)
        house.bob.tell("hangup")
        assert (await alice.call("ended", call))["outcome"] == "completed"
        assert (await house.stand.record(call)).outcome is Outcome.COMPLETED


async def test_a_wide_band_phone_is_reached_without_transcoding(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1003")
        await alice.call("ringing", call)
        await until(lambda: house.carol.saw("CALL_INCOMING"))
        house.carol.tell("accept")
        await alice.call("active", call)
        await hears_note(alice, house.carol.hz)
        await hears_note(house.carol, alice.hz)
        assert alice.browser is not None and Codec.G722.value in alice.browser.pc.remoteDescription.sdp
        await alice.ask("call.hangup", call=call)
        await until(lambda: house.carol.saw("CALL_CLOSED"))


async def test_hanging_up_while_it_rings_reaches_the_far_phone(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1003")
        await alice.call("ringing", call)
        await until(lambda: house.carol.saw("CALL_INCOMING"))
        await hears_note(alice, 425.0)
        await alice.ask("call.hangup", call=call)
        await until(lambda: house.carol.saw("CALL_CLOSED"))
        record = await house.stand.record(call)
        assert (record.outcome, record.answered_at) == (Outcome.CANCELLED, None)


@pytest.mark.parametrize(
    ("to", "refused", "outcome", "status"),
    [("1003", True, Outcome.BUSY, 486), ("4444", False, Outcome.UNREACHABLE, 404), ("1009", False, Outcome.NO_ANSWER, 480),
     ("1003", False, Outcome.NO_ANSWER, 0)],
    ids=["busy", "unknown", "away", "no-answer"],
)  # fmt: skip
async def test_how_a_call_failed_is_on_its_record(
    house: House, to: str, refused: bool, outcome: Outcome, status: int
) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial(to, ring_timeout_seconds=2)
        if refused:
            await until(lambda: house.carol.saw("CALL_INCOMING"))
            house.carol.tell("hangup")
        shown = await alice.call("ended", call)
        assert (shown["outcome"], shown["sip_status"]) == (outcome.value, status)
        assert (await house.stand.record(call)).outcome is outcome
        if to == "1003":
            await until(lambda: house.carol.saw("CALL_CLOSED"))
