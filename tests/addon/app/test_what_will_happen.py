"""The person card says what will happen before anybody calls, in the reader's language, and names people by what is known of them."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.domain.consent import Consent, ConsentKind
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.presence import Presence
from cards.text import CATALOGUES, LANGUAGES
from contract import wire
from contract.calls import Device, Party
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from tests.addon.app.test_clicks import E164, do, ended, event, signed
from tests.addon.app.test_placing import Action, signed_click
from tests.cast import NOW, House, buttons, click
from workbench.card_check import check_reply

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
SIGNED = "Hello\n\nRegards,\nAna\nCel 098 765 4321"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    return made


def card(house: House, language: str = "en") -> Any:
    answer = house.post("/on/gmail.message", house.event(locale=language))
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=False) == []
    return answer.json


def words(reply: Any) -> str:
    return html.unescape(json.dumps(reply, ensure_ascii=False)).replace("\\u00a0", " ").replace("\u00a0", " ")


def change_tenant(house: House, **changes: Any) -> None:
    tenant = house.tenancy.get(ACME)
    assert tenant is not None
    house.tenancy.put(replace(tenant, **changes))


def choose(house: House, **changes: Any) -> None:
    store = house.tenancy.of(ACME).settings
    store.save(ALICE, replace(store.get(ALICE), **changes))


def consent(house: House, granted: bool = True, version: str = "2026-11") -> None:
    house.tenancy.of(ACME).consents.add(
        ALICE, Consent(house.ports.new_id(), ConsentKind.RECORDING, version, granted, NOW, "card")
    )


RULES: dict[str, Callable[[House], object]] = {
    "user-off": lambda house: consent(house),
    "no-consent": lambda house: choose(house, record_calls=True),
    "tenant-off": lambda house: (choose(house, record_calls=True), consent(house), change_tenant(house, recording_allowed=False)),
    "place-forbids": lambda house: (choose(house, record_calls=True), consent(house), change_tenant(house, places_without_recording=("EC",))),
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", RULES)
def test_a_call_that_is_not_recorded_says_by_which_rule(house: House, rule: str, language: str) -> None:
    RULES[rule](house)
    said, catalogue = words(card(house, language)), CATALOGUES[language]
    why = catalogue[f"rule.{rule}"]
    assert catalogue["will.is_not_recorded"] in said and why[0].upper() + why[1:] in said
    assert catalogue["will.browser"] in said and catalogue["will.is_recorded"] not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("text", "spoken"), [("098 765 4321", "es"), ("+55 11 98765-4321", "pt"), ("+1 212 555 0123", "en")]
)
def test_a_recorded_call_says_the_notice_its_language_the_key_and_how_long_it_is_kept(
    house: House, text: str, spoken: str, language: str
) -> None:
    choose(house, record_calls=True, retention_days=30, device=Device.DESK)
    consent(house)
    change_tenant(house, allowed_regions=("BR", "US"), retention_max_days=7)
    house.mail.text = text
    said, catalogue = words(card(house, language)), CATALOGUES[language]
    assert catalogue["will.desk"] in said and catalogue["will.is_recorded"] in said
    notice = catalogue["will.notice"].format(language=catalogue[f"language.{spoken}"], digit="9")
    assert notice in said and catalogue["will.kept.other"].format(count=7) in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("presence", "key"),
    [(None, "home.why_unknown"), *[(Presence(True, False, (), p), f"home.problem.{p}") for p in
      ("wrong-password", "unreachable", "refused", "untrusted-certificate", "wrong-certificate-name", "tls-failed")]],
    ids=str,
)  # fmt: skip
def test_what_stands_in_the_way_of_every_call_now_is_said(
    house: House, presence: Presence | None, key: str, language: str
) -> None:
    house.telephony.away = presence is None
    house.telephony.presence_now = presence or Presence(True, True)
    assert CATALOGUES[language][key] in words(card(house, language))


FORMATS = [
    ("Quito, Ecuador: 099 876 5432 / (02) 234-5678", "EC", ["+593 99 876 5432", "+593 2-234-5678"]),
    ("Bogotá, Colombia: 310 123 4567 / (601) 742 1234", "CO", ["+57 310 1234567", "+57 601 7421234"]),
    ("Ciudad de México: 55 1234 5678", "MX", ["+52 55 1234 5678"]),
    ("Buenos Aires, Argentina: 011 15-5555-1234 / (011) 4321-5678", "AR", ["+54 9 11 5555-1234", "+54 11 4321-5678"]),
    ("São Paulo, Brasil: (11) 98765-4321 / (11) 2345-6789", "BR", ["+55 11 98765-4321", "+55 11 2345-6789"]),
    ("New York: (212) 555-0123", "US", ["+1 212-555-0123"]),
    ("London: 020 7946 0958 / 07400 123456", "GB", ["+44 20 7946 0958", "+44 7400 123456"]),
    ("Berlin: 030 901820 / 0170 1234567", "DE", ["+49 30 901820", "+49 170 1234567"]),
]


@pytest.mark.parametrize(("text", "region", "shown"), FORMATS, ids=[region for _, region, _ in FORMATS])
def test_numbers_of_eight_countries_are_shown_as_the_world_writes_them_and_called(
    house: House, text: str, region: str, shown: list[str]
) -> None:
    change_tenant(house, allowed_regions=(region,))
    house.mail.text = text
    reply = card(house)
    said = words(reply)
    assert [number for number in shown if number not in said] == []
    dialled = [params["to"] for where, params in buttons(reply) if where == "/do/call.place" and "to" in params]
    assert dialled == ["".join(c for c in number if c in "+0123456789") for number in shown]
    for to in dialled:
        do(house, "call.place", next(p for w, p in buttons(reply) if p.get("to") == to and w == "/do/call.place"))
    assert [c.dial for c in house.telephony.told if hasattr(c, "dial")] == dialled


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_country_that_may_not_be_called_is_named_and_has_no_button(house: House, language: str) -> None:
    house.mail.text = "+49 30 901820"
    reply = card(house, language)
    country = {"en": "Germany", "es": "Alemania", "pt": "Alemanha"}[language]
    assert country in words(reply) and "/do/call.place" not in [where for where, _ in buttons(reply)]


def index(house: House, name: str = "Ana Paredes", e164: str = E164) -> None:
    number = FoundNumber(e164, e164, Source.CONTACTS)
    house.tenancy.of(ACME).contacts.remember(
        ALICE, Person(name, "ana@known.example", "Firm", Source.CONTACTS, (number,))
    )


def test_a_stranger_whose_signature_has_a_known_number_is_named_beside_the_address_that_wrote(house: House) -> None:
    index(house)
    house.mail.text = SIGNED
    said = words(card(house))
    assert "Ana Paredes" in said and "ana@quito.example" in said and "ana@known.example" not in said
    assert CATALOGUES["en"]["source.number-index"].capitalize() in said


def test_a_known_number_in_the_text_does_not_make_the_writer_that_person(house: House) -> None:
    index(house)
    house.mail.text = "Please call Ana at 098 765 4321 today."
    said = words(card(house))
    assert "Ana Paredes" not in said and "ana@quito.example was not found in" in said


def test_contacts_come_first_then_the_mail_and_a_fax_comes_last_and_is_nobodys_first_choice(house: House) -> None:
    numbers = (
        FoundNumber("+59322345678", "02 234 5678", Source.CONTACTS, "fax"),
        FoundNumber("+593991234567", "099", Source.CONTACTS, "mobile"),
    )
    house.mail.known.append(Person("Ana", "ana@quito.example", "", Source.CONTACTS, numbers))
    reply = card(house)
    dialled = [params["to"] for where, params in buttons(reply) if where == "/do/call.place" and "to" in params]
    assert dialled == ["+593991234567", E164, "+59322345678"]
    coloured = [b for b in _buttons(reply) if "color" in b]
    assert len(coloured) == 1 and dialled[0] in json.dumps(coloured)


def _buttons(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        own = [node["button"]] if isinstance(node.get("button"), dict) else []
        return own + [b for value in node.values() for b in _buttons(value)]
    return [b for item in node for b in _buttons(item)] if isinstance(node, list) else []


@pytest.mark.parametrize("written", [E164, "0987654321", "593987654321", "00593987654321", "098-765-4321"])
def test_earlier_calls_are_found_however_the_pbx_wrote_the_number(house: House, written: str) -> None:
    assert event(replace(ended(), peer=Party(written, "Ana P.")), house) == 204
    record = house.tenancy.of(ACME).calls.latest(ALICE)[0]
    assert record.peer == Party(E164, "Ana P.")
    assert CATALOGUES["en"]["person.no_calls"] not in words(card(house))


@pytest.mark.parametrize("written", ["1002", "911", "", "anonymous", "+", "sip:600@pbx", "*97"])
def test_an_extension_or_a_name_stays_as_the_pbx_wrote_it(house: House, written: str) -> None:
    assert event(replace(ended(), peer=Party(written)), house) == 204
    assert house.tenancy.of(ACME).calls.latest(ALICE)[0].peer.address == written


def test_a_number_at_its_limit_can_still_be_clicked_later(house: House) -> None:
    for _ in range(6):
        do(house, "call.place", click(card(house), "/do/call.place"))
    reply = card(house)
    assert CATALOGUES["en"]["verdict.too-many-calls"] in words(reply)
    params = click(reply, "/do/call.place")
    house.now += 61
    do(house, "call.place", params)
    assert len([c for c in house.telephony.told if hasattr(c, "dial")]) == 7


def rings(house: House) -> bool:
    ask = RouteRequest(house.ports.new_id(), ACME, LineId("pbx"), "1001", Party("0987654321"))  # type: ignore[arg-type] # an id
    return not wire.loads(signed(house, "POST", "/telephony/route", wire.dumps(ask)).data, RoutePlan).blocked


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_is_blocked_from_its_call_and_taken_back_from_either_card(house: House, language: str) -> None:
    choose(house, language=language)
    catalogue = CATALOGUES[language]
    assert event(replace(ended(), peer=Party("0987654321", "Ana")), house) == 204
    shown = house.post("/do/call.show", house.event(parameters={"call": "c1"})).json
    blocked = do(house, "block.add", click(shown, "/do/block.add"))
    assert catalogue["notice.blocked"] in words(blocked) and catalogue["block.remove"] in words(blocked)
    assert not rings(house) and "/do/call.place" not in [where for where, _ in buttons(blocked)]
    person = card(house)
    assert catalogue["verdict.blocked"] in words(person)
    free = do(house, "block.remove", click(person, "/do/block.remove"))
    assert catalogue["notice.unblocked"] in words(free) and rings(house)
    assert E164 in [params.get("to") for where, params in buttons(free) if where == "/do/call.place"]


@pytest.mark.parametrize("to", ["", "1002", "911", "nonsense", "+", "x" * 500])
def test_only_a_public_number_can_be_blocked(house: House, to: str) -> None:
    said = do(house, "block.add", signed_click(house, Action.BLOCK_NUMBER, to=to))
    assert "not there any more" in words(said)
    assert house.documents.list_under("tenants/acme/users/alice/blocks") == []


def test_a_withheld_caller_offers_no_block_and_no_call_back(house: House) -> None:
    assert event(replace(ended(), peer=Party("", "")), house) == 204
    shown = house.post("/do/call.show", house.event(parameters={"call": "c1"})).json
    assert not {where for where, _ in buttons(shown)} & {"/do/block.add", "/do/call.place", "/do/phone.open"}


def test_the_settings_of_the_moment_count_on_the_card_that_is_opened_next(house: House) -> None:
    assert CATALOGUES["en"]["will.browser"] in words(card(house))
    choose(house, device=Device.DESK)
    assert CATALOGUES["en"]["will.desk"] in words(card(house))
