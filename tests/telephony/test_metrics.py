"""What /metrics tells of calls, commands and what waits, by no label that names anybody."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract.calls import Device
from contract.commands import CommandResult, HangUp
from telephony.journal import Journal
from telephony.leg import Signal
from telephony.metrics import Meters
from tests.telephony.calls.fakes import ALICE, connected, exchange, place, until

pytestmark = pytest.mark.pure


def told(meters: Meters) -> dict[tuple[str, ...], float]:
    """Every sample by its name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(meters.page().decode())
        for sample in family.samples
    }


async def test_calls_are_counted_while_they_live_and_when_they_end(tmp_path: Path) -> None:
    x = exchange(Journal(tmp_path / "log"))
    waiting = [3, 2]
    meters = Meters(x.board, lambda: waiting[0], lambda: waiting[1])
    x.board.on_over = meters.ended
    call, peer = await connected(x)
    live = told(meters)
    assert live["cticontrol_calls", "outbound", "active"] == 1 and live["cticontrol_webphones",] == 1
    assert (live["cticontrol_events_waiting",], live["cticontrol_recordings_waiting",]) == (3, 2)
    assert live["cticontrol_event_loop_lag_seconds",] == x.board.lag_seconds
    await asyncio.sleep(0.05)
    peer.events.put(Signal.ENDED)
    await until(lambda: not x.board.live)
    over = told(meters)
    assert not [key for key in over if key[0] == "cticontrol_calls"]
    assert over["cticontrol_calls_ended_total", "browser", "outbound", "completed"] == 1
    assert over["cticontrol_talk_seconds_total", "outbound"] == pytest.approx(call.talk_seconds)
    assert over["cticontrol_post_dial_delay_seconds_count", "browser"] == 1
    # Set up in no time: what follows the first sign of the far party is no post-dial delay.
    assert call.rang_after_seconds == over["cticontrol_post_dial_delay_seconds_sum", "browser"] < call.talk_seconds + 3
    assert over["process_resident_memory_bytes",] > 0


async def test_a_call_that_nobody_reached_has_no_post_dial_delay(tmp_path: Path) -> None:
    x = exchange(Journal(tmp_path / "log"))
    meters = Meters(x.board, lambda: 0, lambda: 0)
    x.board.on_over = meters.ended
    assert (await x.board.command(place(device=Device.DESK))).accepted
    call = await x.call("c1")
    call.hang_up()
    await until(lambda: not x.board.live)
    over = told(meters)
    assert over["cticontrol_calls_ended_total", "desk", "outbound", "cancelled"] == 1
    assert ("cticontrol_post_dial_delay_seconds_count", "desk") not in over


async def test_commands_are_counted_with_the_reason_of_their_refusal(tmp_path: Path) -> None:
    x = exchange(Journal(tmp_path / "log"))
    meters = Meters(x.board, lambda: 0, lambda: 0)
    refused = await x.board.command(HangUp(place("gone").call, *ALICE))
    meters.commanded("HangUp", refused)
    meters.commanded("PlaceCall", CommandResult(True))
    over = told(meters)
    assert over["cticontrol_commands_total", "HangUp", "unknown-call"] == over["cticontrol_commands_total", "PlaceCall", ""] == 1  # fmt: skip
