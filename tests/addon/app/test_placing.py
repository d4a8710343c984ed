"""Every way to a call leads through one policy: a click, a typed number, the answer to the consent card, our own page."""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.dispatch import EFFECTS
from addon.domain.consent import Consent, ConsentKind
from addon.domain.dialing import Usage
from addon.domain.presence import Presence
from addon.domain.tenant import Settings
from addon.doors.clicks import Clicks
from cards.surface import Action
from cards.text import CATALOGUES
from contract.calls import Device, RecordingRule
from contract.commands import CommandResult, PlaceCall
from contract.numbers import TenantId, UserId
from telephony.api_phone import METHODS
from tests.addon.app.test_browser_door import signed_in
from tests.cast import KEYS, NOW, House, buttons, click

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
HOME, ABROAD, PREMIUM = "+593987654321", "+442079460958", "+19005551234"
ROOT = Path(__file__).parents[3]
Way = Callable[[House, str], Any]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    stopped = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: stopped)
    return House(tmp_path)


def signed_click(house: House, action: Action, **parameters: str) -> dict[str, str]:
    sign = Clicks(KEYS["web"]["k1"], "acme", "alice", EFFECTS, house.ports.new_id).sign(house.now)
    return dict(sign(action, parameters))


def by_click(house: House, to: str) -> Any:
    return house.post("/do/call.place", house.event(parameters=signed_click(house, Action.PLACE_CALL, to=to))).json


def typed(house: House, to: str) -> Any:
    event = house.event(parameters=signed_click(house, Action.PLACE_CALL), inputs={"to": to})
    return house.post("/do/call.place", event).json


def after_yes(house: House, to: str) -> Any:
    params = signed_click(house, Action.GRANT_CONSENT, to=to, kind="recording")
    return house.post("/do/consent.grant", house.event(parameters=params)).json


def after_no(house: House, to: str) -> Any:
    params = signed_click(house, Action.REFUSE_CONSENT, to=to, kind="recording")
    return house.post("/do/consent.refuse", house.event(parameters=params)).json


def from_our_page(house: House, to: str) -> Any:
    client, headers = signed_in(house)
    return client.post(
        "/api/calls", json={"to": to, "id": house.ports.new_id(), "device": "browser"}, headers=headers
    ).json


WAYS: list[Way] = [by_click, typed, after_yes, after_no, from_our_page]


def told(house: House) -> list[PlaceCall]:
    return [command for command in house.telephony.told if isinstance(command, PlaceCall)]


def change_tenant(house: House, **changes: Any) -> None:
    tenant = house.tenancy.get(ACME)
    assert tenant is not None
    house.tenancy.put(replace(tenant, **changes))


def change_user(house: House, **changes: Any) -> None:
    users = house.tenancy.of(ACME).users
    user = users.get(ALICE)
    assert user is not None
    users.put(replace(user, **changes))


def spend(house: House, to: str, times: int) -> None:
    for _ in range(times):
        by_click(house, to)
    house.telephony.told.clear()


CASES: dict[str, tuple[str, Callable[[House], object], str]] = {
    "premium": (PREMIUM, lambda house: None, "premium"),
    "abroad": (ABROAD, lambda house: None, "country-not-allowed"),
    "nonsense": ("*21*+442079460958#", lambda house: None, "not-a-number"),
    "blocked": (HOME, lambda house: house.tenancy.of(ACME).blocks.add(ALICE, HOME, NOW), "blocked"),
    "no line": (HOME, lambda house: change_user(house, line=None), "no-line"),
    "seventh in a minute": (HOME, lambda house: spend(house, "2001", 6), "too-many-calls"),
    "over the company's day": (HOME, lambda house: change_tenant(house, day_cost_cap_cents=4), "cost-cap"),
    "third abroad": (
        ABROAD, lambda house: (change_tenant(house, allowed_regions=("GB",)), spend(house, ABROAD, 2)), "too-many-international",
    ),
    "telephony knows no line": (HOME, lambda house: setattr(house.telephony, "answer", CommandResult(False, "no-line")), "no-line"),
    "a line that is down": (HOME, lambda house: setattr(house.telephony, "answer", CommandResult(False, "line-down")), "line-down"),
    "no desk phone": (HOME, lambda house: setattr(house.telephony, "answer", CommandResult(False, "no-device")), "no-device"),
    "telephony is full": (HOME, lambda house: setattr(house.telephony, "answer", CommandResult(False, "overloaded")), "overloaded"),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("case", CASES)
def test_every_way_refuses_the_same_and_says_why(house: House, way: Way, case: str) -> None:
    to, prepare, verdict = CASES[case]
    prepare(house)
    before = house.tenancy.of(ACME).usage.of(ALICE, house.now)
    text = html.unescape(json.dumps(way(house, to), ensure_ascii=False))
    words = CATALOGUES["en"][f"verdict.{verdict}"].split("{")[0][:40]
    assert words in text, text[:600]
    assert [command for command in told(house) if house.telephony.answer.accepted] == []
    assert house.tenancy.of(ACME).usage.of(ALICE, house.now) == before


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_places_an_allowed_call_with_the_same_command(house: House, way: Way) -> None:
    way(house, "098 765 4321")
    (command,) = told(house)
    assert (command.dial, command.user, command.tenant, command.max_seconds) == (HOME, ALICE, ACME, 14400)


def everything_is_wrong(house: House) -> None:
    spend(house, "2001", 6)
    house.tenancy.of(ACME).settings.save(ALICE, Settings(record_calls=True))
    change_tenant(house, day_cost_cap_cents=0, allowed_regions=())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("to", ["911", "112", "+911", "9-1-1", "tel:911"])
def test_help_is_called_at_once_whatever_the_limits_say_and_nobody_is_asked_about_recording(
    house: House, way: Way, to: str
) -> None:
    everything_is_wrong(house)
    for _ in range(8):
        way(house, to)
    placed = told(house)
    assert [command.dial for command in placed] == [to[-3:] if "-" not in to else "911"] * 8
    assert {command.recording.record for command in placed} == {False}
    assert house.tenancy.of(ACME).usage.of(ALICE, house.now) == Usage(6, 0, 0)


@pytest.mark.parametrize("maybe_done", [True, False])
def test_an_emergency_call_that_cannot_be_placed_says_to_use_another_phone(house: House, maybe_done: bool) -> None:
    house.telephony.away, house.telephony.maybe_done = True, maybe_done
    for way in (by_click, typed, after_no):
        assert "another phone" in json.dumps(way(house, "911"))


@pytest.mark.parametrize(("maybe_done", "counted"), [(True, 1), (False, 0)])
def test_a_call_that_never_reached_telephony_costs_nothing_and_one_that_may_have_stays_counted(
    house: House, maybe_done: bool, counted: int
) -> None:
    house.tenancy.of(ACME).settings.save(ALICE, Settings(device=Device.DESK))
    change_tenant(house, allowed_regions=("GB",))
    house.telephony.away, house.telephony.maybe_done = True, maybe_done
    assert "Try again in a moment" in json.dumps(by_click(house, ABROAD))
    usage = house.tenancy.of(ACME).usage.of(ALICE, house.now)
    assert usage == Usage(counted, counted, 100 * counted)


def test_a_request_of_our_page_that_is_repeated_is_one_call_and_one_charge(house: House) -> None:
    client, headers = signed_in(house)
    asked = {"to": HOME, "id": "same-click-0001", "device": "browser"}
    calls = {client.post("/api/calls", json=asked, headers=headers).json["call"] for _ in range(5)}
    assert len(calls) == 1 and house.tenancy.of(ACME).usage.of(ALICE, house.now) == Usage(1, 0, 5)


@pytest.mark.parametrize("way", [by_click, typed, from_our_page], ids=lambda way: way.__name__)
def test_a_decision_on_an_older_text_is_asked_again_and_a_current_refusal_is_not(house: House, way: Way) -> None:
    store = house.tenancy.of(ACME)
    store.settings.save(ALICE, Settings(record_calls=True))
    store.consents.add(ALICE, Consent("old", ConsentKind.RECORDING, "2020-01", True, NOW, "card"))
    assert "ecording" in json.dumps(way(house, HOME)) and told(house) == []
    store.consents.add(ALICE, Consent("no", ConsentKind.RECORDING, "2026-11", False, NOW, "card"))
    way(house, HOME)
    assert [command.recording.rule for command in told(house)] == [RecordingRule.NO_CONSENT]


def test_a_number_that_may_not_be_called_is_refused_before_anybody_is_asked_about_recording(house: House) -> None:
    house.tenancy.of(ACME).settings.save(ALICE, Settings(record_calls=True))
    assert "special-rate" in json.dumps(by_click(house, PREMIUM))


def test_nobody_is_asked_about_recording_where_it_would_not_help(house: House) -> None:
    house.tenancy.of(ACME).settings.save(ALICE, Settings(record_calls=True))
    change_tenant(house, places_without_recording=("EC",))
    by_click(house, HOME)
    assert [command.recording.rule for command in told(house)] == [RecordingRule.PLACE_FORBIDS]


def test_without_a_phone_window_the_click_offers_to_open_one(house: House) -> None:
    house.telephony.presence_now = Presence(False, True)
    body = by_click(house, HOME)
    assert told(house) == [] and click(body, "/do/phone.open") == {"to": HOME}
    assert "/do/call.place" not in [where for where, _ in buttons(body)]


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("empty", ["", "  "])
def test_a_call_button_without_a_number_says_what_is_missing_and_opens_nothing(
    house: House, empty: str, ready: bool
) -> None:
    house.telephony.presence_now = Presence(ready, True)
    home = house.post("/on/gmail.homepage", house.event()).json
    where = "/do/call.place" if ready else "/do/phone.open"
    params = next(p for at, p in buttons(home) if at == where and (ready or p.get("typed")))
    said = house.post(where, house.event(parameters=params, inputs={"to": empty})).json
    notice = {"notification": {"text": CATALOGUES["en"]["verdict.no-number"]}}
    assert said == {"renderActions": {"action": notice}} and told(house) == []


def test_only_one_place_in_the_add_on_makes_the_command_and_no_page_can(house: House) -> None:
    makers = [
        str(path.relative_to(ROOT))
        for folder in ("addon", "cards", "workbench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "PlaceCall"
    ]
    assert makers == ["addon/usecases/place_call.py"]
    assert not {
        name for name in METHODS if "place" in name or "dial" in name or "transfer" in name or "forward" in name
    }
