"""A click has one effect, for the person whose card it was; decisions, recordings and settings do what the card said."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.dispatch import EFFECTS
from addon.domain.consent import Consent, ConsentKind
from addon.domain.people import Person, Source
from addon.domain.presence import LiveCall, Presence
from addon.domain.recordings import DAY_SECONDS, Recording
from addon.domain.tenant import Settings
from addon.doors.clicks import Clicks
from addon.jobs.sweep import sweep
from cards.surface import Action
from contract import wire
from contract.calls import CallId, CallState, Device, Direction, Outcome, Party, RecordingRule
from contract.commands import PlaceCall, StopRecording
from contract.events import CallEnded, RecordingReady
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from contract.uploads import UploadGrant, UploadRequest
from tests.addon.app.test_browser_door import signed_in
from tests.cast import KEYS, NOW, House, click
from workbench.cast import PLAYERS

pytestmark = pytest.mark.pure
ACME, ALICE, E164 = TenantId("acme"), UserId("alice"), "+593987654321"
SOUND = b"RIFF" + bytes(range(256)) * 1100


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


def person_card(house: House) -> Any:
    return house.post("/on/gmail.message").json


def do(house: House, action: str, parameters: dict[str, str], player: str = "alice", **inputs: str) -> Any:
    return house.post(f"/do/{action}", house.event(player, parameters=parameters, inputs=inputs)).json


def test_a_click_on_a_number_places_one_call_however_often_it_is_sent(house: House) -> None:
    params = click(person_card(house), "/do/call.place")
    for _ in range(100):
        do(house, "call.place", params)
    placed = [c for c in house.telephony.told if isinstance(c, PlaceCall)]
    assert [(c.dial, c.user, c.tenant, c.recording.record) for c in placed] == [(E164, ALICE, ACME, False)]


def test_twenty_clicks_at_once_have_one_effect(house: House) -> None:
    params = click(person_card(house), "/do/call.place")
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: do(house, "call.place", params), range(20)))
    assert len(house.telephony.told) == 1


@pytest.mark.parametrize("player", ["bob", "charlie"])
def test_a_click_of_my_card_is_nothing_in_another_hand(house: House, player: str) -> None:
    do(house, "call.place", click(person_card(house), "/do/call.place"), player)
    assert house.telephony.told == []


def test_an_old_click_refreshes_the_card_and_says_so(house: House) -> None:
    params = click(person_card(house), "/do/call.place")
    nonce, _, mac = params["once"].rpartition(".")
    for bad in ("", "x", f"{nonce}.{mac[:-1]}0", f"{int(NOW) - 1}.{nonce.split('.')[1]}.{mac}"):
        body = do(house, "call.place", {**params, "once": bad})
        assert "out of date" in body["renderActions"]["action"]["notification"]["text"]
    assert house.telephony.told == []


def test_recording_asks_for_the_consent_first_and_the_call_obeys_the_answer(house: House) -> None:
    store = house.tenancy.of(ACME)
    store.settings.save(ALICE, Settings(record_calls=True))
    asked = do(house, "call.place", click(person_card(house), "/do/call.place"))
    assert house.telephony.told == [] and "Recording your calls" in json.dumps(asked)
    do(house, "consent.grant", click(asked, "/do/consent.grant"))
    latest = store.consents.latest(ALICE, ConsentKind.RECORDING)
    placed = house.telephony.told[0]
    assert (
        isinstance(placed, PlaceCall)
        and placed.recording.record
        and latest
        and placed.recording.consent_id == latest.id
    )
    shown = house.post("/do/settings.show").json
    do(house, "consent.withdraw", click(shown, "/do/consent.withdraw"))
    do(house, "call.place", click(person_card(house), "/do/call.place"))
    assert [c.recording.rule for c in house.telephony.told if isinstance(c, PlaceCall)] == [
        RecordingRule.RECORDED,
        RecordingRule.NO_CONSENT,
    ]
    assert store.audit.is_whole() and len(store.audit.lines()) == 2


def live(call: str) -> LiveCall:
    return LiveCall(CallId(call), Direction.OUTBOUND, CallState.ACTIVE, Party(E164, "Ana"), 9, True)


@pytest.mark.parametrize("way", ["withdraw", "refuse", "page"])
def test_taking_consent_back_stops_what_is_being_recorded_now(house: House, way: str) -> None:
    store = house.tenancy.of(ACME)
    store.settings.save(ALICE, Settings(record_calls=True))
    store.consents.add(ALICE, Consent("d1", ConsentKind.RECORDING, "2026-11", True, NOW - 1, "card"))
    house.telephony.presence_now = Presence(True, True, (live("c1"), live("c2")))
    if way == "page":
        client, headers = signed_in(house)
        said = client.post("/api/consents", json={"kind": "recording", "granted": False}, headers=headers).json
        assert said["granted"] is False and "warning" not in said
    else:
        shown = house.post(
            "/do/settings.show" if way == "withdraw" else "/do/consent.show", recording_event(house)
        ).json
        body = json.dumps(do(house, f"consent.{way}", click(shown, f"/do/consent.{way}")))
        assert "not recorded" in body and (way == "refuse" or "Not given" in body)
    stopped = [command for command in house.telephony.told if isinstance(command, StopRecording)]
    assert [(c.call, c.tenant, c.user, c.discard) for c in stopped] == [
        ("c1", ACME, ALICE, False),
        ("c2", ACME, ALICE, False),
    ]
    latest = store.consents.latest(ALICE, ConsentKind.RECORDING)
    assert latest is not None and not latest.granted


def recording_event(house: House) -> Any:
    return house.event(parameters={"kind": "recording"})


def test_a_consent_is_taken_back_although_telephony_is_silent_and_what_may_go_on_is_said(house: House) -> None:
    store = house.tenancy.of(ACME)
    store.consents.add(ALICE, Consent("d1", ConsentKind.RECORDING, "2026-11", True, NOW - 1, "card"))
    client, headers = signed_in(house)
    house.telephony.away = True
    shown = house.post("/do/settings.show").json
    assert "may still be recorded" in json.dumps(do(house, "consent.withdraw", click(shown, "/do/consent.withdraw")))
    said = client.post("/api/consents", json={"kind": "recording", "granted": False}, headers=headers).json
    assert "may still be recorded" in said["warning"]
    assert [c.granted for c in store.consents.history(ALICE, ConsentKind.RECORDING)] == [False, False, True]


def test_a_forbidden_number_is_refused_with_the_reason(house: House) -> None:
    params = click(house.post("/on/gmail.homepage").json, "/do/call.place")
    body = json.dumps(do(house, "call.place", params, to="+882 16 12345678"))
    assert house.telephony.told == [] and "problem" in body


def test_without_telephony_the_cards_stay_and_a_call_says_try_again(house: House) -> None:
    home = house.post("/on/gmail.homepage").json
    house.telephony.away = True
    assert "does not answer" in json.dumps(house.post("/on/gmail.homepage").json)
    body = do(house, "call.place", click(home, "/do/call.place"), to=E164)
    assert "Try again in a moment" in json.dumps(body)


def event(kind: Any, house: House) -> int:
    return signed(house, "POST", "/telephony/events", wire.dumps(kind)).status_code


def signed(
    house: House, method: str, path: str, body: bytes, headers: dict[str, str] | None = None, nonce: str = ""
) -> Any:
    nonce = nonce or house.ports.new_id()
    sent = wire.sign_request(
        wire.Keys(KEYS["telephony-to-addon"]), "addon", method, path, body, now=house.now, nonce=nonce
    )
    return house.app.test_client().open(path, method=method, data=body, headers={**sent, **(headers or {})})


def ended() -> CallEnded:
    return CallEnded(
        "c1:ended", 1, CallId("c1"), ACME, ALICE, LineId("pbx"), Direction.OUTBOUND, Device.BROWSER, Party(E164, "Ana"),
        Outcome.COMPLETED, NOW - 60, NOW - 50, NOW, 50.0, RecordingRule.RECORDED,
    )  # fmt: skip


def store_recording(house: House) -> Recording:
    """A call with a recording, told and uploaded as telephony does."""
    import hashlib

    digest = hashlib.sha256(SOUND).hexdigest()
    assert event(ended(), house) == 204
    request = wire.dumps(UploadRequest(CallId("c1"), ACME, ALICE, len(SOUND), digest))
    grant = wire.loads(signed(house, "POST", "/telephony/uploads", request).data, UploadGrant)
    half = UploadGrant("", "").chunk_bytes
    size = len(SOUND)
    first = signed(house, "PUT", grant.url, SOUND[:half], {"Content-Range": f"bytes 0-{half - 1}/{size}"})
    asked = signed(house, "PUT", grant.url, b"", {"Content-Range": f"bytes */{size}"})
    assert (first.status_code, asked.headers["Range"]) == (308, f"bytes=0-{half - 1}")
    assert (
        signed(house, "PUT", grant.url, SOUND[half:], {"Content-Range": f"bytes {half}-{size - 1}/{size}"}).status_code
        == 200
    )
    ready = RecordingReady("c1:rec", 2, CallId("c1"), ACME, ALICE, grant.object, digest, size, 50.0, NOW - 45)
    assert [event(ready, house), event(ready, house), event(ended(), house)] == [204] * 3
    found = house.tenancy.of(ACME).recordings.get(ALICE, CallId("c1"))
    assert found is not None
    return found


def test_a_call_and_its_recording_are_told_once_and_shown_with_the_day_it_goes(house: House) -> None:
    recording = store_recording(house)
    assert recording.purge_at == NOW + 30 * DAY_SECONDS and "/alice" not in recording.object
    shown = json.dumps(house.post("/do/recent.show").json)
    assert shown.count("Ana") == 1 and "Deleted on" in shown


def test_a_due_recording_goes_with_bytes_row_and_an_audit_line(house: House) -> None:
    recording = store_recording(house)
    house.now = recording.purge_at - 1
    assert sweep(house.tenancy, house.ports, {}) == 0
    house.now += 1
    assert sweep(house.tenancy, house.ports, {}) == 1
    store = house.tenancy.of(ACME)
    assert store.recordings.latest(ALICE) == [] and store.audit.lines()[-1].act == "recording.deleted"
    assert not [p for p in (house.folder / "objects").rglob("*") if p.is_file() and SOUND in p.read_bytes()]


def test_a_held_recording_stays(house: House) -> None:
    recording = store_recording(house)
    house.tenancy.of(ACME).recordings.put(ALICE, replace(recording, holds=("case-1",)))
    house.now = recording.purge_at + 1
    assert sweep(house.tenancy, house.ports, {}) == 0


def test_a_shorter_retention_moves_the_day_of_recordings_that_are_there(house: House) -> None:
    store_recording(house)
    form = click(house.post("/do/settings.show").json, "/do/settings.save")
    do(house, "settings.save", form, retention_days="7", device="browser", language="pt")
    found = house.tenancy.of(ACME).recordings.get(ALICE, CallId("c1"))
    assert found is not None and found.purge_at == pytest.approx(NOW - 10 + 7 * DAY_SECONDS, abs=60)
    assert "Olá" in json.dumps(house.post("/on/gmail.homepage").json, ensure_ascii=False)


@pytest.mark.parametrize("action", [a for a in Action if a.value.startswith(("recording.", "call.show"))])
@pytest.mark.parametrize("player", ["bob", "charlie"])
def test_anothers_call_and_recording_are_as_good_as_unknown(house: House, action: Action, player: str) -> None:
    store_recording(house)
    house.documents.reads.clear()
    tenant = PLAYERS[player].tenant
    sign = Clicks(KEYS["web"]["k1"], tenant, player, EFFECTS, house.ports.new_id).sign(house.now)
    theirs, unknown = (
        house.post(f"/do/{action.value}", house.event(player, parameters=dict(sign(action, {"call": call})))).data
        for call in ("c1", "nope")
    )
    assert theirs == unknown and b"Ana" not in theirs
    assert not [path for path in house.documents.reads if f"users/{ALICE}" in path]
    assert house.tenancy.of(ACME).recordings.get(ALICE, CallId("c1")) is not None


def test_telephonys_door_needs_a_fresh_signature(house: House) -> None:
    body = wire.dumps(ended())
    assert signed(house, "POST", "/telephony/events", body, nonce="n" * 32).status_code == 204
    assert signed(house, "POST", "/telephony/events", body, nonce="n" * 32).status_code == 403
    client = house.app.test_client()
    for path, method in (
        ("/telephony/events", "POST"),
        ("/telephony/route", "POST"),
        ("/telephony/lines", "GET"),
        ("/telephony/uploads", "POST"),
        ("/telephony/uploads/x", "PUT"),
    ):
        assert client.open(path, method=method, data=body).status_code == 403
    assert signed(house, "POST", "/telephony/events", b"{}").status_code == 400


def test_an_inbound_call_finds_its_user_by_name_and_a_stranger_line_nobody(house: House) -> None:
    known = Person("Ana", source=Source.CONTACTS, numbers=())
    house.tenancy.of(ACME).contacts.remember(ALICE, replace(known, numbers=(number(),)))
    ask = RouteRequest(CallId("i1"), ACME, LineId("pbx"), "1001", Party("0987654321"))
    plan = wire.loads(signed(house, "POST", "/telephony/route", wire.dumps(ask)).data, RoutePlan)
    assert (plan.user, plan.caller_name, plan.recording.record, plan.blocked) == (ALICE, "Ana", False, False)
    for wrong in (
        replace(ask, called="3001"),
        replace(ask, line=LineId("other")),
        replace(ask, tenant=TenantId("zeta")),
    ):
        assert signed(house, "POST", "/telephony/route", wire.dumps(wrong)).status_code == 404
    house.tenancy.of(ACME).blocks.add(ALICE, E164, NOW)
    assert wire.loads(signed(house, "POST", "/telephony/route", wire.dumps(ask)).data, RoutePlan).blocked


def number() -> Any:
    from addon.domain.people import FoundNumber

    return FoundNumber(E164, E164, Source.CONTACTS)


def test_a_contact_is_added_or_the_form_says_what_is_missing(house: House) -> None:
    form = click(house.post("/do/contact.form").json, "/do/contact.add")
    assert "country code" in json.dumps(do(house, "contact.add", form, name="Ana", number="12"))
    form = click(house.post("/do/contact.form").json, "/do/contact.add")
    do(house, "contact.add", form, name="Ana", email="ana@quito.example", number="098 765 4321")
    assert house.mail.known == [Person("Ana", "ana@quito.example")]
