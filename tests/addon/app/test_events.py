"""Events as hosts really send them, and as nobody should: each is answered with a reply that Google takes, in three languages."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from addon.dispatch import EFFECTS
from addon.doors.cards import MAX_BODY_BYTES
from addon.doors.clicks import Clicks
from addon.event import Event
from cards.surface import Action, Trigger
from cards.text import LANGUAGES
from tests.addon.app.test_clicks import store_recording
from tests.cast import BASE, ISSUER, KEYS, NOW, House
from workbench.card_check import check_reply

pytestmark = pytest.mark.pure
EVENTS = sorted((Path(__file__).parents[2] / "events").glob("*.json"))
ENTRIES = [f"/on/{t.value}" for t in Trigger] + [f"/do/{a.value}" for a in Action]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    stopped = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: stopped)
    made = House(tmp_path)
    store_recording(made)
    return made


def with_tokens(house: House, path: str, event: Any, language: str = "") -> Any:
    """The event with fresh tokens where it has any, and a click that counts where one is asked for."""
    if "authorizationEventObject" in event:
        event["authorizationEventObject"] = house.event()["authorizationEventObject"]
    common = event.get("commonEventObject")
    if language and isinstance(common, dict):
        common["userLocale"] = language
    if path.startswith("/do/") and isinstance(common, dict):
        action = Action(path.removeprefix("/do/"))
        sign = Clicks(KEYS["web"]["k1"], "acme", "alice", EFFECTS, house.ports.new_id).sign(house.now)
        once = dict(sign(action, {}))
        if isinstance(common.get("parameters"), list):
            common["parameters"] += [{"key": key, "value": value} for key, value in once.items()]
        elif isinstance(common.get("parameters"), dict):
            common["parameters"] |= once
    return event


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: file.stem)
def test_every_entry_answers_every_event_validly(house: House, file: Path) -> None:
    for path in ENTRIES:
        answer = house.post(path, with_tokens(house, path, json.loads(file.read_text())))
        assert answer.status_code == 200, path
        assert check_reply(answer.json, wrapped=path.startswith("/do/")) == [], path
        assert "event_id" not in answer.text and "tell your administrator this code" not in answer.text, path


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_is_answered_in_the_users_language(house: House, language: str) -> None:
    told = {"en": "Call", "es": "Llama", "pt": "Liga"}[language]
    answered = 0
    for file in EVENTS:
        for trigger in Trigger:
            event = with_tokens(house, f"/on/{trigger.value}", json.loads(file.read_text()), language)
            answer = house.post(f"/on/{trigger.value}", event)
            assert answer.status_code == 200 and check_reply(answer.json, wrapped=False) == []
            common = event.get("commonEventObject")
            if trigger is Trigger.GMAIL_HOMEPAGE and isinstance(common, dict) and "authorizationEventObject" in event:
                assert told in json.dumps(answer.json, ensure_ascii=False), file.stem
            answered += 1
    print(f"events: {len(EVENTS)} files, {answered} answers in {language}")
    assert len(EVENTS) >= 25 and answered >= 75


def test_what_is_read_of_an_event() -> None:
    def read(name: str) -> Event:
        return Event.parse(json.loads((EVENTS[0].parent / f"{name}.json").read_text()))

    assert read("gmail-message").message_id == "msg-f:1850000000000000001"
    assert read("gmail-compose").recipients == ("ana@quito.example", "luis@lima.example", "Rosa <rosa@lima.example>")
    assert read("parameters-as-list").parameters == {
        "to": "+593987654321",
        "call": "c1",
        "kind": "recording",
        "rev": "0",
        "n": "",
    }
    assert read("inputs-wrapped").inputs["numbers"] == ("1001", "2001") and read("inputs-wrapped").input("name") == ""
    legacy = read("legacy-keys")
    assert (legacy.tokens.gmail_message, legacy.parameters, legacy.inputs) == ("made by the sender", {}, {})
    assert legacy.zone == "America/Guayaquil" and read("unknown-host").host == "HOLODECK" and read("nothing") == Event()


KEYS_SEEN = [
    "commonEventObject", "authorizationEventObject", "gmail", "chat", "hostApp", "userLocale", "timeZone", "id", "offset", "parameters", "key",
    "value", "formInputs", "stringInputs", "messageId", "accessToken", "toRecipients", "ccRecipients", "userIdToken", "userOAuthToken",
    "authorizedScopes", "", "to", "call", "kind", "once",
]  # fmt: skip
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["-1.8E7", "recording", "GMAIL"])
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS_SEEN) | st.text(max_size=6), inner, max_size=6),
    max_leaves=40,
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(JSON)
def test_any_json_value_is_an_event_of_plain_texts(raw: Any) -> None:
    event = Event.parse(raw)
    texts = [
        event.host,
        event.locale,
        event.zone,
        event.message_id,
        event.user_token,
        event.tokens.oauth,
        event.tokens.gmail_message,
    ]
    texts += [*event.recipients, *event.parameters, *event.parameters.values(), *event.tokens.scopes]
    texts += [text for values in event.inputs.values() for text in values]
    assert all(isinstance(text, str) and len(text) <= 16384 for text in texts)
    assert all(isinstance(event.input(name), str) for name in event.inputs)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, st.sampled_from(ENTRIES))
def test_any_json_body_of_a_genuine_caller_is_answered(house: House, raw: Any, path: str) -> None:
    body = raw if isinstance(raw, dict) else {"commonEventObject": raw}
    answer = house.post(path, with_tokens(house, path, {**body, "authorizationEventObject": {}}))
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=path.startswith("/do/")) == []


def bombs() -> dict[str, bytes]:
    deep = 10_000
    return {
        "lists": b"[" * deep, "closed lists": b"[" * deep + b"]" * deep, "objects": b'{"a":' * deep, "closed objects": b'{"a":' * deep + b"1" + b"}" * deep,
        "in an event": b'{"commonEventObject":' * deep + b"1" + b"}" * deep, "mixed": b'[{"a":' * deep, "a megabyte of lists": b"[" * (MAX_BODY_BYTES - 1),
        "a number of a megabyte": b"9" * (MAX_BODY_BYTES - 1), "an endless text": b'"' + b"x" * 900_000, "no text": b"\xff\xfe", "nothing": b"",
        "zeros": b"\x00" * 100_000, "half": b'{"commonEventObject":{"hostApp":"GM', "two": b"{}{}", "a comment": b"{}//x",
    }  # fmt: skip


@pytest.mark.parametrize("name", bombs())
def test_a_bomb_is_400_at_once(house: House, name: str) -> None:
    path = "/do/settings.save"
    headers = {
        "Authorization": f"Bearer {ISSUER.system_token(BASE + path, now=NOW)}",
        "Content-Type": "application/json",
    }
    client, body = house.app.test_client(), bombs()[name]
    began = time.process_time()
    assert client.post(path, data=body, headers=headers).status_code == 400
    spent = time.process_time() - began
    print(f"bomb {name}: {len(body)} bytes refused in {spent * 1000:.0f} ms of CPU")
    assert spent < 1.0


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_a_megabyte_is_413_whether_its_length_was_told_or_not(house: House, chunked: bool) -> None:
    path = "/on/gmail.homepage"
    headers = {
        "Authorization": f"Bearer {ISSUER.system_token(BASE + path, now=NOW)}",
        "Content-Type": "application/json",
    }
    client = house.app.test_client()
    for size, status in ((MAX_BODY_BYTES + 1, 413), (8_000_000, 413), (MAX_BODY_BYTES, 200)):
        padding = b'{"x":"' + b"a" * (size - 8) + b'"}'
        sent: dict[str, Any] = {"data": padding}
        if chunked:
            from io import BytesIO

            sent = {
                "input_stream": BytesIO(padding),
                "environ_overrides": {"wsgi.input_terminated": True},
            }
        answer = client.post(path, headers=headers, **sent)
        assert (answer.status_code, len(padding)) == (status, size)
