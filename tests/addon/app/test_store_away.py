"""With Firestore frozen or gone a card says "try again" within three seconds, and what telephony tells is kept once it is back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from addon.adapters.firestore_documents import connect
from addon.app import create_app
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from cards.surface import Action, Trigger
from cards.text import Texts
from contract.calls import CallId
from contract.numbers import TenantId, UserId
from tests.addon.app.access import everything
from tests.addon.app.test_clicks import ended, event
from tests.cast import KEYS, NOW, FixedKeys, House, buttons, click
from tests.peers import firestore
from workbench.card_check import check_reply

pytestmark = pytest.mark.loopback
LIMIT_SECONDS = 3.0
RETURN_SECONDS = 30.0
ACME, ALICE = TenantId("acme"), UserId("alice")


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[firestore.Emulator]:
    if hint := firestore.missing():
        pytest.skip(hint)
    emulator = firestore.Emulator(tmp_path / "emulator.log")
    yield emulator
    emulator.stop()


@pytest.fixture
def house(tmp_path: Path, own: firestore.Emulator) -> House:
    """The whole add-on with its documents on Firestore."""
    made = House(tmp_path)
    patient = connect("p", emulator=own.host, deadline_seconds=60.0)
    for top in ("tenants", "domains"):
        for path, body in everything(made.documents, top).items():
            patient.put(path, body)  # type: ignore[arg-type]  # a document's body is a map
    documents = connect("p", emulator=own.host)
    made.tenancy = Tenancy(documents, Seal(KEYS["lines"]))
    made.ports = replace(made.ports, documents=documents)
    made.app = create_app(made.config, made.ports, made.tenancy, FixedKeys())
    return made


def in_time(house: House, path: str, sent: Any) -> Any:
    began = time.monotonic()
    answer = house.post(path, sent)
    assert time.monotonic() - began < LIMIT_SECONDS
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=path.startswith("/do/")) == []
    return answer.json


def says_try_again(card: Any, locale: str = "en") -> None:
    assert Texts(locale, "UTC").t("problem.away") in json.dumps(card, ensure_ascii=False)
    assert f"/do/{Action.REFRESH.value}" in [path for path, _ in buttons(card)]


def is_back(house: House) -> None:
    until = time.monotonic() + RETURN_SECONDS
    while Texts("en", "UTC").t("problem.away") in json.dumps(house.post("/on/gmail.message").json):
        assert time.monotonic() < until


def told(house: House) -> int:
    return event(ended(), house)


def test_a_frozen_store_costs_a_card_and_no_call(house: House, own: firestore.Emulator) -> None:
    place = click(house.post("/on/gmail.message").json, "/do/call.place")
    own.freeze()
    says_try_again(in_time(house, "/on/gmail.homepage", house.event()))
    says_try_again(in_time(house, "/on/gmail.message", house.event(locale="es")), "es")
    says_try_again(in_time(house, "/do/call.place", house.event(parameters=place)))
    assert house.telephony.told == []
    assert told(house) == 503
    own.thaw()
    is_back(house)
    assert told(house) == 204 and told(house) == 204
    assert [r.call for r in house.tenancy.of(ACME).calls.latest(ALICE)] == [CallId("c1")]


def test_a_store_that_is_gone_costs_a_card_on_every_surface(
    house: House, own: firestore.Emulator, tmp_path: Path
) -> None:
    own.kill()
    for trigger in Trigger:
        says_try_again(in_time(house, f"/on/{trigger.value}", house.event()))
    assert told(house) == 503
    health = house.app.test_client().get("/healthz")
    assert (
        health.status_code == 503 and health.json is not None and health.json["parts"]["documents"].startswith("Away")
    )
