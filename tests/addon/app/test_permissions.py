"""Each permission may be missing alone or with all others: the card works, says what is off, and offers to give it."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.domain.people import FoundNumber, Person, Source
from cards.surface import SCOPES, Action, Trigger
from cards.text import CATALOGUES, LANGUAGES
from tests.cast import House, buttons, click
from workbench.card_check import check_reply

pytestmark = pytest.mark.pure
OPTIONAL = [s for s in SCOPES if s.optional]
READ_BY_CARD = [s for s in OPTIONAL if s.feature != "insert-numbers"]
NUMBER = FoundNumber("+59322345678", "02 234 5678", Source.CONTACTS)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    return made


def sent(house: House, path: str, without: list[str], locale: str = "en", **changes: Any) -> Any:
    """An event of a user who did not grant some features; the answer, checked."""
    event = house.event(locale=locale, **changes)
    event["authorizationEventObject"]["authorizedScopes"] = [s.url for s in SCOPES if s.feature not in without]
    answer = house.post(path, event)
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=path.startswith("/do/")) == []
    assert "tell your administrator this code" not in answer.text
    return answer.json


def words(reply: Any) -> str:
    return html.unescape(json.dumps(reply, ensure_ascii=False))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scope", READ_BY_CARD, ids=lambda s: s.feature)
def test_one_missing_permission_is_named_and_can_be_given(house: House, scope: Any, language: str) -> None:
    reply = sent(house, "/on/gmail.message", [scope.feature], language)
    said, catalogue = words(reply), CATALOGUES[language]
    assert catalogue[f"missing.{scope.feature}"] in said and catalogue["permission.give"] in said
    others = [s.feature for s in READ_BY_CARD if s is not scope and catalogue[f"missing.{s.feature}"] in said]
    assert others == []
    asked = click(reply, "/do/permission.ask")
    assert sent(house, "/do/permission.ask", [scope.feature], parameters=asked) == {
        "requesting_google_scopes": {"scopes": [scope.url]}
    }
    assert catalogue["permission.give"] not in words(sent(house, "/do/permission.ask", [], language, parameters=asked))


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_no_optional_permission_every_entry_still_answers(house: House, language: str) -> None:
    everything = [s.feature for s in OPTIONAL]
    reply = sent(house, "/on/gmail.message", everything, language)
    said = words(reply)
    assert all(CATALOGUES[language][f"missing.{s.feature}"] in said for s in READ_BY_CARD)
    assert CATALOGUES[language]["person.unread_title"] in said and "ana@quito" not in said
    assert "/do/phone.open" in [where for where, _ in buttons(reply)]
    for entry in [*(f"/on/{t.value}" for t in Trigger), *(f"/do/{a.value}" for a in Action)]:
        sent(house, entry, everything, language)


def test_a_user_who_gives_only_some_is_shown_what_works_and_not_asked_again(house: House) -> None:
    asked = click(sent(house, "/on/gmail.message", [s.feature for s in READ_BY_CARD]), "/do/permission.ask")
    first = sent(house, "/do/permission.ask", [s.feature for s in READ_BY_CARD], parameters=asked)
    assert first == {"requesting_google_scopes": {"scopes": [s.url for s in READ_BY_CARD]}}
    some = sent(house, "/do/permission.ask", ["contacts", "directory"], parameters=asked)
    said = words(some)
    assert "ana@quito.example" in said and "98 765 4321" in said and CATALOGUES["en"]["missing.contacts"] in said
    assert click(some, "/do/permission.ask") == {"missing": "contacts,directory"}


def test_without_the_text_the_sender_is_still_found_in_contacts(house: House) -> None:
    house.mail.known.append(Person("Ana Paredes", "ana@quito.example", "", Source.CONTACTS, (NUMBER,)))
    said = words(sent(house, "/on/gmail.message", ["numbers-in-mail"]))
    assert "Ana Paredes" in said and "98 765 4321" not in said


@pytest.mark.parametrize(
    "missing", [[], ["contacts"], ["contacts", "directory"], ["contacts", "other-contacts", "directory"]]
)
def test_it_is_said_where_somebody_was_looked_for_and_nowhere_else(house: House, missing: list[str]) -> None:
    reply = sent(house, "/on/gmail.message", missing)
    looked = [s for s in ("contacts", "other-contacts", "directory", "number-index") if s not in missing]
    places = ", ".join(CATALOGUES["en"][f"source.{s}"] for s in looked)
    assert f"ana@quito.example was not found in: {places}." in words(reply)
    assert click(reply, "/do/contact.form") == {
        "email": "ana@quito.example",
        "name": "Ana",
        "number": "+593987654321",
    }


@pytest.mark.parametrize("odd", ["", "nonsense", "contacts,,nonsense", "insert-numbers", "who-you-are", "x" * 5000])
def test_only_our_own_optional_permissions_can_be_asked_for(house: House, odd: str) -> None:
    reply = sent(house, "/do/permission.ask", [s.feature for s in OPTIONAL], parameters={"missing": odd})
    asked = reply.get("requesting_google_scopes", {}).get("scopes", [])
    assert set(asked) <= {s.url for s in OPTIONAL}


def test_inserting_into_a_draft_asks_for_its_permission_and_then_does_it(house: House) -> None:
    inputs = {"numbers": "1001"}
    asked = sent(house, "/do/compose.insert", ["insert-numbers"], inputs=inputs)
    assert asked == {"requesting_google_scopes": {"scopes": [s.url for s in OPTIONAL if s.feature == "insert-numbers"]}}
    done = sent(house, "/do/compose.insert", [], inputs=inputs)
    assert "1001" in json.dumps(done["renderActions"]["hostAppAction"])
    assert (
        sent(house, "/do/compose.insert", [])["renderActions"]["action"]["notification"]["text"]
        == "Tick at least one number"
    )


def test_without_the_required_permissions_google_is_asked_for_them_and_nothing_is_read(house: House) -> None:
    event = house.event()
    del event["authorizationEventObject"]["userIdToken"]
    house.documents.reads.clear()
    for entry in [*(f"/on/{t.value}" for t in Trigger), *(f"/do/{a.value}" for a in Action)]:
        assert house.post(entry, event).json == {
            "requesting_google_scopes": {"scopes": [s.url for s in SCOPES if not s.optional]}
        }
    assert house.documents.reads == []


def test_a_locale_that_is_not_told_is_english(house: House) -> None:
    event = house.event()
    del event["commonEventObject"]["userLocale"], event["commonEventObject"]["timeZone"]
    assert "Hello" in house.post("/on/gmail.homepage", event).text
