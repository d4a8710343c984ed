"""Tokens round-trip, Google's stand-ins enforce scopes, and a port in use is named with the way out."""

from __future__ import annotations

import base64
import hashlib
import socket
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from workbench.cast import ALL_SCOPES, PLAYERS, WEB_CLIENT_ID
from workbench.events import BadTarget, Situation, build_event, target_url
from workbench.mails import load_mails
from workbench.server import Bench, make_app
from workbench.supervisor import CannotRun, Stage, check_ports, make_keys
from workbench.tokens import Issuer, private_key_pem

pytestmark = pytest.mark.loopback
ADDON = "http://127.0.0.1:9"
Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(private_key_pem(tmp_path_factory.mktemp("keys") / "issuer.pem"))


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[Client]:
    app = make_app(Bench(issuer, ADDON, "s3cret", lambda body, wrapped: []))
    async with TestClient(TestServer(app)) as found:
        yield found


def bearer(issuer: Issuer, *scopes: str) -> dict[str, str]:
    return {"Authorization": "Bearer " + issuer.access_token(PLAYERS["alice"], scopes, now=time.time())}


async def test_people_needs_a_bearer_and_the_scope(client: Client, issuer: Issuer) -> None:
    url = "/google/people/v1/people:searchContacts?query=ana&readMask=names,phoneNumbers"
    assert (await client.get(url)).status == 401
    refused = await client.get(url, headers=bearer(issuer))
    assert refused.status == 403
    assert (await refused.json())["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    found = await (await client.get(url, headers=bearer(issuer, *ALL_SCOPES))).json()
    assert found["results"][0]["person"]["names"][0]["displayName"] == "Ana Lucía Paredes"
    assert "emailAddresses" not in found["results"][0]["person"]


async def test_the_directory_ends_at_the_organisation(client: Client, issuer: Issuer) -> None:
    url = "/google/people/v1/people:searchDirectoryPeople?query=charlie&readMask=names&sources=DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"
    assert (await (await client.get(url, headers=bearer(issuer, *ALL_SCOPES))).json())["people"] == []


async def test_gmail_gives_only_the_open_message(client: Client, issuer: Issuer) -> None:
    one, other = list(load_mails())[:2]
    token = issuer.message_token(PLAYERS["alice"], one, now=time.time())
    headers = bearer(issuer, *ALL_SCOPES) | {"X-Goog-Gmail-Access-Token": token}
    base = "/google/gmail/gmail/v1/users/me/messages/"
    assert (await client.get(base + other, headers=headers)).status == 403
    resource = await (await client.get(base + one + "?format=full", headers=headers)).json()
    text = base64.urlsafe_b64decode(resource["payload"]["body"]["data"]).decode()
    assert "099 123 4567" in text
    only_metadata = bearer(issuer, ALL_SCOPES[3]) | {"X-Goog-Gmail-Access-Token": token}
    assert (await client.get(base + one + "?format=full", headers=only_metadata)).status == 403
    assert (
        "body"
        not in (await (await client.get(base + one + "?format=metadata", headers=only_metadata)).json())["payload"]
    )


async def test_a_code_is_spent_once_and_bound_to_its_verifier(client: Client) -> None:
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "client_id": WEB_CLIENT_ID,
        "redirect_uri": ADDON + "/login/callback",
        "response_type": "code",
        "state": "st",
        "nonce": "nn",
        "scope": "openid",
        "code_challenge": challenge,
    }
    chooser = await client.get("/oauth2/auth", params=query)
    assert "alice@acme.example" in await chooser.text()
    away = await client.get("/oauth2/auth", params=query | {"redirect_uri": "http://evil.example/"})
    assert away.status == 400
    reply = await client.get("/oauth2/auth", params=query | {"account": "bob"}, allow_redirects=False)
    back = parse_qs(urlsplit(reply.headers["Location"]).query)
    form = {
        "grant_type": "authorization_code",
        "code": back["code"][0],
        "client_id": WEB_CLIENT_ID,
        "client_secret": "s3cret",
        "redirect_uri": query["redirect_uri"],
        "code_verifier": verifier,
    }
    assert back["state"] == ["st"]
    given = await (await client.post("/oauth2/token", data=form)).json()
    assert given["id_token"].count(".") == 2
    assert (await client.post("/oauth2/token", data=form)).status == 400


async def test_another_origin_and_host_are_refused(client: Client) -> None:
    assert (await client.post("/api/event", json={}, headers={"Origin": "http://evil.example"})).status == 403
    assert (await client.get("/", headers={"Host": "evil.example"})).status == 421


async def test_hostile_mail_is_served_without_scripts(client: Client) -> None:
    hostile = next(m for m in load_mails().values() if "mallory" in str(m.mime["From"]))
    reply = await client.get("/mail/" + hostile.id)
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_events_hold_tokens_only_with_their_scopes(issuer: Issuer) -> None:
    bare = build_event(issuer, ADDON + "/on/gmail.message", Situation(scopes=()), now=time.time())
    assert set(bare["authorizationEventObject"]) == {"systemIdToken"}
    assert "userLocale" not in bare["commonEventObject"]
    full = build_event(issuer, ADDON + "/on/gmail.message", Situation(message="msg-f:1"), now=time.time())
    assert {"userIdToken", "userOAuthToken"} <= set(full["authorizationEventObject"])


@pytest.mark.parametrize("target", ["http://evil.example/on/x", "http://127.0.0.1:99/x", "https://127.0.0.1:9/x", "x"])
def test_events_stay_on_this_machine(target: str) -> None:
    with pytest.raises(BadTarget):
        target_url(ADDON, target)


def test_a_port_in_use_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(CannotRun, match=rf"port {port} \(telephony\): in use[\s\S]*PORT=\d+ make run"):
            check_ports(Stage(port - 2, tmp_path, tmp_path / "keys.json"))


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "k" / "keys.json"
    assert make_keys(path)
    before = path.read_bytes()
    assert not make_keys(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_there_are_a_dozen_sample_mails() -> None:
    assert len(load_mails()) >= 12
    assert all(mail.summary()["subject"] for mail in load_mails().values())
