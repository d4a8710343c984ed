"""Card requests answer over WSGI as the other routes do: headers, other methods, failures, and every character."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from addon.doors.card_requests import ROUTES, written
from cards.surface import Action, Trigger
from tests.cast import BASE, ISSUER, NOW, House

pytestmark = pytest.mark.pure
HALF = "\ud83d"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_every_trigger_and_click_has_its_route_and_takes_post_alone(house: House) -> None:
    client, tried = house.app.test_client(), 0
    assert set(ROUTES.values()) == set(Trigger) | set(Action)
    for path in ROUTES:
        assert client.post(path, data=b"{}").status_code == 401
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = client.open(path, method=method)
            assert answer.status_code == 405 and "POST" in answer.headers["Allow"]
            tried += 1
        assert client.post(path + "/", data=b"{}").status_code == 404
    print(f"card routes: {tried} other methods tried")
    assert tried >= 80


def test_the_answer_has_its_length_its_type_and_our_headers(house: House) -> None:
    for token, status in ((None, 200), ("bad", 401)):
        answer = house.post("/on/gmail.homepage", token=token)
        assert (answer.status_code, answer.content_type) == (status, "application/json")
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("text", ["Zoë ñ 日本 \U0001f600\u2028", HALF, f"a{HALF}b", ""])
def test_every_text_is_written_and_read_back(text: str) -> None:
    answer = {"text": text, "list": [text, {"wrapText": True, "red": 0.043, "alpha": 1}], text: None}
    assert json.loads(written(answer)) == answer


def test_half_a_character_is_no_failure_of_any_click(house: House, caplog: pytest.LogCaptureFixture) -> None:
    names = ("to", "call", "kind", "email", "name", "number", "once", "missing", "rev", "device", "language")
    for path in ROUTES:
        event = house.event(parameters=dict.fromkeys(names, HALF), inputs=dict.fromkeys(names, HALF))
        assert house.post(path, event).status_code == 200
    print(f"half a character: {len(ROUTES)} routes tried")
    assert len(ROUTES) >= 20 and "failed" not in caplog.text


def test_a_failure_of_ours_is_told_and_logged_by_its_place_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)

    def broken(*_: object) -> None:
        raise RuntimeError("+593987654321")

    monkeypatch.setattr("addon.doors.google.Verifier.check_system", broken)
    caplog.set_level(logging.INFO)
    answer = house.post("/on/gmail.homepage")
    failed = [vars(record) for record in caplog.records if record.message == "a request failed"]
    assert answer.status_code == 500 and answer.json["error"]["kind"] == "our-error"
    assert [line["event_id"] for line in failed] == [answer.json["error"]["event"]]
    assert "593987654321" not in str(failed) + answer.get_data(as_text=True)


def test_a_body_that_breaks_off_is_400(house: House) -> None:
    headers = {"Authorization": f"Bearer {ISSUER.system_token(BASE + '/on/gmail.homepage', now=NOW)}"}
    answer = house.app.test_client().post(
        "/on/gmail.homepage", data=b"{}", headers=headers, environ_overrides={"CONTENT_LENGTH": "500"}
    )
    assert answer.status_code == 400
