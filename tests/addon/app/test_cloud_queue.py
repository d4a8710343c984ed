"""What the add-on enqueues on Cloud Tasks comes back through its own door: with the token that the task asks for, and no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from google.auth import crypt, jwt

from addon.adapters.cloud_tasks import RETRIES, connect
from addon.app import create_app
from addon.jobs.schedule import schedule
from addon.ports.tasks import Job
from tests.cast import BASE, ISSUER, NOW, PEM, TASKS_ACCOUNT, FixedKeys, House
from tests.peers import cloud_tasks
from tests.peers.cloud_tasks import Dispatch

pytestmark = pytest.mark.loopback
QUEUE = "projects/p/locations/us-central1/queues/jobs"


@pytest.fixture(autouse=True)
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """google-auth reads the wall clock; tokens here live at NOW."""
    import datetime

    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC).replace(tzinfo=None)
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: moment)


def signed(audience: str, account: str) -> str:
    """Google's token for a task."""
    claims = {
        "iss": "https://accounts.google.com", "aud": audience, "email": account, "email_verified": True, "sub": "1",
        "iat": NOW, "exp": NOW + 300,
    }  # fmt: skip
    token: bytes = jwt.encode(crypt.RSASigner.from_string(PEM, key_id=ISSUER.kid()), claims)
    return token.decode()


def test_every_scheduled_job_runs_through_the_queue_and_the_door(tmp_path: Path) -> None:
    house = House(tmp_path)
    remote = cloud_tasks.CloudQueue(QUEUE, RETRIES, lambda: house.now)
    statuses: list[int] = []

    def deliver(dispatch: Dispatch) -> bool:
        assert dispatch.url.startswith(BASE)
        headers = dict(dispatch.headers) | {"Authorization": f"Bearer {signed(dispatch.audience, dispatch.account)}"}
        answer = app.test_client().post(dispatch.url.removeprefix(BASE), data=dispatch.body, headers=headers)
        statuses.append(answer.status_code)
        return 200 <= answer.status_code < 300

    with cloud_tasks.serving(remote) as host:
        tasks = connect(QUEUE, BASE, TASKS_ACCOUNT, lambda: house.now, emulator=host, deadline_seconds=60.0)
        app = create_app(house.config, replace(house.ports, tasks=tasks), house.tenancy, FixedKeys())
        for scheduled in schedule():
            slot = scheduled.slot(house.now)
            assert tasks.enqueue(scheduled.job, {"run": slot}, name=slot)
            assert not tasks.enqueue(scheduled.job, {"run": slot}, name=slot)
        assert remote.run_due(house.now, deliver) == len(Job) and statuses == [200] * len(Job)
        stranger = connect(QUEUE, BASE, "stranger@p.iam.gserviceaccount.com", lambda: house.now, emulator=host)
        elsewhere = connect(QUEUE, BASE + "/x", TASKS_ACCOUNT, lambda: house.now, emulator=host)
        assert stranger.enqueue("sweep", {}) and elsewhere.enqueue("sweep", {})
        statuses.clear()
        remote.run_due(house.now, deliver)
        assert statuses == [403, 404] and len(remote.waiting) == 2
