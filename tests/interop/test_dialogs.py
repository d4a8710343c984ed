"""What RFC 3261 asks of a caller and of a called party, played by sipp; its exit status is part of every verdict."""

from __future__ import annotations

import asyncio

import pytest

from contract.calls import Outcome
from tests.interop.conftest import House
from tests.peers import scenarios
from tests.peers.rtp_ear import RtpEar
from tests.phone import Phone
from tests.tone import hears_note, hears_nothing

pytestmark = pytest.mark.interop
EAR_HZ = 770.0


async def up(house: House, charlie: Phone) -> str:
    """Charlie calls a number of his PBX, which a sipp plays, and it answers."""
    call = await house.stand.dial("2002", "charlie", "zeta")
    await charlie.call("active", call)
    return call


async def ended(house: House, call: str) -> Outcome:
    return (await house.stand.record(call, "charlie", "zeta")).outcome


async def test_early_media_is_heard_both_ways_before_the_answer(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("early", scenarios.uas_early(ear.port)) as sipp:
            call = await house.stand.dial("2002", "charlie", "zeta")
            await charlie.call("early", call)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            assert charlie.calls[call]["state"] == "early" and charlie.calls[call]["answered_at"] is None
            await charlie.call("active", call)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await charlie.ask("call.hangup", call=call)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.COMPLETED


async def test_a_stale_nonce_is_answered_anew(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("stale", scenarios.uas_stale(ear.port, "3001", "any")) as sipp:
            call = await up(house, charlie)
            await hears_note(ear, charlie.hz)
            await charlie.ask("call.hangup", call=call)
            await sipp.verdict()


async def test_the_second_answer_of_a_forked_call_is_hung_up_and_the_first_goes_on(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("fork", scenarios.uas_two_answers(ear.port)) as sipp:
            call = await up(house, charlie)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await charlie.ask("call.hangup", call=call)
            await sipp.verdict()


@pytest.mark.parametrize("race", [False, True], ids=["487", "crossing-200"])
async def test_a_cancelled_call_is_cancelled_even_when_the_answer_crosses(house: House, race: bool) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        steps = scenarios.uas_cancel_race(ear.port) if race else scenarios.uas_cancelled()
        async with house.sipp("race" if race else "cancel", steps) as sipp:
            call = await house.stand.dial("2002", "charlie", "zeta")
            await charlie.call("ringing", call)
            await charlie.ask("call.hangup", call=call)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.CANCELLED


async def test_a_declined_call_says_so(house: House) -> None:
    async with house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("declines", scenarios.uas_refuses("603 Decline")) as sipp:
            call = await house.stand.dial("2002", "charlie", "zeta")
            await charlie.call("ended", call)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.DECLINED


async def test_our_hold_silences_both_and_resume_restores_both(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("is-held", scenarios.uas_is_held(ear.port)) as sipp:
            call = await up(house, charlie)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await charlie.ask("call.hold", call=call, held=True)
            await charlie.call("held", call)
            await hears_nothing(ear)
            await hears_nothing(charlie, after_seconds=0.0)
            await charlie.ask("call.hold", call=call, held=False)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await charlie.ask("call.hangup", call=call)
            await sipp.verdict()


async def test_a_peer_that_holds_with_music_is_heard_and_hears_nothing(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("holds", scenarios.uas_holds(ear.port)) as sipp:
            call = await up(house, charlie)
            await hears_note(ear, charlie.hz)
            await asyncio.sleep(1.2)
            await hears_nothing(ear)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.COMPLETED


async def test_media_moves_where_the_ack_of_a_late_offer_says(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, RtpEar(880.0) as other, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("moves", scenarios.uas_moves(ear.port, other.port)) as sipp:
            call = await up(house, charlie)
            await hears_note(ear, charlie.hz)
            await hears_note(other, charlie.hz)
            await hears_note(charlie, 880.0)
            await hears_nothing(ear)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.COMPLETED


async def test_requests_that_we_do_not_serve_are_refused_with_their_own_status(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("odd", scenarios.uas_odd_requests(ear.port)) as sipp:
            call = await up(house, charlie)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.COMPLETED


async def test_an_offer_that_comes_late_is_answered_in_the_ack(house: House) -> None:
    async with RtpEar(EAR_HZ) as ear, house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("late", scenarios.uac_late_offer(ear.port, 2500), "3001") as sipp:
            call = (await charlie.call("ringing"))["call"]
            await charlie.ask("call.answer", call=call)
            await charlie.call("active", call)
            await hears_note(charlie, EAR_HZ)
            await hears_note(ear, charlie.hz)
            await sipp.verdict()
        assert await ended(house, call) is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("service", "status", "more", "name"),
    [("3001", 420, ("Require: 100rel",), "Unsupported: *100rel"), ("3999", 404, (), "")],
    ids=["extension", "nobody"],
)
async def test_a_call_in_that_cannot_be_taken_says_why(
    house: House, service: str, status: int, more: tuple[str, ...], name: str
) -> None:
    steps = scenarios.uac_is_refused(9, status, *more, name=name)
    async with house.sipp(f"refused-{status}", steps, service) as sipp:
        await sipp.verdict()


async def test_an_options_request_is_answered(house: House) -> None:
    async with house.sipp("options", scenarios.uac_options(), "3001") as sipp:
        await sipp.verdict()
