"""A person card reads the store sparingly, remembers the mail for its reader alone, and decides afresh each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from addon.domain.call_record import CallRecord
from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, ConsentKind
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.tenant import Settings
from addon.event import UserTokens
from addon.ports.google import GoogleAway, Message
from addon.ports.recent import Owner
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import TenantId, UserId
from tests.cast import NOW, House, Mail, buttons, click
from workbench.cast import ALL_SCOPES

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
E164, SHOWN = "+593987654321", "+593 98 765 4321"
MAX_READS = 6


class CountedMail(Mail):
    """Gmail and People that count what they are asked."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.searched: list[str] = []
        self.away = False

    def message(self, tokens: UserTokens, message_id: str) -> Message:
        self.opened.append(message_id)
        return super().message(tokens, message_id)

    def find(self, tokens: UserTokens, query: str, region: str = "") -> list[Person]:
        self.searched.append(query)
        if self.away:
            raise GoogleAway
        return super().find(tokens, query, region)


@pytest.fixture
def mail() -> CountedMail:
    return CountedMail()


@pytest.fixture
def house(tmp_path: Path, mail: CountedMail) -> House:
    return House(tmp_path, mail=mail)


def ana(*numbers: str) -> Person:
    found = tuple(FoundNumber(n, n, Source.CONTACTS) for n in numbers)
    return Person("Ana Paredes", "ana@quito.example", "QuitoTech", Source.CONTACTS, found)


def card(house: House, player: str = "alice", **changes: Any) -> str:
    event = house.event(player)
    event["authorizationEventObject"] |= changes
    reply = house.post("/on/gmail.message", event)
    assert reply.status_code == 200
    return json.dumps(reply.json, ensure_ascii=False)


def record(call: str, peer: str, at: float) -> CallRecord:
    return CallRecord(
        CallId(call), Direction.OUTBOUND, Device.BROWSER, Party(peer, f"Call {call}"), Outcome.COMPLETED, at, at, at, 9.0,
        RecordingRule.USER_OFF,
    )  # fmt: skip


@pytest.mark.parametrize("known", [(), (E164,), (E164, "+59322345678", "+12125550142")])
@pytest.mark.parametrize("numbers", [0, 1, 12, 40])
def test_a_card_needs_at_most_six_store_reads(
    house: House, mail: CountedMail, known: tuple[str, ...], numbers: int
) -> None:
    mail.known = [ana(*known)] if known else []
    mail.text = "".join(f"Tel: +593 98 765 {4321 + n}\n" for n in range(numbers))
    tried = []
    for _ in range(3):
        house.documents.reads.clear()
        card(house)
        tried.append(len(house.documents.reads))
    print(f"store reads of a first and of later cards: {tried}")
    assert len(tried) == 3 and max(tried) <= MAX_READS


def test_numbers_beyond_the_card_are_counted_on_it(house: House, mail: CountedMail) -> None:
    mail.text = "".join(f"Tel: +593 98 765 {4321 + n}\n" for n in range(15))
    shown = card(house)
    assert shown.count("/do/call.place") == 12 and "3 more" in shown


def test_what_decides_shows_on_the_next_card_though_the_mail_is_remembered(house: House, mail: CountedMail) -> None:
    store = house.tenancy.of(ACME)
    store.settings.save(ALICE, Settings(record_calls=True))
    told: list[bool] = []

    def decide(granted: bool) -> None:
        told.append(granted)
        consent = Consent(f"c{len(told)}", ConsentKind.RECORDING, RECORDING_TEXT_VERSION, granted, house.now, "card")
        store.consents.add(ALICE, consent)

    def recorded() -> bool:
        return "Both hear a notice" in card(house)

    assert not recorded()
    decide(True)
    assert recorded()
    decide(False)
    house.now += 1
    assert not recorded()
    decide(True)
    store.settings.save(ALICE, Settings(record_calls=False, rev=1))
    assert not recorded()
    store.blocks.add(ALICE, E164, house.now)
    blocked = card(house)
    assert "/do/call.place" not in blocked and "blocked" in blocked
    store.blocks.remove(ALICE, E164)
    assert "/do/call.place" in card(house)
    store.calls.add(ALICE, record("c1", E164, house.now))
    assert '"c1"' in card(house)
    house.telephony.away = True
    assert "/do/phone.open" in card(house)
    assert mail.opened == ["msg-f:1"] and mail.searched == ["ana@quito.example"]


def test_six_calls_in_a_minute_show_on_the_next_card(house: House) -> None:
    for number in range(6):
        params = click(json.loads(card(house)), "/do/call.place")
        house.post("/do/call.place", house.event(parameters=params))
        assert len(house.telephony.told) == number + 1
    assert "Too many calls" in card(house)


def test_a_suspended_user_or_company_gets_no_remembered_card(house: House) -> None:
    assert "/do/call.place" in card(house)
    user = house.documents.get("tenants/acme/users/alice")
    assert user is not None
    house.documents.put(user.path, {**user.body, "suspended": True})
    assert "/do/call.place" not in card(house)


def test_a_remembered_mail_is_nobody_elses(house: House, mail: CountedMail) -> None:
    assert SHOWN in card(house)
    mail.text = "nothing here"
    assert SHOWN in card(house)
    for other in ("bob", "charlie"):
        assert SHOWN not in card(house, other)
    assert mail.opened == ["msg-f:1"] * 3


def test_a_permission_that_was_taken_back_is_missed_at_once(house: House, mail: CountedMail) -> None:
    card(house)
    fewer = [scope for scope in ALL_SCOPES if not scope.endswith(("message.readonly", "/contacts"))]
    card(house, authorizedScopes=fewer)
    assert mail.opened == ["msg-f:1"] * 2 and len(mail.searched) == 2


def test_the_memory_ends_and_holds_neither_words_nor_tokens(house: House, mail: CountedMail) -> None:
    mail.text = "CANARY-words\nTel: +593 98 765 4321\n"
    mail.known = [ana(E164)]
    card(house)
    held = repr((house.ports.mails._kept, house.ports.persons._kept))
    assert "Ana" in held and E164 in held and "CANARY" not in held and "eyJ" not in held
    house.now = NOW + 61
    card(house)
    assert (len(mail.opened), len(mail.searched)) == (1, 2)
    house.now = NOW + 301
    card(house)
    assert (len(mail.opened), len(mail.searched)) == (2, 3)


def test_a_silent_people_api_is_asked_again(house: House, mail: CountedMail) -> None:
    mail.away, mail.known = True, [ana(E164)]
    assert "QuitoTech" not in card(house) and "Google did not answer" in card(house)
    mail.away = False
    assert "QuitoTech" in card(house)


def test_a_contact_that_was_added_shows_at_once(house: House, mail: CountedMail) -> None:
    assert "Ana Paredes" not in card(house)
    form = click(house.post("/do/contact.form").json, "/do/contact.add")
    inputs = {"name": "Ana Paredes", "email": "ana@quito.example", "number": E164}
    house.post("/do/contact.add", house.event(parameters=form, inputs=inputs))
    assert "Ana Paredes" in card(house)


def test_the_number_index_learns_public_numbers_once_and_names_a_stranger(house: House, mail: CountedMail) -> None:
    mail.known = [ana(E164, "02/123", "1001")]
    mail.text = "Saludos,\nAna\nTel: +593 98 765 4321\n"
    assert "QuitoTech" in card(house)
    house.now += 61
    written: list[str] = []
    put = house.documents.run
    house.documents.run = lambda work: (written.append("write"), put(work))[1]  # type: ignore[method-assign] # counts
    card(house)
    house.documents.run = put  # type: ignore[method-assign] # the same
    mail.known = []
    house.now += 61
    assert written == [] and "Ana Paredes" in card(house)
    contacts = house.documents.list_under("tenants/acme/users/alice/contacts")
    assert [d.id for d in contacts] == [E164[1:]]


def test_history_mixes_the_numbers_newest_first(house: House, mail: CountedMail) -> None:
    second = "+59322345678"
    mail.known = [ana(E164, second)]
    store = house.tenancy.of(ACME)
    for at in range(4):
        store.calls.add(ALICE, record(f"a{at}", E164, NOW - 100 + 2 * at))
        store.calls.add(ALICE, record(f"b{at}", second, NOW - 99 + 2 * at))
        store.calls.add(ALICE, record(f"x{at}", "+59399999999", NOW))
    rows = [params["call"] for where, params in buttons(json.loads(card(house))) if where == "/do/call.show"]
    assert rows == ["b3", "a3", "b2", "a2", "b1"]


def test_what_the_contact_is_known_by_tells_the_country_of_a_number(house: House, mail: CountedMail) -> None:
    mail.text = "Hola, mi número nuevo es el 312 444 5566, gracias."
    assert "312" not in card(house)
    house.ports.mails.forget(Owner(ACME, ALICE))
    house.ports.persons.forget(Owner(ACME, ALICE))
    mail.known = [ana("+576015550100")]
    assert "+57 312 4445566" in card(house)


def test_silent_contacts_are_asked_once_per_card(house: House, mail: CountedMail) -> None:
    mail.away = True
    card(house)
    assert mail.searched == ["ana@quito.example"]
