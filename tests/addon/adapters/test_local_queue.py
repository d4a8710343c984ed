"""The local queue's key is its owner's alone, its tasks go through the HTTP door, and each slot is one task."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from google.auth import jwt

from addon.adapters.local_queue import HttpDelivery, QueueKey, _make
from addon.adapters.local_tasks import DEAD_SECONDS, MAX_ATTEMPTS, Delivery, LocalTasks, TaskRunner
from addon.config import LOCAL_QUEUE_ISSUER, BadConfig
from addon.jobs.schedule import schedule
from addon.ports.tasks import Job, Scheduled

pytestmark = pytest.mark.loopback
ACCOUNT = "queue@localhost"


@dataclass
class Door:
    """A server that remembers what came and answers `statuses` in turn, then 200."""

    statuses: list[int] = field(default_factory=list)
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def door() -> Iterator[tuple[Door, int]]:
    found = Door()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.seen.append((self.path, self.headers.get("Authorization", ""), body))
            self.send_response(found.statuses.pop(0) if found.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found, server.server_port
    server.shutdown()
    server.server_close()


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "queue-key.pem"
    first, again = QueueKey.of(path), QueueKey.of(path)
    assert first.public() == again.public() and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        _make(path)
    assert QueueKey.of(path).public() == first.public()
    assert [p.name for p in path.parent.iterdir()] == ["queue-key.pem"] and "PRIVATE" not in repr(first)


def test_a_key_that_others_may_read_or_that_is_none_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "queue-key.pem"
    QueueKey.of(path)
    path.chmod(0o640)
    with pytest.raises(BadConfig, match="chmod 600"):
        QueueKey.of(path)
    path.chmod(0o600)
    path.write_text("not a key")
    with pytest.raises(BadConfig, match="remove it"):
        QueueKey.of(path)


def make(path: str, out: str) -> None:
    """In a process of its own."""
    Path(out).write_bytes(QueueKey.of(Path(path)).public())


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    outs = [tmp_path / f"out{n}" for n in range(4)]
    runners = [context.Process(target=make, args=(str(tmp_path / "k" / "key.pem"), str(out))) for out in outs]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert len({out.read_bytes() for out in outs}) == 1


def test_a_task_is_a_post_with_a_token_for_exactly_that_url(tmp_path: Path, door: tuple[Door, int]) -> None:
    import time

    key = QueueKey.of(tmp_path / "k.pem")
    deliver = HttpDelivery(key, "https://addon.example", door[1], ACCOUNT, time.time)
    assert deliver(Delivery(1, "sweep", {"run": "ñ"}, 1)) is True
    path, authorization, body = door[0].seen[0]
    claims = jwt.decode(authorization.removeprefix("Bearer "), certs=key.public())
    assert path == "/tasks/sweep" and json.loads(body) == {"run": "ñ"}
    assert (claims["aud"], claims["email"], claims["email_verified"], claims["iss"]) == (
        "https://addon.example/tasks/sweep",
        ACCOUNT,
        True,
        LOCAL_QUEUE_ISSUER,
    )


def test_anything_but_2xx_and_no_answer_at_all_come_again(
    tmp_path: Path, door: tuple[Door, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    deliver = HttpDelivery(QueueKey.of(tmp_path / "k.pem"), "http://a", door[1], ACCOUNT, lambda: 0.0)
    task = Delivery(1, "sweep", {}, 1)
    door[0].statuses = [403, 503, 500, 302, 204]
    assert [deliver(task) for _ in range(6)] == [False, False, False, False, True, True]
    assert len(door[0].seen) == 6
    nobody = HttpDelivery(QueueKey.of(tmp_path / "k.pem"), "http://a", 1, ACCOUNT, lambda: 0.0)
    assert nobody(task) is False


def test_each_slot_is_one_task_in_any_number_of_processes(tmp_path: Path) -> None:
    clock, plan = [6000.0], (Scheduled("a", 60, Job.SWEEP), Scheduled("b", 600, Job.EXPIRE))
    queues = [LocalTasks(tmp_path / "t", now=lambda: clock[0]) for _ in range(3)]
    seen: list[Delivery] = []
    runners = [TaskRunner(q, lambda d: bool(seen.append(d)) or True, lambda: clock[0], plan) for q in queues]
    for moment in (6000.0, 6000.4, 6059.9, 6060.0, 6119.9, 6600.0, 6600.1):
        clock[0] = moment
        for runner in runners:
            runner.enqueue_scheduled()
    for queue in queues:
        queue.run_due(clock[0], lambda d: bool(seen.append(d)) or True)
    assert sorted((d.job, d.body["run"]) for d in seen) == [
        ("expire", "b-600-10"),
        ("expire", "b-600-11"),
        ("sweep", "a-60-100"),
        ("sweep", "a-60-101"),
        ("sweep", "a-60-110"),
    ]


def test_the_schedule_fits_a_scheduler_of_whole_minutes() -> None:
    assert [each for each in schedule() if each.every_seconds % 60 or 86_400 % each.every_seconds] == []
    assert schedule(2)[0].every_seconds == 2


def test_given_up_tasks_are_forgotten_after_a_month(tmp_path: Path) -> None:
    clock = [1000.0]
    queue = LocalTasks(tmp_path / "t", now=lambda: clock[0])
    queue.enqueue("j", {})
    for _ in range(MAX_ATTEMPTS):
        queue.run_due(clock[0], lambda delivery: False)
        clock[0] += 601
    assert queue.waiting() == (0, 1)
    clock[0] += DEAD_SECONDS
    queue.enqueue("j", {}, name="n")
    assert queue.waiting() == (1, 0)
