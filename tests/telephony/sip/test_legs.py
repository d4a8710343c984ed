"""Calls between our trunk and a far end on loopback: registration, both ways, refusals, races, hold, hostile peers."""

from __future__ import annotations

import asyncio

import pytest

from contract.calls import Codec, Outcome
from telephony.leg import Signal
from telephony.sip.message import Message, response
from telephony.sip.registration import wait_after
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import new_tag
from tests.telephony.sip.pair import FarEnd, pair, until
from tests.tone import Ear, hears, hum

pytestmark = pytest.mark.loopback


def answers(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
    """Ring, then answer with A-law."""
    leg = far.take(transaction)

    async def pick_up() -> None:
        await leg.ring()
        await leg.settle(leg.offered().codecs[0])
        await leg.answer()

    far.tasks = [*getattr(far, "tasks", []), asyncio.ensure_future(pick_up())]  # type: ignore[attr-defined] # keeps the task alive


def says(status: int, reason: str) -> object:
    def script(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        transaction.respond(response(request, status, reason, new_tag()))

    return script


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_an_extension_registers_with_its_password(algorithm: str) -> None:
    far = FarEnd(algorithm=algorithm)
    async with pair(far) as ours:
        assert ours.statuses == [(True, "")] and "1001@127.0.0.1" in far.contacts["1001"]
    assert far.seen[-1].get("Expires") == "0"


async def test_a_wrong_password_is_named_and_not_tried_again_at_once() -> None:
    async with pair(FarEnd(), password="wrong") as ours:
        assert ours.statuses == [(False, "wrong-password")]
        assert len([m for m in ours.far.seen if m.method == "REGISTER"]) == 2


@pytest.mark.parametrize("challenged", [False, True])
async def test_a_call_out_rings_is_answered_heard_both_ways_and_ended_by_either(challenged: bool) -> None:
    for we_end in (True, False):
        far = FarEnd(script=answers, challenge_invites=challenged)
        async with pair(far) as ours:
            leg = ours.dial("+593987654321")
            await leg.ring()
            await until(leg, Signal.RINGING)
            await until(leg, Signal.ANSWERED)
            other = far.legs[-1]
            assert leg.endpoint is not None and other.endpoint is not None
            assert leg.endpoint.codec is other.endpoint.codec is Codec.PCMU
            mine, theirs = Ear(leg.endpoint), Ear(other.endpoint)
            await asyncio.gather(hum(leg.endpoint, 440, 0.6), hum(other.endpoint, 660, 0.6))
            assert hears(mine.pcm(), 660) and not hears(mine.pcm(), 440)
            assert hears(theirs.pcm(), 440) and not hears(theirs.pcm(), 660)
            await (leg if we_end else other).hang_up()
            assert (await until(other if we_end else leg, Signal.ENDED)).outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [(486, "Busy Here", Outcome.BUSY), (603, "Decline", Outcome.DECLINED), (404, "Not Found", Outcome.UNREACHABLE), (480, "x", Outcome.NO_ANSWER),
     (302, "Moved", Outcome.CARRIER_ERROR), (503, "x", Outcome.CARRIER_ERROR), (488, "x", Outcome.MEDIA_FAILED)],
)  # fmt: skip
async def test_a_refusal_says_how_the_call_ended(status: int, reason: str, outcome: Outcome) -> None:
    async with pair(FarEnd(script=says(status, reason))) as ours:  # type: ignore[arg-type]
        leg = ours.dial("602")
        await leg.ring()
        event = await until(leg, Signal.ENDED)
        assert (event.outcome, event.sip_status) == (outcome, status)


async def test_a_cancelled_call_ends_on_both_sides() -> None:
    def rings(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        transaction.respond(response(request, 180, "Ringing", far.take(transaction)._tag))

    far = FarEnd(script=rings)
    async with pair(far) as ours:
        leg = ours.dial("602")
        await leg.ring()
        await until(leg, Signal.RINGING)
        await leg.hang_up(Outcome.CANCELLED)
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.CANCELLED
        assert (await until(far.legs[0], Signal.ENDED)).outcome is Outcome.CANCELLED


async def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_ended() -> None:
    def crosses(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        leg = far.take(transaction)
        transaction.respond(response(request, 180, "Ringing", leg._tag))
        leg.on_cancel = lambda: far.crossed(leg)  # type: ignore[attr-defined, method-assign] # a PBX that answered already

    far = FarEnd(script=crosses)
    crossing: list[asyncio.Task[None]] = []

    def answered(leg: object) -> None:
        async def go() -> None:
            await leg.settle(Codec.PCMU)  # type: ignore[attr-defined]
            await leg.answer()  # type: ignore[attr-defined]

        crossing.append(asyncio.ensure_future(go()))

    far.crossed = answered  # type: ignore[attr-defined]
    async with pair(far) as ours:
        leg = ours.dial("602")
        await leg.ring()
        await until(leg, Signal.RINGING)
        await leg.hang_up()
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.CANCELLED
        assert (await until(far.legs[0], Signal.ENDED)).outcome is Outcome.COMPLETED


async def test_early_media_comes_before_the_answer() -> None:
    def early(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        leg = far.take(transaction)

        async def go() -> None:
            await leg.settle(Codec.PCMA)
            assert leg._theirs is not None
            body = leg._answer(leg._theirs)
            transaction.respond(leg._response(request, 183, "Session Progress", body))
            await asyncio.sleep(0.1)
            await leg.answer()

        far.tasks = [asyncio.ensure_future(go())]  # type: ignore[attr-defined]

    async with pair(FarEnd(script=early)) as ours:
        leg = ours.dial("604")
        await leg.ring()
        await until(leg, Signal.EARLY_MEDIA)
        assert leg.endpoint is not None and leg.endpoint.codec is Codec.PCMA
        await until(leg, Signal.ANSWERED)


async def test_a_call_in_names_its_caller_is_answered_and_held_by_both() -> None:
    async with pair(FarEnd()) as ours:
        far = ours.far.call("1001")
        await far.ring()
        leg = await ours.invited.get()
        assert (leg.party.address, leg.party.name) == ("0987654321", "Ana")
        await leg.ring()
        await until(far, Signal.RINGING)
        await leg.settle(leg.offered().codecs[0])
        await leg.answer()
        await until(far, Signal.ANSWERED)
        for holder, held in ((leg, far), (far, leg)):
            await holder.hold(True)
            await until(held, Signal.HELD)
            await holder.hold(False)
            await until(held, Signal.RESUMED)
        await far.hang_up()
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.COMPLETED


async def test_an_unknown_extension_is_refused_and_a_declined_call_says_so() -> None:
    async with pair(FarEnd()) as ours:
        ours.far.contacts["9999"] = ours.far.contacts["1001"].replace("1001", "9999")
        lost = ours.far.call("9999")
        await lost.ring()
        assert (await until(lost, Signal.ENDED)).sip_status == 404
        far = ours.far.call("1001")
        await far.ring()
        leg = await ours.invited.get()
        await leg.hang_up(Outcome.DECLINED)
        assert (await until(far, Signal.ENDED)).sip_status == 603


async def test_digits_arrive_as_events() -> None:
    async with pair(FarEnd(script=answers)) as ours:
        leg = ours.dial("605")
        await leg.ring()
        await until(leg, Signal.ANSWERED)
        heard: list[str] = []
        other = ours.far.legs[0].endpoint
        assert other is not None and leg.endpoint is not None
        other.on_frame = lambda frame: heard.append(frame.digit) if frame.digit else None
        for digit in "15#":
            leg.endpoint.send_digit(digit)
        await asyncio.sleep(1.2)
        assert heard == ["1", "5", "#"]


def test_waits_grow_to_half_an_hour_and_are_spread() -> None:
    assert [wait_after(n, 1.0) for n in (1, 2, 3, 9, 500)] == [2.0, 30.0, 60.0, 1800.0, 1800.0]
    assert wait_after(3, 0.0) == 30.0


@pytest.mark.parametrize("confirmed", [True, False])
async def test_an_answer_that_waits_for_its_confirmation_is_acknowledged_then(confirmed: bool) -> None:
    far = FarEnd(script=answers)
    async with pair(far) as ours:
        leg = ours.dial("600")
        leg.waits_to_confirm = True
        await leg.ring()
        await until(leg, Signal.ANSWERED)
        acks: list[Message] = []
        other = far.legs[0]
        heard = other.on_ack
        other.on_ack = lambda request: (acks.append(request), heard(request))[1]  # type: ignore[method-assign] # listens on
        await asyncio.sleep(1.2)  # the far end has repeated its answer by now
        assert acks == []
        if confirmed:
            await leg.confirm()
            await leg.confirm()
        else:
            await leg.hang_up()
        await asyncio.sleep(0.3)
        assert len(acks) == 1
        await leg.hang_up()
        assert (await until(other, Signal.ENDED)).outcome is Outcome.COMPLETED
