"""Only Google opens the card door, only for the endpoint that the token names, and only the token says who the user is."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from google.auth import crypt, jwt

from cards.surface import Action, Trigger
from tests.cast import BASE, ISSUER, NOW, PEM, House
from workbench.card_check import check_reply
from workbench.cast import PLAYERS, SERVICE_ACCOUNT

pytestmark = pytest.mark.pure
SIGNER = crypt.RSASigner.from_string(PEM, key_id=ISSUER.kid())
STRANGER = crypt.RSASigner.from_string(PEM, key_id="unknown-kid")
ROUTES = [f"/on/{t.value}" for t in Trigger] + [f"/do/{a.value}" for a in Action]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def token(path: str, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A system token with some claims changed; None drops one."""
    full = {
        "iss": "https://accounts.google.com",
        "aud": BASE + path,
        "email": SERVICE_ACCOUNT,
        "email_verified": True,
        "sub": "1",
        "iat": NOW,
        "exp": NOW + 3600,
    }
    full = {k: v for k, v in (full | claims).items() if v is not None}
    signed: str = jwt.encode(SIGNER, full, header=header).decode()
    return signed


def unsigned(path: str, alg: str) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = {
        "iss": "https://accounts.google.com",
        "aud": BASE + path,
        "email": SERVICE_ACCOUNT,
        "email_verified": True,
        "iat": NOW,
        "exp": NOW + 3600,
    }
    return f"{part({'alg': alg, 'kid': ISSUER.kid()})}.{part(body)}."


def bad_tokens(path: str) -> list[str]:
    good = token(path)
    head, body, mac = good.split(".")
    return [
        "", "x", "a.b.c", "..", "é.é.é", "x" * 9000, good + "x", f"{head}.{body}.", f"{head}.{body}.{mac[:-8]}AAAAAAAA", f"{head}.{mac}.{body}",
        unsigned(path, "none"), unsigned(path, "None"), unsigned(path, "HS256"), unsigned(path, "RS512"), unsigned(path, ""),
        token(path, aud=BASE), token(path, aud=BASE + path + "/"), token(path, aud=BASE.replace("https", "http") + path),
        token(path, aud=BASE + path + "?a=1"), token(path, aud="https://evil.example" + path), token(path, aud=[BASE + path]), token(path, aud=None),
        token(path, iss="https://evil.example"), token(path, iss=None), token(path, iss="https://accounts.google.com/"),
        token(path, email=SERVICE_ACCOUNT.upper()), token(path, email="x" + SERVICE_ACCOUNT), token(path, email=SERVICE_ACCOUNT + ".evil"),
        token(path, email="service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com"), token(path, email=None),
        token(path, email_verified=False), token(path, email_verified="true"), token(path, email_verified=None),
        token(path, exp=NOW - 301, iat=NOW - 4000), token(path, iat=NOW + 301), token(path, exp=None), token(path, iat=None),
        token(path, {"alg": "none"}), token(path, {"alg": "HS256"}), token(path, {"alg": "RS384"}), token(path, {"alg": "PS256"}), token(path, {"alg": "rs256"}),
        token(path, {"jku": "https://evil.example"}), token(path, {"jwk": {}}), token(path, {"x5u": "u"}), token(path, {"crit": ["x"]}),
        jwt.encode(STRANGER, {"aud": BASE + path}).decode(), ISSUER.user_token(PLAYERS["alice"], now=NOW),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


@pytest.mark.parametrize("path", ROUTES)
def test_a_bad_token_is_401_and_reads_nothing(house: House, path: str) -> None:
    tried = bad_tokens(path)
    house.documents.reads.clear()
    statuses = {house.post(path, token=bad).status_code for bad in tried}
    assert len(tried) >= 40 and statuses == {401} and house.documents.reads == []


@pytest.mark.parametrize("path", ROUTES)
def test_a_genuine_event_is_answered_validly_in_three_languages(house: House, path: str) -> None:
    for locale in ("en", "es", "pt"):
        reply = house.post(path, house.event(locale=locale))
        assert reply.status_code == 200
        assert check_reply(reply.json, wrapped=path.startswith("/do/")) == []


def test_two_authorization_headers_are_refused(house: House) -> None:
    good = token("/on/gmail.homepage")
    headers = [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]
    assert house.app.test_client().post("/on/gmail.homepage", data=b"{}", headers=headers).status_code == 401


@pytest.mark.parametrize(("shift", "status"), [(-60, 200), (60, 200), (-300, 401), (300, 401)])
def test_a_minute_of_clock_skew_is_forgiven(house: House, shift: int, status: int) -> None:
    path = "/on/gmail.homepage"
    moved = token(path, iat=NOW + shift) if shift > 0 else token(path, iat=NOW - 4000, exp=NOW + shift + 1)
    assert house.post(path, token=moved).status_code == status


def test_a_forged_user_is_401_and_reads_nothing(house: House) -> None:
    event = house.event()
    head, body, mac = event["authorizationEventObject"]["userIdToken"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    for change in ({"sub": "bob"}, {"email": "bob@acme.example"}, {"hd": "zeta.example"}):
        forged = base64.urlsafe_b64encode(json.dumps(claims | change).encode()).decode().rstrip("=")
        event["authorizationEventObject"]["userIdToken"] = f"{head}.{forged}.{mac}"
        house.documents.reads.clear()
        assert house.post("/on/gmail.homepage", event).status_code == 401 and house.documents.reads == []


def test_who_the_user_is_comes_from_the_token_alone(house: House) -> None:
    event = house.event("charlie")
    event["commonEventObject"]["user"] = {"email": "alice@acme.example"}
    event["chat"] = {"user": {"email": "alice@acme.example"}}
    house.documents.reads.clear()
    assert (
        "Charlie"
        in house.post("/on/gmail.homepage", event).json["action"]["navigations"][0]["pushCard"]["header"]["title"]
    )
    assert not [path for path in house.documents.reads if "acme" in path]


def test_without_a_user_google_is_asked_for_permission(house: House) -> None:
    body = house.post("/on/gmail.homepage", {}).json
    assert list(body) == ["requesting_google_scopes"] and body["requesting_google_scopes"]["scopes"]


def test_an_unknown_company_or_user_is_told_the_way_out(house: House) -> None:
    for tenant_gone in (True, False):
        house.documents.delete("domains/acme.example" if tenant_gone else "tenants/acme/users/alice")
        text = json.dumps(house.post("/on/gmail.homepage").json)
        assert "Ask your administrator" in text
        house.documents.put("domains/acme.example", {"tenant": "acme"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{" * 50000,
        b'{"commonEventObject":[]}',
        b'{"gmail":7,"authorizationEventObject":null}',
        b'{"commonEventObject":{"parameters":[{"key":1}],"formInputs":{"a":{"stringInputs":{"value":[1,null]}}},"timeZone":{"offset":"-2.88E7"}}}',
        b"\xff",
    ],
)
def test_a_malformed_event_is_no_crash(house: House, body: bytes) -> None:
    path = "/do/settings.save"
    headers = {"Authorization": f"Bearer {token(path)}"}
    assert house.app.test_client().post(path, data=body, headers=headers).status_code in {200, 400}


def test_an_oversize_body_is_413_and_a_get_405(house: House) -> None:
    headers = {"Authorization": f"Bearer {token('/on/gmail.homepage')}"}
    client = house.app.test_client()
    assert client.post("/on/gmail.homepage", data=b"x" * 1_000_001, headers=headers).status_code == 413
    assert client.get("/on/gmail.homepage").status_code == 405


def test_no_secret_or_name_reaches_the_log(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    house.mail.text = "CANARY-mail +593 98 765 4321"
    for path in ROUTES:
        house.post(path)
    said = caplog.text + "".join(str(vars(r)) for r in caplog.records)
    assert [word for word in ("CANARY", "eyJ", "98 765", "987654321", "Ana") if word in said] == []


def test_a_failure_of_ours_is_a_plain_card_with_a_code(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.mail.known = [None]  # type: ignore[list-item] # what a broken adapter would hand over
    reply = house.post("/on/gmail.message")
    assert reply.status_code == 200 and check_reply(reply.json, wrapped=False) == []
    code = next(r for r in caplog.records if hasattr(r, "event_id")).event_id
    assert code in json.dumps(reply.json) and "Traceback" not in json.dumps(reply.json)
