"""A PBX that says nothing to a call: the window says so within seconds, and the call ends with the one right reason."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from contract.calls import CallState, Device, Outcome
from telephony.calls.call import Call
from telephony.journal import Journal
from telephony.leg import Signal
from tests.telephony.calls.fakes import Exchange, ScriptedLeg, exchange, place, until

pytestmark = pytest.mark.pure


@pytest.fixture
async def x(tmp_path: Path) -> Exchange:
    return exchange(Journal(tmp_path / "journal" / "log"))


async def dialled(x: Exchange, device: Device) -> tuple[Call, ScriptedLeg, asyncio.Future[str] | None]:
    """A call whose INVITE is out, to the callee or to the desk phone."""
    assert (await x.board.command(place(device=device))).accepted
    call = await x.call()
    if device is Device.DESK:
        return call, await x.lines.dialled.get(), None
    await until(lambda: call.media == "wanted")
    offer = asyncio.ensure_future(call.take_offer("opus PCMU"))
    return call, await x.lines.dialled.get(), offer


def shown(x: Exchange) -> list[bool]:
    """What the window was told about the PBX's silence, without repetitions."""
    told = [params["pbx_silent"] for method, params in x.window.seen if method == "call.state"]
    return [silent for at, silent in enumerate(told) if at == 0 or told[at - 1] is not silent]


@pytest.mark.parametrize("device", Device)
async def test_the_window_says_that_the_pbx_is_silent_and_then_why_the_call_ended(x: Exchange, device: Device) -> None:
    call, peer, offer = await dialled(x, device)
    peer.events.put(Signal.SILENT)
    await until(lambda: call.pbx_silent)
    assert call.state is CallState.DIALING and call.outcome is None
    peer.events.put(Signal.ENDED, Outcome.PBX_UNREACHABLE, 408)
    facts = await x.ended("c1")
    assert (facts["outcome"], facts["sip_status"]) == (Outcome.PBX_UNREACHABLE, 408)
    assert shown(x) == [False, True, False] and x.window.states() == ["dialing", "ended"]
    if offer is not None:
        offer.cancel()


async def test_a_pbx_that_speaks_after_all_is_no_longer_called_silent(x: Exchange) -> None:
    call, peer, offer = await dialled(x, Device.BROWSER)
    for signal in (Signal.SILENT, Signal.HEARD, Signal.RINGING):
        peer.events.put(signal)
    await until(lambda: call.state is CallState.RINGING)
    assert shown(x) == [False, True, False] and offer is not None
    peer.events.put(Signal.ANSWERED)
    await offer
    await until(lambda: call.state is CallState.ACTIVE)


async def test_a_pbx_that_only_tries_for_long_does_not_cost_the_window_its_audio(x: Exchange) -> None:
    x.board.kit.connected_after_seconds = 0.05
    call, peer, offer = await dialled(x, Device.BROWSER)
    assert offer is not None and await asyncio.wait_for(offer, 5) == "PCMU" and call.media == "up"
    assert call.state is CallState.DIALING and "ringback" not in x.media.story
    peer.events.put(Signal.ANSWERED)
    await until(lambda: call.state is CallState.ACTIVE)
