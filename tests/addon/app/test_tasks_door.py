"""Only the queue's own service account starts a job; no header and no other token does, and a refusal reads nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from addon.adapters.local_queue import QueueKey
from addon.app import create_app
from addon.config import LOCAL_QUEUE_ISSUER
from addon.doors.tasks import JOBS
from addon.jobs.schedule import schedule
from addon.ports.documents import Away, Document
from addon.ports.indexes import Query
from addon.ports.tasks import Job
from tests.cast import BASE, ISSUER, NOW, PEM, TASKS_ACCOUNT, FixedKeys, House
from workbench.cast import PLAYERS, SERVICE_ACCOUNT

pytestmark = pytest.mark.pure
GOOGLE = "https://accounts.google.com"
FAKES: list[dict[str, str]] = [
    {},
    {"X-Appengine-Cron": "true"},
    {"X-AppEngine-QueueName": "default", "X-AppEngine-TaskName": "1", "X-AppEngine-TaskRetryCount": "0"},
    {"X-CloudTasks-QueueName": "default", "X-CloudTasks-TaskName": "1"},
    {"X-CloudScheduler": "true", "X-CloudScheduler-JobName": "sweep"},
    {"X-Appengine-Inbound-Appid": "cticontrol", "X-Forwarded-For": "0.1.0.2"},
    {"User-Agent": "Google-Cloud-Tasks"},
]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """As on App Engine: Cloud Tasks signs with Google's keys."""
    return House(tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> House:
    """As on a laptop: the local queue signs with its own key."""
    return House(tmp_path / "local", queue_key=QueueKey.of(tmp_path / "queue-key.pem"))


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


def token(path: str, header: dict[str, Any] | None = None, signer: Any = None, **claims: Any) -> str:
    """The queue's token with some claims changed; None drops one."""
    full = {"iss": GOOGLE, "aud": BASE + path, "email": TASKS_ACCOUNT, "email_verified": True, "sub": "1"}
    full = full | {"iat": NOW, "exp": NOW + 300} | claims  # type: ignore[assignment]
    sign = signer or crypt.RSASigner.from_string(PEM, key_id=ISSUER.kid())
    signed: bytes = jwt.encode(sign, {k: v for k, v in full.items() if v is not None}, header=header)
    return signed.decode()


def unsigned(path: str, alg: str) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"iss": GOOGLE, "aud": BASE + path, "email": TASKS_ACCOUNT, "email_verified": True}
    return f"{part({'alg': alg, 'kid': ISSUER.kid()})}.{part(claims | {'iat': NOW, 'exp': NOW + 300})}."


def bad_tokens(path: str) -> list[str]:
    good = token(path)
    head, body, mac = good.split(".")
    other = "/tasks/" + next(job.value for job in Job if not path.endswith(job.value))
    return [
        "", "x", "a.b.c", "x" * 9000, good + "x", f"{head}.{body}.", f"{head}.{body}.{mac[:-8]}AAAAAAAA",
        unsigned(path, "none"), unsigned(path, "HS256"), unsigned(path, ""),
        token(other), token(path, aud=BASE), token(path, aud=BASE + "/tasks"), token(path, aud=BASE + path + "/"),
        token(path, aud=BASE.replace("https", "http") + path), token(path, aud=[BASE + path]), token(path, aud=None),
        token(path, iss="https://evil.example"), token(path, iss=LOCAL_QUEUE_ISSUER), token(path, iss=None),
        token(path, email=SERVICE_ACCOUNT), token(path, email="x" + TASKS_ACCOUNT), token(path, email=TASKS_ACCOUNT.upper()),
        token(path, email="service-1@gcp-sa-cloudtasks.iam.gserviceaccount.com"), token(path, email=None), token(path, email=""),
        token(path, email_verified=False), token(path, email_verified="true"), token(path, email_verified=None),
        token(path, exp=NOW - 301, iat=NOW - 4000), token(path, iat=NOW + 301), token(path, exp=None),
        token(path, {"jku": "https://evil.example"}), token(path, {"crit": ["x"]}),
        ISSUER.system_token(BASE + path, now=NOW), ISSUER.user_token(PLAYERS["alice"], now=NOW),
    ]  # fmt: skip


def post(house: House, path: str, bearer: str, headers: dict[str, str] | None = None, body: bytes = b"{}") -> int:
    sent = {**(headers or {}), **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
    return int(house.app.test_client().post(path, data=body, headers=sent).status_code)


def test_every_job_is_in_the_table_and_has_a_route_and_is_scheduled() -> None:
    assert set(JOBS) == set(Job) == {each.job for each in schedule()}
    assert len({each.name for each in schedule()}) == len(schedule())


def test_every_job_is_a_route_and_nothing_else_is(house: House) -> None:
    rules = {r.rule: r.methods for r in house.app.url_map.iter_rules() if r.rule.startswith("/tasks")}
    assert set(rules) == {f"/tasks/{job.value}" for job in Job}
    assert {m for methods in rules.values() for m in methods or ()} == {"POST", "OPTIONS"}


@pytest.mark.parametrize("job", Job)
def test_a_forged_task_is_403_whatever_its_headers_say(house: House, job: Job) -> None:
    path, tried = f"/tasks/{job.value}", 0
    house.documents.reads.clear()
    for bearer in bad_tokens(path):
        for headers in FAKES:
            assert post(house, path, bearer, headers) == 403, (bearer, headers)
            tried += 1
    print(f"{tried} forged tasks on {path}")
    assert tried >= 240 and house.documents.reads == []
    assert post(house, path, token(path)) == 200


@pytest.mark.parametrize("job", Job)
def test_the_local_queue_signs_with_its_own_key_and_only_with_its_own_name(
    house: House, local: House, job: Job, tmp_path: Path
) -> None:
    path, key = f"/tasks/{job.value}", local.queue_key
    assert key is not None
    own = key.token(BASE + path, TASKS_ACCOUNT, now=NOW)
    assert post(local, path, own) == 200
    house.documents.reads.clear()
    local.documents.reads.clear()
    mine = crypt.RSASigner.from_string((tmp_path / "queue-key.pem").read_bytes(), key_id=key.kid)
    assert post(local, path, token(path, signer=mine, iss=LOCAL_QUEUE_ISSUER)) == 200
    local.documents.reads.clear()
    strange = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    refused = [
        key.token(BASE + path, SERVICE_ACCOUNT, now=NOW),
        key.token(BASE + path + "x", TASKS_ACCOUNT, now=NOW),
        key.token(BASE + path, TASKS_ACCOUNT, now=NOW - 3600),
        token(path),
        token(path, signer=mine),
        token(path, signer=mine, iss=LOCAL_QUEUE_ISSUER, email_verified=False),
        token(path, signer=crypt.RSASigner.from_string(strange, key_id=key.kid), iss=LOCAL_QUEUE_ISSUER),
    ]
    assert {post(local, path, bearer) for bearer in refused} == {403} and local.documents.reads == []
    for bearer in (own, token(path, signer=mine)):
        assert post(house, path, bearer) == 403 and house.documents.reads == []


def test_on_app_engine_the_local_key_opens_nothing_even_when_it_is_handed_over(tmp_path: Path) -> None:
    key, house = QueueKey.of(tmp_path / "queue-key.pem"), House(tmp_path / "house")
    house.app = create_app(house.config, house.ports, house.tenancy, FixedKeys(), key)
    mine = crypt.RSASigner.from_string((tmp_path / "queue-key.pem").read_bytes(), key_id=key.kid)
    for bearer in (key.token(BASE + "/tasks/sweep", TASKS_ACCOUNT, now=NOW), token("/tasks/sweep", signer=mine)):
        assert post(house, "/tasks/sweep", bearer) == 403
    assert post(house, "/tasks/sweep", token("/tasks/sweep")) == 200


def test_two_authorization_headers_are_refused(house: House) -> None:
    headers = [("Authorization", f"Bearer {token('/tasks/sweep')}")] * 2
    assert house.app.test_client().post("/tasks/sweep", data=b"{}", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 200), (b"{}", 200), (b"[]", 400), (b"x", 400), (b"\xff", 400), (b"[" * 50_000, 400), (b" " * 100_001, 413)],
)
def test_a_body_that_is_no_task_is_refused(house: House, body: bytes, status: int) -> None:
    assert post(house, "/tasks/sweep", token("/tasks/sweep"), body=body) == status


def test_a_store_that_is_away_makes_the_queue_come_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(query: Query) -> list[Document]:
        raise Away(query.index.name)

    monkeypatch.setattr(house.documents, "query", away)
    for job in Job:
        assert post(house, f"/tasks/{job.value}", token(f"/tasks/{job.value}")) == 503
