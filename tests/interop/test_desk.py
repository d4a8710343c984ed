"""My desk phone: it rings first, then the callee; two SIP legs are joined and end together."""

from __future__ import annotations

import pytest

from contract.calls import Device, Outcome
from tests.interop.conftest import House
from tests.tone import hears_note, until

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("ends", ["desk", "callee", "card"])
async def test_desk_and_callee_hear_each_other_and_end_together(house: House, ends: str) -> None:
    call = await house.stand.dial("1002", device=Device.DESK)
    await until(lambda: house.desk.saw("CALL_ESTABLISHED"))
    await until(lambda: house.bob.saw("CALL_ESTABLISHED"))
    await hears_note(house.desk, house.bob.hz)
    await hears_note(house.bob, house.desk.hz)
    if ends == "card":
        await house.stand.card("/do/call.hangup", parameters={"call": call})
    else:
        (house.desk if ends == "desk" else house.bob).tell("hangup")
    await until(lambda: house.bob.saw("CALL_CLOSED") and house.desk.saw("CALL_CLOSED"))
    record = await house.stand.record(call)
    assert (record.outcome, record.device, record.talk_seconds > 0.5) == (Outcome.COMPLETED, Device.DESK, True)


async def test_the_desk_hears_the_callee_ring_and_digits_pass(house: House) -> None:
    call = await house.stand.dial("1003", device=Device.DESK)
    await until(lambda: house.desk.saw("CALL_ESTABLISHED") and house.carol.saw("CALL_INCOMING"))
    await hears_note(house.desk, 425.0)
    house.carol.tell("accept")
    await until(lambda: house.carol.saw("CALL_ESTABLISHED"))
    await hears_note(house.desk, house.carol.hz)
    await hears_note(house.carol, house.desk.hz)
    house.desk.tell("sndcode", "7")
    await until(lambda: house.carol.digits == "7")
    house.desk.tell("hangup")
    await until(lambda: house.carol.saw("CALL_CLOSED"))
    assert (await house.stand.record(call)).outcome is Outcome.COMPLETED


async def test_a_desk_phone_that_leaves_while_the_callee_rings_cancels(house: House) -> None:
    call = await house.stand.dial("1003", device=Device.DESK)
    await until(lambda: house.carol.saw("CALL_INCOMING"))
    house.desk.tell("hangup")
    await until(lambda: house.carol.saw("CALL_CLOSED"))
    assert (await house.stand.record(call)).outcome is Outcome.CANCELLED
