"""Whatever goes through the add-on, and however it fails, no secret, number, name or word of a mail reaches the log or an answer to a stranger."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon import admin_cli
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.presence import LiveCall, Presence
from cards.surface import Action, Trigger
from contract import wire
from contract.addresses import Reach
from contract.calls import CallId, CallState, Direction, Party
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from contract.route_plan import RouteRequest
from tests.addon.app.test_browser_door import browser, signed_in
from tests.addon.app.test_clicks import E164, ended, event, signed, store_recording
from tests.cast import House

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
NAME, MAIL, PASSWORD = "Canaria Name", "CANARY-words-of-the-mail", "CANARY-sip-password"
SECRETS = [
    "CANARY",
    "Canaria",
    "eyJ",
    "987654321",
    "98 765 4321",
    "Alice Andrade",
    "alice@acme",
    "ana@quito",
    "Bearer",
    "ticket=",
    PASSWORD,
]
ENTRIES = [f"/on/{t.value}" for t in Trigger] + [f"/do/{a.value}" for a in Action]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    caplog.set_level(logging.DEBUG)
    made.mail.text = f"{MAIL} +593 98 765 4321"
    known = Person(
        NAME, "ana@quito.example", "CANARY-firm", Source.CONTACTS, (FoundNumber(E164, E164, Source.CONTACTS),)
    )
    made.mail.known.append(known)
    party = Party(E164, NAME)
    made.telephony.presence_now = Presence(
        True, True, (LiveCall(CallId("l"), Direction.INBOUND, CallState.ACTIVE, party, 1, True),)
    )
    registration = Registration(ALICE, Extension("1001"), "1001", PASSWORD)
    made.tenancy.of(ACME).lines.put(LineConfig(ACME, LineId("pbx"), 0, "127.0.0.1", registrations=(registration,)))
    store_recording(made)
    return made


def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> str:
    """Every word and every field of every record, with tracebacks, and what went to the terminal."""
    printed = capfd.readouterr()
    formatter = logging.Formatter()
    records = "".join(formatter.format(record) + str(vars(record)) for record in caplog.records)
    return caplog.text + records + printed.out + printed.err


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def use_everything(house: House) -> int:
    """Every card route, page and telephony route once; how many requests."""
    count = 0
    for path in ENTRIES:
        carried = {
            "to": E164,
            "call": "c1",
            "kind": "recording",
            "email": "ana@quito.example",
            "name": NAME,
            "number": E164,
            "once": "CANARY.once.0",
        }
        house.post(path, house.event(parameters=carried, inputs=carried))
        house.post(path, token="CANARY.bad.token")
        count += 2
    client, headers = signed_in(house)
    for rule in house.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}):
            if rule.rule == "/logout":
                continue
            url = rule.rule.replace("<call>", "c1").replace("<path:name>", "x.js").replace("<upload>", "CANARY-upload")
            sent = {"to": E164, "id": "CANARY-click-1", "device": "browser", "ticket": "CANARY-ticket"}
            client.open(url + "?code=CANARY-code&state=CANARY-state", method=method, json=sent, headers=headers)
            count += 1
    ask = RouteRequest(CallId("i1"), ACME, LineId("pbx"), "1001", Party(E164, NAME))
    for method, path, body in (
        ("POST", "/telephony/events", wire.dumps(ended())), ("POST", "/telephony/route", wire.dumps(ask)),
        ("GET", "/telephony/lines", b""), ("POST", "/telephony/events", b"CANARY nonsense"),
    ):  # fmt: skip
        signed(house, method, path, body)
        count += 1
    return count


def test_a_day_of_use_leaves_no_personal_word_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    count = use_everything(house)
    assert leaks(said(caplog, capfd)) == []
    with capfd.disabled():
        print(f"\nlog: {count} requests, {len(caplog.records)} records, no canary")
    assert count >= 80


class Boom(Exception):
    """An error whose text quotes what must not be told."""


def boom(*_: Any, **__: Any) -> Any:
    raise Boom(f"CANARY-error {E164} {NAME} {PASSWORD} eyJhbGciOi")


BROKEN: dict[str, Any] = {
    "gmail": lambda house: setattr(house.mail, "message", boom), "people": lambda house: setattr(house.mail, "find", boom),
    "telephony": lambda house: (setattr(house.telephony, "presence", boom), setattr(house.telephony, "send", boom)),
    "objects": lambda house: setattr(house.objects, "stat", boom), "store": lambda house: setattr(house.documents, "query", boom),
}  # fmt: skip


@pytest.mark.parametrize("part", BROKEN)
def test_a_part_that_fails_with_telling_words_is_logged_by_its_place_only(
    house: House, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], part: str
) -> None:
    client, headers = signed_in(house)
    BROKEN[part](house)
    answers = [
        house.post(path, house.event(parameters={"to": E164, "call": "c1", "kind": "recording"})) for path in ENTRIES
    ]
    assert {answer.status_code for answer in answers} == {200} and not [a for a in answers if "CANARY-error" in a.text]
    if part != "store":
        return_codes = [
            client.get(path).status_code for path in ("/api/me", "/api/calls", "/api/settings", f"/api/plan?to={E164}")
        ]
        assert set(return_codes) <= {200, 500, 503}
        client.post("/api/calls", json={"to": E164, "id": "click-00001", "device": "browser"}, headers=headers)
    event(ended(), house)
    log = said(caplog, capfd)
    assert leaks(log) == []
    assert part in {"objects"} or "Boom at" in log


def test_a_failure_on_a_page_gives_a_code_and_no_word_of_it(house: House, caplog: pytest.LogCaptureFixture) -> None:
    client, _ = signed_in(house)
    house.documents.query = boom  # type: ignore[method-assign] # the store breaks in a way nobody foresaw
    answer = client.get("/api/calls")
    assert answer.status_code == 500 and answer.json["error"]["kind"] == "our-error"
    code = next(record for record in caplog.records if hasattr(record, "event_id")).event_id
    assert code in answer.json["error"]["text"] and leaks(answer.text) == []
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_an_unknown_page_is_a_plain_404(house: House) -> None:
    answer = browser(house).get("/no/such/page")
    assert answer.status_code == 404 and "Traceback" not in answer.text


def test_the_administrators_command_never_prints_a_password(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    for words, typed in (
        (["show", "--tenant", "acme"], ""),
        (["add-user", "--tenant", "acme", "--id", "dora", "--name", "Dora", "--email", "d@acme.example", "--extension", "1009", "--password-stdin"], f"{PASSWORD}\n"),
        (["add-user", "--tenant", "acme", "--id", "dora", "--name", "Dora", "--email", "d@acme.example", "--extension", "bad!", "--password-stdin"], f"{PASSWORD}\n"),
    ):  # fmt: skip
        run_admin(house, words, typed, told)
    assert PASSWORD not in json.dumps(told) + capfd.readouterr().out


def run_admin(house: House, words: list[str], typed: str, told: list[str]) -> int:
    return admin_cli.run(words, house.tenancy, house.ports, Reach(loopback=True), io.StringIO(typed), told.append)
