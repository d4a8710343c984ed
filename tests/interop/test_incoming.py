"""Calls from behind the PBX ring the webphone; declined, given up or unanswered ones are told and listed."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from contract.calls import Direction, Outcome
from tests.interop.conftest import House
from tests.peers import scenarios
from tests.tone import hears_note, hears_nothing, listen, until

pytestmark = pytest.mark.interop


async def test_a_call_in_shows_its_caller_is_answered_and_heard_both_ways(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        house.bob.tell("dial", "1001")
        ringing = await alice.call("ringing")
        assert (ringing["direction"], ringing["peer"]["address"], ringing["peer"]["name"]) == ("inbound", "1002", "Bob")
        await until(lambda: house.bob.saw("CALL_RINGING"))
        await alice.ask("call.answer", call=ringing["call"])
        await alice.call("active", ringing["call"])
        await hears_note(alice, house.bob.hz)
        await hears_note(house.bob, alice.hz)
        house.bob.tell("hangup")
        await alice.call("ended", ringing["call"])
        record = await house.stand.record(ringing["call"])
        assert (record.direction, record.outcome, record.missed) == (Direction.INBOUND, Outcome.COMPLETED, False)


async def test_a_declined_call_ends_for_the_caller_at_once(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        house.bob.tell("dial", "1001")
        call = (await alice.call("ringing"))["call"]
        await alice.ask("call.decline", call=call)
        await until(lambda: house.bob.saw("CALL_CLOSED"))
        assert str(house.bob.saw("CALL_CLOSED")).startswith("603")
        record = await house.stand.record(call)
        assert (record.outcome, record.missed) == (Outcome.DECLINED, False)


async def test_a_caller_who_gives_up_leaves_a_missed_call(house: House) -> None:
    async with house.stand.phone("charlie", "zeta") as charlie:
        async with house.sipp("gives-up", scenarios.uac_gives_up(9, 600), "3001") as sipp:
            call = (await charlie.call("ringing"))["call"]
            await sipp.verdict()
            await charlie.call("ended", call)
        record = await house.stand.record(call, "charlie", "zeta")
        assert record.missed and (record.peer.address, record.peer.name) == ("5551000", "Kusi Wayra")


async def test_without_a_window_the_caller_is_told_and_the_missed_call_is_on_the_card(house: House) -> None:
    before = {record.call for record in house.stand.calls_of("alice")}
    house.carol.tell("dial", "1001")
    await until(lambda: house.carol.saw("CALL_ESTABLISHED"))
    spoken = await listen(house.carol, 1.5)
    assert np.sqrt(np.mean(spoken.astype(float) ** 2)) > 300, "the announcement is not heard"
    await until(lambda: house.carol.saw("CALL_CLOSED"), 10)
    await until(lambda: {r.call for r in house.stand.calls_of("alice")} - before)
    record = house.stand.calls_of("alice")[0]
    assert record.missed and (record.outcome, record.peer.address) == (Outcome.NO_ANSWER, "1003")
    card = json.dumps(await house.stand.card("/on/gmail.homepage"))
    assert "Carol" in card and "issed" in card


async def test_a_window_that_nobody_answers_rings_out_into_the_announcement(house: House) -> None:
    assert house.rung_out is not None
    record = await asyncio.wrap_future(house.rung_out)
    assert record.missed and (record.outcome, record.peer.name) == (Outcome.NO_ANSWER, "Kusi Wayra")
    assert 25 < record.ended_at - record.started_at < 60


async def test_a_second_window_controls_and_takes_the_call_and_a_reload_keeps_it(house: House) -> None:
    async with house.stand.phone("alice") as alice, house.stand.phone("alice", hz=350.0) as other:
        assert (alice.role, other.role) == ("phone", "remote")
        house.bob.tell("dial", "1001")
        call = (await other.call("ringing"))["call"]
        await other.ask("call.answer", call=call)
        await alice.call("active", call)
        await hears_note(house.bob, alice.hz)
        answered_at = alice.calls[call]["answered_at"]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await alice.reload()
        assert alice.role == "phone" and alice.calls[call]["answered_at"] == answered_at
        await hears_note(house.bob, alice.hz)
        await hears_note(alice, house.bob.hz)
        assert loop.time() - began < 4.0, "audio came back too late"
        await other.take()
        await until(lambda: alice.role == "remote")
        await hears_note(house.bob, other.hz)
        await hears_note(other, house.bob.hz)
        await hears_nothing(alice)
        await alice.ask("call.hangup", call=call)
        await other.call("ended", call)


async def test_a_reload_while_it_rings_keeps_the_call(house: House) -> None:
    async with house.stand.phone("alice") as alice:
        call = await house.stand.dial("1003")
        await alice.call("ringing", call)
        await hears_note(alice, 425.0)
        await alice.reload()
        assert alice.calls[call]["state"] == "ringing"
        await hears_note(alice, 425.0)
        house.carol.tell("accept")
        await alice.call("active", call)
        await hears_note(alice, house.carol.hz)
        await hears_note(house.carol, alice.hz)
