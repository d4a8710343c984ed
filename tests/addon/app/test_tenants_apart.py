"""Whatever a click carries, it reaches only its own user's data; who that is, only a genuine user token says."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth import crypt, jwt

from addon.dispatch import EFFECTS
from addon.domain.consent import Consent, ConsentKind
from addon.domain.tenant import Settings
from addon.doors.clicks import Clicks
from addon.ports.google import Mailbox
from cards.surface import Action, Trigger
from contract.numbers import TenantId, UserId
from tests.addon.app.access import everything, watched
from tests.addon.app.test_clicks import E164, store_recording
from tests.cast import ISSUER, KEYS, NOW, PEM, House
from workbench.card_check import check_reply
from workbench.cast import CLIENT_ID, PLAYERS, SERVICE_ACCOUNT

pytestmark = pytest.mark.pure
ACME, ALICE = TenantId("acme"), UserId("alice")
SIGNER = crypt.RSASigner.from_string(PEM, key_id=ISSUER.kid())
ENTRIES = [*Trigger, *Action]


def seeded(folder: Path) -> House:
    """Alice of Acme has a call, a recording, a decision, settings and a block."""
    made = House(folder)
    store_recording(made)
    made.mail.sender = Mailbox("luis@lima.example", "Luis")
    store = made.tenancy.of(ACME)
    store.consents.add(ALICE, Consent("d1", ConsentKind.RECORDING, "2026-11", True, NOW, "card"))
    store.settings.save(ALICE, Settings(record_calls=True))
    store.blocks.add(ALICE, E164, NOW)
    return made


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    stopped = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: stopped)
    return seeded(tmp_path)


def path_of(what: Trigger | Action) -> str:
    return f"/{'on' if isinstance(what, Trigger) else 'do'}/{what.value}"


THEIRS = {
    "call": "c1", "id": "c1", "recording": "c1", "user": "alice", "tenant": "acme", "email": "alice@acme.example", "name": "Alice",
    "domain": "acme.example", "kind": "recording", "to": E164, "number": E164, "rev": "1", "extension": "1001", "numbers": "1001",
    "message": "msg-f:1", "consent": "d1", "state": "tenants/acme/users/alice", "path": "tenants/acme/users/alice/recordings/c1",
    "record_calls": "on", "retention_days": "1", "device": "desk", "language": "es",
}  # fmt: skip
UNKNOWN = {name: value for name, value in THEIRS.items()} | {
    "call": "zz", "id": "zz", "recording": "zz", "user": "nobody", "tenant": "nowhere", "consent": "zz"
}  # fmt: skip


def confused(house: House, what: Trigger | Action, player: str, carried: dict[str, str]) -> Any:
    """A click of `player` that carries somebody else's ids everywhere; correctly signed for the clicker."""
    sign = Clicks(KEYS["web"]["k1"], PLAYERS[player].tenant, player, EFFECTS, house.ports.new_id).sign(house.now)
    params = dict(sign(what, carried)) if isinstance(what, Action) else carried
    event = house.event(player, parameters=params, inputs=carried)
    event["commonEventObject"] |= {"user": {"email": "alice@acme.example", "id": "alice"}, "state": carried["state"]}
    event["chat"] = {"user": {"email": "alice@acme.example", "name": "users/alice"}}
    return house.post(path_of(what), event)


@pytest.mark.parametrize("what", ENTRIES, ids=lambda w: w.value)
def test_a_click_that_names_another_tenants_things_touches_none_of_them(house: House, what: Trigger | Action) -> None:
    before = everything(house.documents, "tenants/acme")
    assert len(before) >= 8
    with watched(house.documents) as touched:
        answer = confused(house, what, "charlie", THEIRS)
    assert answer.status_code == 200 and check_reply(answer.json, wrapped=isinstance(what, Action)) == []
    own = ("tenants/zeta", "domains/zeta.example")
    assert touched and [path for path in touched if not path.startswith(own)] == []
    assert everything(house.documents, "tenants/acme") == before
    assert "Ana" not in answer.text
    assert house.telephony.told == [] or all(command.tenant == "zeta" for command in house.telephony.told)


@pytest.mark.parametrize("player", ["bob", "charlie"])
@pytest.mark.parametrize("what", list(Action), ids=lambda w: w.value)
def test_another_users_things_and_unknown_things_get_the_same_answer(
    tmp_path: Path, house: House, what: Action, player: str
) -> None:
    (tmp_path / "twin").mkdir()
    twin = seeded(tmp_path / "twin")
    theirs, unknown = confused(house, what, player, THEIRS), confused(twin, what, player, UNKNOWN)
    assert theirs.data.replace(b"c1", b"zz") == unknown.data.replace(b"c1", b"zz")
    told = [replace(c, call="zz") if hasattr(c, "call") and c.call == "c1" else c for c in house.telephony.told]
    assert told == twin.telephony.told


def test_the_store_of_another_user_of_the_tenant_is_not_touched_either(house: House) -> None:
    tried = 0
    for what in ENTRIES:
        before = everything(house.documents, "tenants/acme/users/alice")
        with watched(house.documents) as touched:
            confused(house, what, "bob", THEIRS)
        tried += 1
        assert [path for path in touched if path.startswith("tenants/acme/users/alice")] == [], what
        assert everything(house.documents, "tenants/acme/users/alice") == before
    assert tried >= 24


def user_token(player: str = "alice", header: dict[str, Any] | None = None, **claims: Any) -> str:
    person = PLAYERS[player]
    full = {
        "iss": "https://accounts.google.com", "aud": CLIENT_ID, "sub": person.sub, "email": person.email, "hd": person.hd,
        "email_verified": True, "iat": NOW, "exp": NOW + 3600,
    } | claims  # fmt: skip
    made: bytes = jwt.encode(SIGNER, {k: v for k, v in full.items() if v is not None}, header=header)
    return made.decode()


def bad_user_tokens() -> list[str]:
    good = user_token()
    head, body, mac = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))

    def forged(**changes: Any) -> str:
        text = json.dumps(claims | changes).encode()
        return f"{head}.{base64.urlsafe_b64encode(text).decode().rstrip('=')}.{mac}"

    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": ISSUER.kid()}).encode()).decode().rstrip("=")
    return [
        forged(sub="bob", email="bob@acme.example"), forged(email="bob@acme.example"), forged(hd="zeta.example"), forged(sub="charlie"),
        f"{none}.{body}.", f"{none}.{body}.{mac}", f"{head}.{body}.", good[:-6] + "AAAAAA", "x", "a.b.c", good + ".x", "é" + good,
        user_token(aud="another-client.apps.example"), user_token(aud=[CLIENT_ID]), user_token(aud=None),
        user_token(iss="https://evil.example"), user_token(iss=None), user_token(email_verified=False), user_token(email_verified="true"),
        user_token(exp=NOW - 61, iat=NOW - 3600), user_token(iat=NOW + 300), user_token(exp=None), user_token(iat=None),
        user_token(sub=""), user_token(sub=None), user_token(sub=7), user_token(sub="alice/../bob"), user_token(email=None),
        user_token(header={"jku": "https://evil.example/keys"}), user_token(header={"crit": ["b64"]}),
        ISSUER.system_token("https://addon.example/on/gmail.homepage", now=NOW), user_token(email=SERVICE_ACCOUNT, aud="https://addon.example"),
    ]  # fmt: skip


@pytest.mark.parametrize("what", ENTRIES, ids=lambda w: w.value)
def test_a_bad_user_token_is_401_and_touches_nothing(house: House, what: Trigger | Action) -> None:
    tried = bad_user_tokens()
    event = house.event(parameters={"call": "c1", "to": E164, "kind": "recording"})
    with watched(house.documents) as touched:
        for bad in tried:
            event["authorizationEventObject"]["userIdToken"] = bad
            assert house.post(path_of(what), event).status_code == 401, bad[:60]
    assert len(tried) >= 30 and touched == [] and house.telephony.told == []


@pytest.mark.parametrize(("shift", "status"), [(-60, 200), (60, 200), (-300, 401), (300, 401)])
def test_a_minute_of_skew_is_forgiven_to_the_users_token_too(house: House, shift: int, status: int) -> None:
    moved = user_token(iat=NOW + shift) if shift > 0 else user_token(iat=NOW - 4000, exp=NOW + shift + 1)
    event = house.event()
    event["authorizationEventObject"]["userIdToken"] = moved
    assert house.post("/on/gmail.homepage", event).status_code == status


@pytest.mark.parametrize(
    "change", [{"sub": "mallory"}, {"email": "mallory@acme.example"}, {"hd": None}, {"hd": "gmail.example"}]
)
def test_a_genuine_token_of_nobody_we_know_shows_no_data(house: House, change: dict[str, Any]) -> None:
    event = house.event()
    event["authorizationEventObject"]["userIdToken"] = user_token(**change)
    text = json.dumps(house.post("/do/recent.show", event).json)
    assert "Ask your administrator" in text and "Ana" not in text


def test_a_suspended_user_or_tenant_does_nothing_with_any_click(house: House) -> None:
    store = house.tenancy.of(ACME)
    user = store.users.get(ALICE)
    tenant = house.tenancy.get(ACME)
    assert user and tenant
    params = {"call": "c1", "to": E164, "kind": "recording", "rev": "1"}
    for suspend_user in (True, False):
        store.users.put(replace(user, suspended=suspend_user))
        house.tenancy.put(replace(tenant, suspended=not suspend_user))
        before = everything(house.documents, "tenants/acme")
        sign = Clicks(KEYS["web"]["k1"], "acme", "alice", EFFECTS, house.ports.new_id).sign(house.now)
        for what in ENTRIES:
            carried = dict(sign(what, params)) if isinstance(what, Action) else params
            answer = house.post(path_of(what), house.event(parameters=carried))
            assert answer.status_code == 200 and "dministrator" in answer.text, what
        assert everything(house.documents, "tenants/acme") == before and house.telephony.told == []
