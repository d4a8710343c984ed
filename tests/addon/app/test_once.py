"""A click with an effect has it once, for its user, for ten minutes; the answer to an old one shows what is there now."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.dispatch import ACTIONS, EFFECTS
from addon.domain.consent import Consent, ConsentKind
from addon.domain.presence import Presence
from addon.doors.clicks import LIFE_SECONDS, Clicks
from cards.surface import SCOPES, Action
from contract.calls import CallId
from contract.commands import PlaceCall
from contract.numbers import TenantId, UserId
from tests.addon.app.access import everything, watched
from tests.addon.app.test_clicks import E164, store_recording
from tests.cast import KEYS, NOW, House, buttons, click
from workbench.card_check import check_reply

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
CONTACTS = next(s.url for s in SCOPES if s.feature == "contacts")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    store_recording(made)
    made.tenancy.of(ACME).blocks.add(ALICE, "+593991112233", NOW - 9)
    made.tenancy.of(ACME).consents.add(ALICE, Consent("d1", ConsentKind.RECORDING, "2026-11", True, NOW - 9, "card"))
    return made


CARRIED: dict[Action, tuple[dict[str, str], dict[str, str]]] = {
    Action.PLACE_CALL: ({"to": E164}, {}),
    Action.CHOOSE_DEVICE: ({}, {}),
    Action.DELETE_RECORDING: ({"call": "c1"}, {}),
    Action.GRANT_CONSENT: ({"kind": "recording", "to": E164}, {}),
    Action.REFUSE_CONSENT: ({"kind": "recording", "to": E164}, {}),
    Action.WITHDRAW_CONSENT: ({"kind": "recording"}, {}),
    Action.SAVE_SETTINGS: ({"rev": "0"}, {"retention_days": "7", "device": "browser", "language": "es", "record_calls": "on"}),
    Action.BLOCK_NUMBER: ({"to": E164, "call": "c1"}, {}),
    Action.UNBLOCK_NUMBER: ({"to": "+593991112233", "call": "c1"}, {}),
    Action.ADD_CONTACT: ({}, {"name": "Ana", "number": "0987654321", "email": "ana@quito.example"}),
}  # fmt: skip


def signed(house: House, action: Action, player: str = "alice", tenant: str = "acme") -> dict[str, str]:
    sign = Clicks(KEYS["web"]["k1"], tenant, player, EFFECTS, house.ports.new_id).sign(house.now)
    return dict(sign(action, CARRIED.get(action, ({}, {}))[0]))


def send(house: House, action: Action, params: dict[str, str], player: str = "alice", **auth: Any) -> Any:
    event = house.event(player, parameters=params, inputs=CARRIED.get(action, ({}, {}))[1])
    event["authorizationEventObject"] |= auth
    answer = house.post(f"/do/{action.value}", event)
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=True) == []
    return answer.json


def effects(house: House) -> object:
    """All that a click can change: the store without its nonces, telephony, Google's contacts."""
    documents = everything(house.documents, "tenants")
    kept = {path: body for path, body in documents.items() if "/nonces/" not in path}
    return kept, list(house.telephony.told), list(house.mail.known), house.objects.ping()


def test_every_effect_is_covered_here() -> None:
    assert set(CARRIED) == set(EFFECTS) and len(EFFECTS) >= 8


@pytest.mark.parametrize("action", sorted(EFFECTS))
def test_a_hundred_repetitions_and_twenty_at_once_have_one_effect(house: House, action: Action) -> None:
    before = effects(house)
    params = signed(house, action)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: send(house, action, params), range(20)))
    once = effects(house)
    assert once != before
    for _ in range(100):
        send(house, action, params)
    assert effects(house) == once


@pytest.mark.parametrize("action", sorted(EFFECTS))
def test_a_click_signed_for_another_user_tenant_or_action_or_too_old_has_no_effect(
    house: House, action: Action
) -> None:
    before = effects(house)
    other = next(a for a in sorted(EFFECTS) if a is not action)
    wrong = [
        signed(house, action, "bob"), signed(house, action, "alice", "zeta"), {**signed(house, action), "once": signed(house, other)["once"]},
        CARRIED[action][0], {**CARRIED[action][0], "once": "9999999999.n.0"}, {**CARRIED[action][0], "once": "é" * 40},
    ]  # fmt: skip
    old = signed(house, action)
    for params in wrong:
        send(house, action, params)
    house.now += LIFE_SECONDS + 1
    said = send(house, action, old)
    assert effects(house) == before
    assert "out of date" in json.dumps(said)


@pytest.mark.parametrize("action", sorted(set(Action) - EFFECTS))
def test_a_click_without_a_nonce_changes_nothing_of_its_users(house: House, action: Action) -> None:
    before = effects(house)
    event = house.event(
        parameters={"call": "c1", "kind": "recording", "to": E164, "email": "x@y.example"}, inputs={"numbers": "1001"}
    )
    with watched(house.documents):
        for _ in range(3):
            assert house.post(f"/do/{action.value}", event).status_code == 200
    after = effects(house)
    assert isinstance(before, tuple) and isinstance(after, tuple)
    assert after[0] == before[0] and after[2] == before[2]
    assert [c for c in after[1] if type(c).__name__ != "HangUp"] == before[1]
    assert action in ACTIONS


def test_a_double_click_on_call_shows_the_call_and_does_not_ask_to_repeat_it(house: House) -> None:
    params = signed(house, Action.PLACE_CALL)
    send(house, Action.PLACE_CALL, params)
    second = send(house, Action.PLACE_CALL, params)
    assert second["renderActions"]["action"]["notification"]["text"] == "That was done already"


def test_an_old_click_beside_a_mail_shows_the_mails_person_again_with_fresh_buttons(house: House) -> None:
    params = click(house.post("/on/gmail.message").json, "/do/call.place")
    house.now += LIFE_SECONDS + 1
    said = send(house, Action.PLACE_CALL, params)
    fresh = next(p for where, p in buttons(said) if where == "/do/call.place" and p.get("to") == E164)
    assert house.telephony.told == []
    send(house, Action.PLACE_CALL, fresh)
    assert len(house.telephony.told) == 1


def test_an_old_form_keeps_what_was_typed(house: House) -> None:
    params = signed(house, Action.ADD_CONTACT)
    house.now += LIFE_SECONDS + 1
    said = json.dumps(send(house, Action.ADD_CONTACT, params))
    assert all(typed in said for typed in ("Ana", "0987654321", "ana@quito.example")) and house.mail.known == []


def test_an_old_answer_about_consent_is_asked_again_with_its_number(house: House) -> None:
    params = signed(house, Action.GRANT_CONSENT)
    house.now += LIFE_SECONDS + 1
    said = send(house, Action.GRANT_CONSENT, params)
    send(house, Action.GRANT_CONSENT, click(said, "/do/consent.grant"))
    assert [c.dial for c in house.telephony.told if hasattr(c, "dial")] == [E164]


def test_deleting_twice_says_that_it_is_gone(house: House) -> None:
    params = signed(house, Action.DELETE_RECORDING)
    send(house, Action.DELETE_RECORDING, params)
    assert house.tenancy.of(ACME).recordings.get(ALICE, CallId("c1")) is None
    assert "not there any more" in json.dumps(send(house, Action.DELETE_RECORDING, params))


@pytest.mark.parametrize("action", [Action.ADD_CONTACT])
def test_google_repeats_a_click_after_the_permission_and_then_it_counts(house: House, action: Action) -> None:
    without = [s.url for s in SCOPES if s.url != CONTACTS]
    params = signed(house, action)
    asked = send(house, action, params, authorizedScopes=without)
    assert asked == {"requesting_google_scopes": {"scopes": [CONTACTS]}}
    send(house, action, params)
    assert [person.name for person in house.mail.known] == ["Ana"]
    send(house, action, params)
    assert len(house.mail.known) == 1


def test_a_button_of_a_card_in_another_language_still_works(house: House) -> None:
    params = click(house.post("/on/gmail.message", house.event(locale="pt")).json, "/do/call.place")
    form = click(house.post("/do/settings.show").json, "/do/settings.save")
    event = house.event(parameters=form, inputs={"language": "es", "retention_days": "30", "device": "browser"})
    assert "Guardado" in house.post("/do/settings.save", event).get_data(as_text=True)
    placed = json.dumps(send(house, Action.PLACE_CALL, params), ensure_ascii=False)
    assert "Llamando a" in placed and len(house.telephony.told) == 1


def test_problems_are_told_in_the_language_that_the_user_chose(house: House) -> None:
    store = house.tenancy.of(ACME)
    store.settings.save(ALICE, store.settings.get(ALICE).__class__(language="pt"))
    gone = house.post("/do/call.show", house.event(parameters={"call": "nope"}))
    assert "Isso não existe mais" in json.dumps(gone.json, ensure_ascii=False)


def test_another_number_typed_into_the_same_card_is_another_call_and_the_same_one_is_not(house: House) -> None:
    params = click(house.post("/on/gmail.homepage").json, "/do/call.place")
    for typed in ("1002", "1003", "1002", "1003", "1002"):
        last = house.post("/do/call.place", house.event(parameters=params, inputs={"to": typed})).json
    assert [c.dial for c in house.telephony.told if isinstance(c, PlaceCall)] == ["1002", "1003"]
    notice = last["renderActions"]["action"]["notification"]["text"]
    assert notice == "That was done already"


def test_a_number_that_i_blocked_can_be_unblocked_where_it_is_refused(house: House) -> None:
    home = house.post("/on/gmail.homepage").json
    house.telephony.presence_now = Presence(True, True)
    typed = {"to": "+593991112233"}
    refused = house.post("/do/call.place", house.event(parameters=click(home, "/do/call.place"), inputs=typed)).json
    assert "Unblock" in json.dumps(refused) and house.telephony.told == []
    house.post("/do/block.remove", house.event(parameters=click(refused, "/do/block.remove")))
    assert not house.tenancy.of(ACME).blocks.is_blocked(ALICE, "+593991112233")
