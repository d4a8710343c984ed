"""Every card in three languages passes Google's schemas and the host's rules; what others wrote stays text."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.domain.call_record import CallRecord
from cards.envelope import Links, card_json, to_json
from cards.parts import how_it_went
from cards.reply import DraftEdit, Notify, OpenPage, PopThen, PopToRoot, Push, RequestScopes, Update
from cards.surface import SCOPES, Action, Page
from cards.text import CATALOGUES, LANGUAGES, REGIONS, Texts, plain, shown_number
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from manifests.logo import FILES
from workbench.card_check import check_card, check_reply
from workbench.card_samples import NOW, all_cards

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
LINKS = Links("https://addon.example")
NAMES = sorted(all_cards("en"))
HOSTILE = [
    "<b>x</b>", "<script>alert(1)</script>", "<a href='javascript:alert(1)'>x</a>", "{0.__class__}", "{name}", "%s", "&lt;b&gt;",
    "\u202egpj.exe", "محمد الخطيب", "דוד", "a" * 5000, "\x00\x1b[31m", "'\"><img src=x onerror=alert(1)>", "\r\nX: y", "\ud800", "",
]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_card_is_one_that_google_takes(name: str, language: str) -> None:
    assert check_card(card_json(all_cards(language)[name], LINKS)) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_and_numbers_stay_text(hostile: str) -> None:
    for name, card in all_cards("en", hostile, hostile).items():
        body = card_json(card, LINKS)
        assert check_card(body) == [], name
        only_our_tags(body)


@settings(max_examples=60)
@given(st.text(alphabet="<>&\"'/=abix{}\u202e\u0645;#", max_size=60))
def test_no_text_from_outside_becomes_a_tag(untrusted: str) -> None:
    for card in all_cards("es", untrusted, untrusted).values():
        only_our_tags(card_json(card, LINKS))


def only_our_tags(node: object) -> None:
    """In fields that Google reads as HTML nothing but <b> and <br> is found."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"text", "topLabel", "bottomLabel"} and isinstance(value, str) and "onClick" not in node | {}:
                assert set(re.findall(r"<[^>]*>?", value)) <= {"<b>", "</b>", "<br>"}, value
            only_our_tags(value)
    elif isinstance(node, list):
        for item in node:
            only_our_tags(item)


def test_languages_have_the_same_keys_and_placeholders() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = CATALOGUES["en"]
    for language in LANGUAGES:
        assert set(CATALOGUES[language]) == set(english)
        assert [k for k in english if fields(CATALOGUES[language][k]) != fields(english[k])] == []
        assert [k for k, v in CATALOGUES[language].items() if not v.strip()] == []


def test_spanish_and_portuguese_are_translated() -> None:
    for language in ("es", "pt"):
        same = [k for k in CATALOGUES["en"] if CATALOGUES[language][k] == CATALOGUES["en"][k]]
        assert set(same) <= {"date", "label.fax", "person.ext"}, same


@pytest.mark.parametrize("locale", ["en", "es-EC", "pt_BR", "fr", "", "zz-ZZ-x"])
def test_any_locale_and_zone_find_words(locale: str) -> None:
    texts = Texts(locale, "Not/AZone")
    assert texts.language in LANGUAGES and texts.when(NOW, now=NOW)


def test_times_follow_the_readers_zone() -> None:
    assert Texts("es", "America/Guayaquil").when(NOW, now=NOW + 86400).startswith("Ayer ")
    assert Texts("en").duration(3723) == "1:02:03" and Texts("en").duration(9) == "0:09"
    assert shown_number("+593987654321") == "+593 98 765 4321" and shown_number("1001") == "1001"
    assert plain("a\u202eb\nc") == "a b c"


def test_every_trigger_answer_is_unwrapped_and_every_click_wrapped() -> None:
    card = all_cards("en")["home"]
    for reply in (
        Push(card),
        Update(card),
        PopThen(card, "x"),
        PopToRoot("y"),
        Notify("z"),
        OpenPage(Page.PHONE, {"ticket": "t"}),
        DraftEdit("<p>"),
    ):
        assert check_reply(to_json(reply, wrapped=True, links=LINKS), wrapped=True) == []
    assert check_reply(to_json(Update(card), wrapped=False, links=LINKS), wrapped=False) == []
    scopes = RequestScopes((SCOPES[0].url,))
    assert to_json(scopes, wrapped=True, links=LINKS) == {"requesting_google_scopes": {"scopes": [SCOPES[0].url]}}


def test_a_page_link_carries_its_parameters() -> None:
    assert LINKS.page(Page.RECORDING, {"id": "a/b", "x": "1 2"}) == "https://addon.example/recordings/a%2Fb?x=1+2"


def test_buttons_lead_only_to_known_actions_and_every_action_has_a_button() -> None:
    text = json.dumps([card_json(card, LINKS) for card in all_cards("en").values()])
    used = set(re.findall(r"https://addon\.example/do/([\w.-]+)", text))
    assert used == {action.value for action in Action} - {Action.OPEN_PHONE.value} | ({Action.OPEN_PHONE.value} & used)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("header", {}),
        ("sections", [{"widgets": []}]),
        ("sections", [{"widgets": [{"decoratedText": {}}]}]),
        ("sections", [{"widgets": [{"textParagraph": {"text": "x"}, "divider": {}}]}]),
        ("sections", [{"widgets": [{"textParagraph": {"text": "x", "textSyntax": "MARKDOWN"}}]}]),
        ("sections", [{"widgets": [{"textParagraph": {"text": "x"}}] * 101}]),
        ("nonsense", 1),
    ],
)
def test_the_checker_finds_what_google_would_refuse(path: str, value: object) -> None:
    body = card_json(all_cards("en")["problem"], LINKS)
    assert check_card({**body, path: value}) != []


def test_every_icon_of_ours_is_a_picture_that_is_served() -> None:
    bodies = json.dumps([card_json(card, LINKS) for card in all_cards("en").values()])
    named = set(re.findall(r"https://addon\.example/icons/([\w-]+\.png)", bodies))
    assert named == {path.name for path in (ROOT / "web/icons").glob("*.png")} - set(FILES)
    assert all((ROOT / "web/icons" / name).read_bytes()[:4] == b"\x89PNG" for name in named)


def test_a_country_is_named_in_the_readers_language() -> None:
    assert [Texts(language).region("DE") for language in LANGUAGES] == ["Germany", "Alemania", "Alemanha"]
    assert Texts("es").region("QQ") == "QQ"
    assert "(Alemania)" in Texts("es").t("verdict.country-not-allowed", region="DE")
    assert all(set(REGIONS[language]) >= set(phonenumbers.SUPPORTED_REGIONS) for language in LANGUAGES)


def test_what_a_call_does_is_said_once_when_it_is_the_same_for_every_number() -> None:
    same = json.dumps(card_json(all_cards("en")["person"], LINKS))
    mixed = json.dumps(card_json(all_cards("en")["person-many"], LINKS))
    assert same.count("You talk in the phone window") == 1 and mixed.count("You talk in the phone window") > 1


def test_earlier_calls_are_grouped_by_day_and_a_recorded_one_plays_from_its_row() -> None:
    sections = card_json(all_cards("en")["recent"], LINKS)["sections"]
    assert [s["header"] for s in sections[:2]] == ["Yesterday", "22 Nov 2026"]
    played = [w for s in sections for w in s["widgets"] if "recording.open" in json.dumps(w)]
    assert len(played) == 2 and "Deleted on" in json.dumps(played[0])


@pytest.mark.parametrize(
    ("language", "lost", "never"),
    [
        ("en", "the audio was lost during the call · 1:00", "no audio could be set up"),
        ("es", "el audio se perdió durante la llamada · 1:00", "no se pudo establecer el audio"),
        ("pt", "o áudio se perdeu durante a chamada · 1:00", "não foi possível estabelecer o áudio"),
    ],
)
def test_audio_lost_after_talk_is_told_from_audio_that_never_came(language: str, lost: str, never: str) -> None:
    def ended(seconds: float) -> CallRecord:
        party, outcome, answered = Party("+59322345678"), Outcome.MEDIA_FAILED, NOW if seconds else None
        return CallRecord(
            CallId("c1"), Direction.OUTBOUND, Device.BROWSER, party, outcome, NOW, answered, NOW + seconds, seconds,
            RecordingRule.USER_OFF,
        )  # fmt: skip

    assert [how_it_went(ended(seconds), Texts(language)) for seconds in (60.0, 0.0)] == [lost, never]
