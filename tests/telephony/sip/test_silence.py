"""An INVITE that nothing answers: told soon, given up long before timer B, and whatever still comes is ended."""

from __future__ import annotations

import asyncio

import pytest

from contract.calls import Outcome
from telephony.leg import Signal
from telephony.sip import next_hop, patience, transaction
from telephony.sip.message import Message, response
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import new_tag
from tests.telephony.sip.pair import ALICE, FarEnd, Ours, pair, until
from tests.telephony.sip.test_legs import answers

pytestmark = pytest.mark.loopback


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same patience on a shorter clock."""
    monkeypatch.setattr(patience, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(patience, "GIVE_UP_SECONDS", 0.9)


def test_a_person_hears_of_it_within_seconds_and_not_after_timer_b() -> None:
    assert patience.SILENT_SECONDS <= 4 and 8 <= patience.GIVE_UP_SECONDS <= 10


class Frozen:
    """A stopped PBX: its socket takes what is sent, nobody reads it before `thaw`."""

    def __init__(self, far: FarEnd) -> None:
        transport, self.loop = far.agent.flow._socket, asyncio.get_running_loop()  # type: ignore[union-attr] # a UDP socket
        self.socket = transport.get_extra_info("socket").fileno()  # type: ignore[union-attr] # it is open
        self.read = transport._read_ready  # type: ignore[union-attr] # asyncio's own
        self.loop._remove_reader(self.socket)  # type: ignore[attr-defined] # asyncio's own

    def thaw(self) -> None:
        self.loop._add_reader(self.socket, self.read)  # type: ignore[attr-defined] # asyncio's own


async def given_up(ours: Ours) -> tuple[list[Signal], tuple[Outcome | None, int]]:
    leg = ours.dial("600")
    await leg.ring()
    signals = []
    async with asyncio.timeout(10):
        while (event := await leg.events.next()).signal is not Signal.ENDED:
            signals.append(event.signal)
    return signals, (event.outcome, event.sip_status)


@pytest.mark.usefixtures("soon")
async def test_a_dead_pbx_is_told_then_given_up_and_its_line_is_down_until_it_registers_us_again() -> None:
    async with pair(FarEnd()) as ours:
        frozen = Frozen(ours.far)
        assert await given_up(ours) == ([Signal.SILENT], (Outcome.PBX_UNREACHABLE, 408))
        assert ours.statuses[-1] == (False, "unreachable")
        frozen.thaw()
        async with asyncio.timeout(5):
            while ours.statuses[-1] != (True, ""):
                await asyncio.sleep(0.01)


@pytest.mark.usefixtures("soon")
async def test_a_call_that_a_waking_pbx_takes_late_is_cancelled_or_ended() -> None:
    def rings(far: FarEnd, invite: ServerTransaction, request: Message) -> None:
        invite.respond(response(request, 180, "Ringing", far.take(invite)._tag))

    for script in (rings, answers):
        far = FarEnd(script=script)
        async with pair(far) as ours:
            frozen = Frozen(far)
            await given_up(ours)
            frozen.thaw()
            while not far.legs:
                await asyncio.sleep(0.01)
            await until(far.legs[0], Signal.ENDED)


@pytest.mark.usefixtures("soon")
async def test_a_pbx_that_tries_has_all_the_time_it_needs() -> None:
    def tries(far: FarEnd, invite: ServerTransaction, request: Message) -> None:
        invite.respond(response(request, 100, "Trying", new_tag()))
        asyncio.get_running_loop().call_later(1.5, invite.respond, response(request, 486, "Busy", new_tag()))

    async with pair(FarEnd(script=tries)) as ours:
        assert await given_up(ours) == ([], (Outcome.BUSY, 486))
        assert ours.statuses == [(True, "")]


@pytest.mark.usefixtures("soon")
async def test_a_late_word_ends_the_silence() -> None:
    def late(far: FarEnd, invite: ServerTransaction, request: Message) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.6, invite.respond, response(request, 100, "Trying", new_tag()))
        loop.call_later(1.5, invite.respond, response(request, 486, "Busy", new_tag()))

    async with pair(FarEnd(script=late)) as ours:
        assert await given_up(ours) == ([Signal.SILENT, Signal.HEARD], (Outcome.BUSY, 486))


@pytest.mark.usefixtures("soon")
async def test_a_wish_to_call_tries_an_unreachable_pbx_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "TIMEOUT_SECONDS", 0.5)
    monkeypatch.setattr(next_hop, "FIRST_RETRY_SECONDS", 600.0)
    async with pair(FarEnd()) as ours:
        frozen, registrar = Frozen(ours.far), ours.trunk.registrars[ALICE]
        await given_up(ours)
        await asyncio.sleep(1.0)
        frozen.thaw()
        await asyncio.sleep(0.5)
        assert ours.statuses[-1] == (False, "unreachable")
        registrar.knock()
        async with asyncio.timeout(5):
            while not registrar.registered:
                await asyncio.sleep(0.01)
