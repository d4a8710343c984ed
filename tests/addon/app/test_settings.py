"""What a user chooses is kept, nonsense is not, and a shorter time moves the day of every recording there is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from addon.domain.recordings import DAY_SECONDS, Recording
from addon.domain.tenant import Settings
from addon.ports.objects import ObjectsAway
from addon.usecases.save_settings import save_settings
from contract.calls import CallId, Device, Party
from contract.numbers import TenantId, UserId
from tests.addon.app.test_clicks import do
from tests.cast import NOW, House, click

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
BEFORE = Settings(record_calls=True, retention_days=90, device=Device.DESK, language="es")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    stopped = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: stopped)
    made = House(tmp_path)
    made.tenancy.of(ACME).settings.save(ALICE, BEFORE)
    return made


def saved(house: House, **inputs: str) -> Settings:
    form = click(house.post("/do/settings.show").json, "/do/settings.save")
    do(
        house,
        "settings.save",
        form,
        **{"record_calls": "on", "retention_days": "90", "device": "desk", "language": "es"} | inputs,
    )
    return replace(house.tenancy.of(ACME).settings.get(ALICE), rev=0)


NONSENSE = [
    "",
    "0",
    "-1",
    "1.5",
    "1e3",
    "366",
    "99999",
    "999999999999",
    "٣٠",
    "²",
    "ten",
    "null",
    "True",
    "90; DROP",
    "\u200b30",
    "30 ",
]


@pytest.mark.parametrize("text", NONSENSE, ids=ascii)
def test_a_time_that_is_not_on_offer_changes_nothing(house: House, text: str) -> None:
    assert saved(house, retention_days=text) == BEFORE


@pytest.mark.parametrize("field", ["device", "language"])
@pytest.mark.parametrize("text", ["", "fax", "DESK", "xx", "../es", "es\x00", "😀"], ids=ascii)
def test_a_choice_that_is_not_on_offer_changes_nothing(house: House, field: str, text: str) -> None:
    assert saved(house, **{field: text}) == BEFORE


def test_what_is_on_offer_is_kept(house: House) -> None:
    assert saved(house, retention_days="365", device="browser", language="pt") == replace(
        BEFORE, retention_days=365, device=Device.BROWSER, language="pt"
    )
    assert saved(house, language="auto", record_calls="") == replace(BEFORE, language="", record_calls=False)


def test_a_desk_phone_that_one_does_not_have_is_not_chosen(house: House) -> None:
    users = house.tenancy.of(ACME).users
    user = users.get(ALICE)
    assert user is not None
    users.put(replace(user, desk=""))
    house.tenancy.of(ACME).settings.save(ALICE, replace(BEFORE, device=Device.BROWSER, rev=1))
    assert saved(house, device="desk").device is Device.BROWSER


@pytest.mark.parametrize("rev", ["", "0", "-1", "²", "x", "99999999999999999999"])
def test_a_form_of_another_revision_is_shown_again_and_saves_nothing(house: House, rev: str) -> None:
    form = click(house.post("/do/settings.show").json, "/do/settings.save")
    said = json.dumps(do(house, "settings.save", {**form, "rev": rev}, retention_days="7"), ensure_ascii=False)
    assert "desactualizada" in said and replace(house.tenancy.of(ACME).settings.get(ALICE), rev=0) == BEFORE


def test_where_the_company_does_not_record_the_wish_is_kept_for_later(house: House) -> None:
    tenant = house.tenancy.get(ACME)
    assert tenant is not None
    house.tenancy.put(replace(tenant, recording_allowed=False))
    assert saved(house, record_calls="").record_calls is True


def keep(house: House, number: int, **more: object) -> None:
    recording = Recording(
        CallId(f"c{number:04d}"),
        f"a/b/recording/{number}",
        1,
        9,
        "0" * 64,
        10.0,
        NOW + number,
        Party(""),
        NOW + 90 * DAY_SECONDS,
    )
    house.tenancy.of(ACME).recordings.add(ALICE, replace(recording, **more))  # type: ignore[arg-type] # fields of Recording


def test_a_shorter_time_moves_every_recording_and_a_longer_one_none(house: House) -> None:
    for number in range(620):
        keep(house, number)
    store, tenant = house.tenancy.of(ACME), house.tenancy.get(ACME)
    assert tenant is not None
    assert save_settings(replace(BEFORE, retention_days=7, rev=1), ALICE, tenant, store, house.ports) == 620
    assert {r.purge_at - r.started_at - r.seconds for r in store.recordings.every(ALICE)} == {7 * DAY_SECONDS}
    assert save_settings(replace(BEFORE, retention_days=365, rev=2), ALICE, tenant, store, house.ports) == 0
    assert max(r.purge_at for r in store.recordings.every(ALICE)) < NOW + 8 * DAY_SECONDS


def test_an_object_store_that_is_away_does_not_stop_the_saving(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(house, 1)
    monkeypatch.setattr(type(house.objects), "set_purge_at", lambda *_: (_ for _ in ()).throw(ObjectsAway("away")))
    assert saved(house, retention_days="7").retention_days == 7
    assert next(iter(house.tenancy.of(ACME).recordings.every(ALICE))).purge_at < NOW + 8 * DAY_SECONDS


def test_two_windows_that_change_the_device_at_once_lose_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = house.tenancy.of(ACME).settings
    form = click(house.post("/on/gmail.homepage").json, "/do/device.choose")
    save = type(settings).save

    def raced(self: object, user: UserId, wanted: Settings) -> Settings:
        monkeypatch.setattr(type(settings), "save", save)
        save(settings, user, replace(BEFORE, retention_days=30, rev=1))
        return save(settings, user, wanted)

    monkeypatch.setattr(type(settings), "save", raced)
    said = json.dumps(do(house, "device.choose", form), ensure_ascii=False)
    assert "desactualizada" in said and replace(settings.get(ALICE), rev=0) == replace(BEFORE, retention_days=30)
