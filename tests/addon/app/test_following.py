"""A call that was placed from a card shows its true state at every refresh, and how it went once it is over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.domain.presence import LiveCall, Presence
from cards.surface import Action
from contract import wire
from contract.calls import CallId, CallState, Device, Direction, Outcome, Party, RecordingRule
from contract.commands import CommandResult, PlaceCall
from contract.events import CallEnded
from contract.numbers import LineId, TenantId, UserId
from tests.addon.app.test_clicks import signed
from tests.cast import NOW, House, buttons, click

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
SHOWN = "+593 98 765 4321"


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def do(house: House, action: Action, parameters: dict[str, str], player: str = "alice") -> Any:
    return house.post(f"/do/{action.value}", house.event(player, parameters=parameters)).json


def placed(house: House) -> tuple[Any, str]:
    """The card after the click, and the call."""
    card = do(house, Action.PLACE_CALL, click(house.post("/on/gmail.message").json, "/do/call.place"))
    command = house.telephony.told[-1]
    assert isinstance(command, PlaceCall)
    return card, command.call


def ended(call: str, outcome: Outcome = Outcome.COMPLETED) -> CallEnded:
    talk = 12.0 if outcome is Outcome.COMPLETED else 0.0
    return CallEnded(
        f"{call}:ended", 1, CallId(call), ACME, ALICE, LineId("pbx"), Direction.OUTBOUND, Device.DESK,
        Party("0987654321", "Ana"), outcome, NOW - 20, NOW - 12, NOW, talk, RecordingRule.USER_OFF, "PCMU", 200,
    )  # fmt: skip


def live(house: House, call: str, state: CallState, seconds: int = 0) -> None:
    up = LiveCall(CallId(call), Direction.OUTBOUND, state, Party("+593987654321", "Ana"), seconds, False)
    house.telephony.presence_now = Presence(True, True, (up,))


def words(card: Any) -> str:
    return json.dumps(card, ensure_ascii=False)


def leads(card: Any) -> set[str]:
    return {path for path, _ in buttons(card)}


def test_refresh_shows_how_far_the_call_is_then_how_it_went(house: House) -> None:
    card, call = placed(house)
    again = click(card, "/do/call.follow")
    for state, said in ((CallState.RINGING, "Ringing"), (CallState.ACTIVE, "Connected"), (CallState.HELD, "On hold")):
        live(house, call, state, 65 if state is CallState.ACTIVE else 0)
        card = do(house, Action.FOLLOW_CALL, again)
        assert said in words(card) and {"/do/call.hangup", "/do/call.follow"} <= leads(card)
        assert ("1:05" in words(card)) is (state is CallState.ACTIVE)
    house.telephony.presence_now = Presence(True, True)
    card = do(house, Action.FOLLOW_CALL, again)
    assert "It is over" in words(card) and "/do/call.hangup" not in leads(card) and "/do/call.follow" in leads(card)
    assert signed(house, "POST", "/telephony/events", wire.dumps(ended(call, Outcome.BUSY))).status_code == 204
    card = do(house, Action.FOLLOW_CALL, again)
    assert "Busy" in words(card) and SHOWN in words(card) and "/do/call.hangup" not in leads(card)


def test_hanging_up_shows_at_once_how_the_call_went_and_keeps_one_record(house: House) -> None:
    card, call = placed(house)
    live(house, call, CallState.ACTIVE, 11)
    hang_up = click(do(house, Action.FOLLOW_CALL, click(card, "/do/call.follow")), "/do/call.hangup")
    home = click(house.post("/on/gmail.homepage").json, "/do/call.hangup")
    house.telephony.presence_now = Presence(True, True)
    house.telephony.answer = CommandResult(True, ended=ended(call))
    card = do(house, Action.HANG_UP, hang_up)
    assert "0:12" in words(card) and "The call has ended" in words(card) and "/do/call.hangup" not in leads(card)
    card = do(house, Action.HANG_UP, home)
    assert "0:12" in words(card) and "On a call" not in words(card) and "Recent calls" in words(card)
    assert signed(house, "POST", "/telephony/events", wire.dumps(ended(call))).status_code == 204
    assert [r.call for r in house.tenancy.of(ACME).calls.latest(ALICE)] == [call]


def test_a_slow_end_leaves_no_hang_up_button(house: House) -> None:
    card, _ = placed(house)
    hang_up = click(card, "/do/call.hangup")
    card = do(house, Action.HANG_UP, hang_up)
    assert "It is over" in words(card) and "/do/call.hangup" not in leads(card)
    house.telephony.answer = CommandResult(False, "unknown-call")
    card = do(house, Action.HANG_UP, hang_up)
    assert "That call is over already" in words(card) and "/do/call.hangup" not in leads(card)


def test_when_telephony_is_away_the_card_says_so_instead_of_guessing(house: House) -> None:
    card, call = placed(house)
    house.telephony.away = True
    again = do(house, Action.FOLLOW_CALL, click(card, "/do/call.follow"))
    assert "does not answer" in words(again) and "It is over" not in words(again)
    assert signed(house, "POST", "/telephony/events", wire.dumps(ended(call))).status_code == 204
    assert "0:12" in words(do(house, Action.FOLLOW_CALL, click(card, "/do/call.follow")))


def test_a_recording_that_is_still_being_saved_can_be_looked_for_again(house: House) -> None:
    event = replace(ended("c7"), recording_rule=RecordingRule.RECORDED)
    assert signed(house, "POST", "/telephony/events", wire.dumps(event)).status_code == 204
    card = do(house, Action.SHOW_CALL, {"call": "c7"})
    assert "being saved" in words(card) and click(card, "/do/call.follow") == {"call": "c7"}
    assert "being saved" in words(do(house, Action.FOLLOW_CALL, {"call": "c7"}))


@pytest.mark.parametrize("player", ["bob", "charlie"])
def test_anothers_call_is_as_good_as_unknown(house: House, player: str) -> None:
    _, call = placed(house)
    assert signed(house, "POST", "/telephony/events", wire.dumps(ended(call))).status_code == 204
    mine, unknown = (do(house, Action.FOLLOW_CALL, {"call": c}, player) for c in (call, "nope"))
    assert words(mine).replace(call, "nope") == words(unknown) and "Ana" not in words(mine)
