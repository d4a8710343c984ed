"""Pages and web API: sessions that end, effects only from our own page, nothing of anybody else's."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from contract import wire
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.commands import EndSessions, PlaceCall
from contract.numbers import TenantId, UserId
from tests.cast import BASE, ISSUER, KEYS, NOW, WEB_CLIENT_ID, House, click
from workbench.cast import CLIENT_ID, PLAYERS

pytestmark = pytest.mark.pure
TO = "+593987654321"
OURS = {"Origin": BASE, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An add-on whose clock google-auth shares."""
    made = House(tmp_path)
    monkeypatch.setattr(
        "google.auth._helpers.utcnow", lambda: datetime.fromtimestamp(made.now, UTC).replace(tzinfo=None)
    )
    return made


def browser(house: House) -> FlaskClient:
    house.app.config |= {"SERVER_NAME": "addon.example", "PREFERRED_URL_SCHEME": "https"}
    return house.app.test_client()


def link(house: House, path: str = "phone.open", player: str = "alice", **parameters: str) -> str:
    """What a card's button opens."""
    body = house.post(f"/do/{path}", house.event(player, parameters=parameters)).json
    return str(body["renderActions"]["action"]["link"]["url"])


def ticket(house: House, player: str = "alice", **parameters: str) -> str:
    return parse_qs(urlsplit(link(house, player=player, **parameters)).query)["ticket"][0]


def signed_in(house: House, player: str = "alice") -> tuple[FlaskClient, dict[str, str]]:
    """A browser with a session, and the headers of its effects."""
    client = browser(house)
    assert client.post("/session", json={"ticket": ticket(house, player)}, headers=OURS).status_code == 200
    return client, OURS | {"X-CTC-CSRF": client.get("/api/me").json["csrf"]}


def keep_recording(house: House, player: str = "alice", call: str = "c1") -> bytes:
    sound = b"RIFF" + bytes(range(256)) * 40
    digest = hashlib.sha256(sound).hexdigest()
    upload = house.objects.start_upload(f"t/u/recording/202611/{player}{call}", len(sound), digest, "audio/wav", None)
    stored = house.objects.write(upload, 0, sound)
    assert stored is not None
    store = house.tenancy.of(TenantId(PLAYERS[player].tenant))
    peer = Party(TO, "Ana")
    record = CallRecord(
        CallId(call), Direction.OUTBOUND, Device.BROWSER, peer, Outcome.COMPLETED, NOW, NOW, NOW + 9, 9.0,
        RecordingRule.RECORDED, recording=call,
    )  # fmt: skip
    store.calls.add(UserId(player), record)
    kept = Recording(
        CallId(call), stored.name, stored.generation, stored.size_bytes, digest, 9.0, NOW, peer, NOW + 86400
    )
    store.recordings.add(UserId(player), kept)
    return sound


def test_a_card_opens_the_phone_with_a_ticket_that_works_once_and_dials(house: House) -> None:
    url = urlsplit(link(house, to=TO))
    assert (url.path, set(parse_qs(url.query))) == ("/phone", {"ticket"})
    text = parse_qs(url.query)["ticket"][0]
    client = browser(house)
    first = client.post("/session", json={"ticket": text}, headers=OURS)
    assert first.json == {"dial": TO}
    cookie = first.headers["Set-Cookie"]
    assert cookie.startswith("__Host-ctc=")
    assert all(word in cookie for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert browser(house).post("/session", json={"ticket": text}, headers=OURS).status_code == 403
    assert client.get("/api/me").json["user"]["extension"] == "1001"


@pytest.mark.parametrize(
    "change", ["old", "foreign-key", "phone-purpose", "other-host", "garbage", "cross-site", "other-origin"]
)
def test_a_ticket_of_any_other_kind_opens_nothing(house: House, change: str) -> None:
    keys = wire.Keys({"k": b"x" * 32}) if change == "foreign-key" else wire.Keys(KEYS["tickets"])
    made = wire.JoinTicket(
        "phone" if change == "phone-purpose" else "page", TenantId("acme"), UserId("alice"),
        "https://other.example" if change == "other-host" else BASE, "n" * 32, NOW + (-1 if change == "old" else 30),
    )  # fmt: skip
    text = "a.b.c" if change == "garbage" else wire.mint_ticket(keys, made)
    headers = OURS | ({"Sec-Fetch-Site": "cross-site"} if change == "cross-site" else {})
    headers |= {"Origin": "https://evil.example"} if change == "other-origin" else {}
    answer = browser(house).post("/session", json={"ticket": text}, headers=headers)
    assert answer.status_code == 403 and "Set-Cookie" not in answer.headers


def test_another_ticket_of_the_same_user_keeps_the_session_and_one_of_another_user_does_not(house: House) -> None:
    client, headers = signed_in(house)
    assert client.post("/session", json={"ticket": ticket(house, to=TO)}, headers=OURS).json == {"dial": TO}
    assert client.post("/api/phone/ticket", headers=headers).status_code == 200
    assert client.post("/session", json={"ticket": ticket(house, "bob")}, headers=OURS).status_code == 200
    assert client.get("/api/me").json["user"]["id"] == "bob"
    assert client.post("/api/phone/ticket", headers=headers).status_code == 403


def test_a_session_ends_idle_absolutely_and_on_sign_out(house: House) -> None:
    client, _ = signed_in(house)
    house.now += 1799
    assert client.get("/api/me").status_code == 200
    house.now += 1801
    assert client.get("/api/me").status_code == 401
    client, _ = signed_in(house)
    for _ in range(24):
        house.now += 1700
        assert client.get("/api/me").status_code == 200
    house.now += 3000
    assert client.get("/api/me").status_code == 401
    client, headers = signed_in(house)
    cookie = client.get_cookie("__Host-ctc", domain="addon.example")
    assert client.post("/logout", headers=headers).status_code == 200
    assert isinstance(house.telephony.told[-1], EndSessions) and len(house.telephony.told[-1].session) == 64
    client.set_cookie("__Host-ctc", cookie.value if cookie else "", domain="addon.example")
    assert client.get("/api/me").status_code == 401


def test_a_suspended_user_is_signed_out_at_once(house: House) -> None:
    client, _ = signed_in(house)
    users = house.tenancy.of(TenantId("acme")).users
    found = users.get(UserId("alice"))
    assert found is not None
    users.put(type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"suspended": True}))
    assert client.get("/api/me").status_code == 401
    assert browser(house).get("/phone").status_code == 200


def unsafe_routes(house: House) -> list[tuple[str, str]]:
    """Every route of ours that changes something for a signed-in browser."""
    skipped = ("/on/", "/do/", "/telephony/", "/tasks/", "/session")
    return [
        (method, rule.rule.replace("<call>", "c1"))
        for rule in house.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"POST", "PUT", "DELETE", "PATCH"})
        if not rule.rule.startswith(skipped)
    ]


def test_no_effect_without_the_csrf_token_or_from_another_site(house: House) -> None:
    client, headers = signed_in(house)
    routes = unsafe_routes(house)
    print(f"csrf: {len(routes)} routes tried")
    assert len(routes) >= 7
    before = house.tenancy.of(TenantId("acme")).settings.get(UserId("alice"))
    for method, path in routes:
        bad: list[dict[str, str]] = [
            {}, OURS, OURS | {"X-CTC-CSRF": "0" * 64}, headers | {"X-CTC-CSRF": headers["X-CTC-CSRF"][:-1]},
            headers | {"Sec-Fetch-Site": "cross-site"}, headers | {"Sec-Fetch-Site": "same-site"},
            headers | {"Origin": "https://evil.example"}, headers | {"Origin": "null"},
        ]  # fmt: skip
        for given in bad:
            answer = client.open(path, method=method, json={}, headers=given)
            assert answer.status_code == 403, (method, path, given)
    assert house.telephony.told == []
    assert house.tenancy.of(TenantId("acme")).settings.get(UserId("alice")) == before


def test_nobody_reads_or_changes_anything_without_a_session(house: House) -> None:
    keep_recording(house)
    tried = 0
    for rule in house.app.url_map.iter_rules():
        if not rule.rule.startswith("/api/") and rule.rule != "/logout":
            continue
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}:
            answer = browser(house).open(rule.rule.replace("<call>", "c1"), method=method, json={}, headers=OURS)
            assert (answer.status_code, answer.json["error"]["kind"]) == (401, "signed-out"), rule.rule
            tried += 1
    print(f"sessions: {tried} routes tried")
    assert tried >= 14


@pytest.mark.parametrize("player", ["bob", "charlie"])
def test_another_persons_recording_is_as_unknown_as_none(house: House, player: str) -> None:
    keep_recording(house)
    alice, mine = signed_in(house)
    url = alice.post("/api/recordings/c1/plays", headers=mine).json["url"]
    other, headers = signed_in(house, player)
    answers = []
    for call in ("c1", "unknown"):
        for method, path in (
            ("GET", f"/api/calls/{call}"), ("DELETE", f"/api/recordings/{call}"), ("POST", f"/api/recordings/{call}/plays"),
            ("GET", url.replace("c1", call)),
        ):  # fmt: skip
            found = other.open(path, method=method, headers=headers)
            answers.append((found.status_code, found.data))
    assert {status for status, _ in answers} == {404} and len({data for _, data in answers}) == 1
    assert alice.get(url).status_code == 200
    assert browser(house).get(url).status_code == 401


def test_a_play_link_opens_the_one_recording_that_it_was_made_for(house: House) -> None:
    keep_recording(house)
    keep_recording(house, call="c2")
    client, headers = signed_in(house)
    url = client.post("/api/recordings/c1/plays", headers=headers).json["url"]
    assert client.get(url).status_code == 200 and "c1" in url
    assert client.get(url.replace("/c1/", "/c2/", 1)).status_code in {403, 404}


def test_a_recording_plays_in_ranges_for_its_owner_and_each_play_is_audited_once(house: House) -> None:
    sound = keep_recording(house)
    client, headers = signed_in(house)
    url = client.post("/api/recordings/c1/plays", headers=headers).json["url"]
    whole = client.get(url)
    assert (whole.data, whole.content_type, whole.headers["Cache-Control"]) == (sound, "audio/wav", "private, no-store")
    for asked, start, end in (
        ("bytes=0-99", 0, 99),
        ("bytes=100-", 100, len(sound) - 1),
        ("bytes=-50", len(sound) - 50, len(sound) - 1),
    ):
        part = client.get(url, headers={"Range": asked})
        assert (part.status_code, part.data) == (206, sound[start : end + 1])
        assert part.headers["Content-Range"] == f"bytes {start}-{end}/{len(sound)}"
    for asked in ("bytes=999999-", "bytes=5-2", "bytes=-", "bytes=x", "bytes=-0"):
        assert client.get(url, headers={"Range": asked}).status_code == 416, asked
    lines = house.tenancy.of(TenantId("acme")).audit.lines()
    assert [(line.actor, line.target) for line in lines if line.act == "recording.played"] == [("alice", "c1")]
    second, more = signed_in(house)
    assert second.get(url).status_code == 403
    own = second.post("/api/recordings/c1/plays", headers=more).json["url"]
    assert second.get(own).status_code == 200
    forged = url[:-1] + ("0" if url[-1] != "0" else "1")
    assert client.get(forged).status_code == 403
    house.now += 301
    old = client.get(url)
    assert (old.status_code, old.json["error"]["kind"]) == (403, "old-link")


def test_deleting_a_recording_takes_bytes_and_row_and_says_so_in_the_audit(house: House) -> None:
    sound = keep_recording(house)
    assert [f for f in (house.folder / "objects").rglob("*") if f.is_file() and sound in f.read_bytes()]
    client, headers = signed_in(house)
    assert client.delete("/api/recordings/c1", headers=headers).status_code == 200
    assert client.get("/api/recordings").json == {"recordings": []}
    assert client.get("/api/calls/c1").json["recording"] is None
    assert not [f for f in (house.folder / "objects").rglob("*") if f.is_file() and sound in f.read_bytes()]
    assert house.tenancy.of(TenantId("acme")).audit.lines()[-1].act == "recording.deleted"


def test_a_call_from_the_page_is_decided_like_every_other_and_repeated_only_once(house: House) -> None:
    client, headers = signed_in(house)
    asked = {"to": "098 765 4321", "device": "browser", "id": "click-0001"}
    first, again = (client.post("/api/calls", json=asked, headers=headers) for _ in range(2))
    assert (first.status_code, first.json["shown"]) == (201, "+593 98 765 4321")
    assert again.json["call"] == first.json["call"]
    placed = [c for c in house.telephony.told if isinstance(c, PlaceCall)]
    assert {c.call for c in placed} == {first.json["call"]} and placed[0].dial == TO
    refused = client.post("/api/calls", json=asked | {"to": "+881612345678"}, headers=headers)
    assert refused.status_code == 403 and refused.json["error"]["text"]
    plan = client.get("/api/plan?to=0987654321").json
    assert plan["may_call"] and plan["lines"]
    house.telephony.away = True
    away = client.post("/api/calls", json=asked | {"id": "click-0002"}, headers=headers)
    assert (away.status_code, away.json["error"]["kind"]) == (503, "away")


def test_recording_asks_for_the_consent_first_and_keeps_the_decision(house: House) -> None:
    client, headers = signed_in(house)
    saved = client.put("/api/settings", json=client.get("/api/settings").json | {"record_calls": True}, headers=headers)
    assert saved.json["record_calls"] and saved.json["rev"] == 1 and saved.json["consent"] is None
    asked = {"to": TO, "device": "browser", "id": "click-0001"}
    first = client.post("/api/calls", json=asked, headers=headers)
    assert (first.status_code, first.json["error"]["kind"]) == (409, "consent-required")
    assert client.post("/api/consents", json={"kind": "recording", "granted": True}, headers=headers).status_code == 201
    assert client.post("/api/calls", json=asked, headers=headers).status_code == 201
    command = house.telephony.told[-1]
    assert isinstance(command, PlaceCall) and command.recording.record
    assert [c["granted"] for c in client.get("/api/consents").json["consents"]] == [True]


NONSENSE: list[Any] = [
    None, [], 1, "x", {}, {"rev": 0}, {"retention_days": 0}, {"retention_days": 366}, {"retention_days": 10**9},
    {"retention_days": True}, {"device": "fax"}, {"language": "xx"}, {"record_calls": "yes"}, {"rev": "0"},
]  # fmt: skip


@pytest.mark.parametrize("change", NONSENSE, ids=repr)
def test_nonsense_is_refused_with_words_and_changes_nothing(house: House, change: Any) -> None:
    client, headers = signed_in(house)
    good = client.get("/api/settings").json
    body = good | change if isinstance(change, dict) and change and change != {"rev": 0} else change
    if change == {"rev": 0}:
        body = {"rev": 0}
    answer = client.put("/api/settings", json=body, headers=headers)
    assert answer.status_code == 400 and answer.json["error"]["text"]
    assert client.get("/api/settings").json == good


def test_an_old_form_is_refused_and_the_newer_choice_stays(house: House) -> None:
    client, headers = signed_in(house)
    shown = client.get("/api/settings").json
    assert client.put("/api/settings", json=shown | {"retention_days": 7}, headers=headers).json["retention_days"] == 7
    late = client.put("/api/settings", json=shown | {"retention_days": 90}, headers=headers)
    assert (late.status_code, late.json["error"]["kind"]) == (409, "stale")
    assert client.get("/api/settings").json["retention_days"] == 7


def test_the_phone_ticket_names_the_session_and_is_good_for_the_socket_only(house: House) -> None:
    client, headers = signed_in(house)
    text = client.post("/api/phone/ticket", headers=headers).json["ticket"]
    found = wire.read_ticket(wire.Keys(KEYS["tickets"]), text, "phone", BASE, now=NOW)
    assert (found.user, len(found.session)) == ("alice", 64)
    assert browser(house).post("/session", json={"ticket": text}, headers=OURS).status_code == 403


def test_pages_carry_a_strict_policy_and_the_microphone_only_where_it_is_used(house: House) -> None:
    for path, microphone in (("/phone", "(self)"), ("/settings", "()"), ("/recordings/c1", "()")):
        answer = browser(house).get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy and "'strict-dynamic'" in policy and "frame-ancestors 'none'" in policy
        assert policy.split("'nonce-")[1].split("'")[0] in answer.text
        assert f"microphone={microphone}" in answer.headers["Permissions-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        assert "Cross-Origin-Opener-Policy" not in answer.headers
    assert browser(house).get("/phone").text != browser(house).get("/phone").text
    assert (
        browser(house)
        .get("/phone", headers={"Accept-Language": "pt-BR,pt;q=0.9"})
        .text.startswith('<!doctype html>\n<html lang="pt"')
    )
    for name in ("phone/phone.js", "common/page.css", "i18n/es.json"):
        assert browser(house).get(f"/web/{name}").status_code == 200
    for name in (
        "workbench/workbench.js",
        "../main.py",
        "phone/../../main.py",
        "common/%2e%2e/%2e%2e/main.py",
        "cards",
    ):
        assert browser(house).get(f"/web/{name}").status_code == 404, name


def google_answers(house: House, location: str, player: str = "alice", **changes: Any) -> str:
    """Google's redirect back: the state and a code whose ID token is as given."""
    query = parse_qs(urlsplit(location).query)
    token = ISSUER.user_token(
        PLAYERS[player], now=house.now, nonce=changes.get("nonce", query["nonce"][0]),
        client_id=changes.get("client_id", WEB_CLIENT_ID),
    )  # fmt: skip
    house.google.tokens["code-1"] = token
    return f"/login/callback?state={changes.get('state', query['state'][0])}&code=code-1"


def test_sign_in_with_google_opens_a_session_and_leads_to_the_page_that_was_wanted(house: House) -> None:
    client = browser(house)
    away = client.get("/login?next=/settings")
    query = parse_qs(urlsplit(away.headers["Location"]).query)
    assert away.headers["Location"].startswith("https://accounts.google.com/")
    assert query["code_challenge_method"] == ["S256"] and query["redirect_uri"] == [f"{BASE}/login/callback"]
    back = client.get(google_answers(house, away.headers["Location"]))
    assert (back.status_code, back.headers["Location"]) == (303, "/settings")
    assert client.get("/api/me").json["user"]["id"] == "alice"
    code, verifier, redirect = house.google.asked[-1]
    assert (code, redirect) == ("code-1", f"{BASE}/login/callback") and len(verifier) >= 43


@pytest.mark.parametrize("change", [{"state": "x"}, {"nonce": "x"}, {"nonce": ""}, {"client_id": CLIENT_ID}], ids=str)
def test_a_forged_or_foreign_answer_of_google_opens_nothing(house: House, change: dict[str, str]) -> None:
    client = browser(house)
    back = client.get(google_answers(house, client.get("/login").headers["Location"], **change))
    assert back.status_code == 403 and "Sign in again" in back.text
    assert client.get("/api/me").status_code == 401


def test_an_answer_without_its_attempt_or_too_late_opens_nothing(house: House) -> None:
    client = browser(house)
    answer = google_answers(house, client.get("/login").headers["Location"])
    assert browser(house).get(answer).status_code == 403
    house.now += 601
    assert client.get(answer).status_code == 403


def test_a_google_account_without_a_company_is_told_so(house: House) -> None:
    client = browser(house)
    answer = google_answers(house, client.get("/login").headers["Location"])
    house.tenancy.put(
        type(house.tenancy.get(TenantId("acme")))(TenantId("acme"), "acme", ("acme.example",), suspended=True)
    )  # type: ignore[misc] # acme is there
    back = client.get(answer)
    assert back.status_code == 403 and "alice@acme.example" in back.text


def bad_targets() -> list[str]:
    hosts = [
        "evil.example",
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "https:evil.example",
        "\\\\evil.example",
    ]
    heads = [
        "",
        "/",
        "/phone",
        "/phone/..//",
        "/phone@",
        "/%2f",
        "/\t",
        "/\n",
        "javascript:",
        "data:text/html,",
        "%0d%0aLocation:",
    ]
    tails = ["", "/phone", "?x=/phone", "#/phone"]
    return [head + host + tail for head in heads for host in hosts for tail in tails]


def test_no_redirect_leads_off_our_pages(house: House) -> None:
    targets = bad_targets()
    print(f"redirects: {len(targets)} tried")
    assert len(targets) >= 200
    client = browser(house)
    for target in targets:
        away = client.get("/login", query_string={"next": target})
        back = client.get(google_answers(house, away.headers["Location"]))
        assert back.headers["Location"] in {"/phone", "/settings"} or back.headers["Location"].startswith(
            "/recordings/"
        )


def test_the_button_of_a_recordings_card_opens_its_player_signed_in(house: House) -> None:
    keep_recording(house)
    card = house.post("/do/recording.show", house.event(parameters={"call": "c1"})).json
    parameters = click(card, "/do/recording.open")
    url = urlsplit(link(house, "recording.open", **parameters))
    assert url.path == "/recordings/c1" and "ticket" in parse_qs(url.query)
    other = house.post("/do/recording.open", house.event("bob", parameters={"call": "c1"})).json
    assert "link" not in other["renderActions"]["action"]
