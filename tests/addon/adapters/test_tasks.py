"""Every task queue keeps the same promises: durable, named once, on time, at least once, with back-off."""

from __future__ import annotations

import multiprocessing
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from addon.adapters.cloud_tasks import RETRIES, CloudTasks, connect
from addon.adapters.local_tasks import (
    LEASE_SECONDS,
    MAX_ATTEMPTS,
    Deliver,
    Delivery,
    LocalTasks,
    TaskRunner,
    wait_seconds,
)
from addon.ports.tasks import Tasks, TasksAway
from tests.peers import cloud_tasks
from tests.tally import same_checks

LOCAL = pytest.param("local", marks=pytest.mark.pure)
CLOUD = pytest.param("cloud-tasks", marks=pytest.mark.loopback)
CLOUD_QUEUE = "projects/p/locations/us-central1/queues/jobs"
BASE = "https://addon.example.com"
ACCOUNT = "tasks@p.iam.gserviceaccount.com"
PATIENT_SECONDS = 60.0
DAY = 86_400.0
MIN_CHECKS = 12
RAN: Counter[str] = Counter()
# What is checked of one adapter alone, and why.
EXEMPT = {
    "test_a_deliverer_that_dies_gives_the_task_back_after_its_lease": "local: Cloud Tasks keeps its own leases",
    "test_tasks_and_names_survive_a_restart": "local: only it keeps a file here",
    "test_racing_processes_share_the_work_without_doubles": "local: only it delivers from our processes",
    "test_the_thread_delivers_and_outlives_a_bad_deliverer": "local: only it has a thread here",
    "test_a_task_is_a_post_with_a_token_for_exactly_its_url": "Cloud Tasks: what goes over the wire",
    "test_a_try_without_an_answer_is_made_again_and_is_one_task": "Cloud Tasks: only it has a wire",
    "test_a_queue_that_fails_says_so": "Cloud Tasks: only it has statuses",
    "test_a_queue_that_is_away_says_so": "Cloud Tasks: only it can be away",
    "test_what_the_queue_refuses_is_said": "Cloud Tasks: a refusal of its own",
}


class Line:
    """A queue, its clock, and its deliveries as the test calls them."""

    def __init__(self, tasks: Tasks, clock: list[float], remote: cloud_tasks.CloudQueue | None = None) -> None:
        self.tasks, self.clock, self.enqueue = tasks, clock, tasks.enqueue
        self._remote = remote

    def run_due(self, now: float, deliver: Deliver) -> int:
        self.clock[0] = now
        if self._remote is None:
            assert isinstance(self.tasks, LocalTasks)
            return self.tasks.run_due(now, deliver)
        return self._remote.run_due(now, lambda d: deliver(Delivery(d.id, d.job, d.value, d.attempt)))

    def waiting(self) -> int:
        if self._remote is None:
            assert isinstance(self.tasks, LocalTasks)
            return self.tasks.waiting()[0]
        return len(self._remote.waiting)


@pytest.fixture(params=[LOCAL, CLOUD])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    RAN[request.param] += 1
    clock = [1000.0]
    if request.param == "local":
        yield Line(LocalTasks(tmp_path / "tasks.sqlite", now=lambda: clock[0]), clock)
        return
    remote = cloud_tasks.CloudQueue(CLOUD_QUEUE, RETRIES, lambda: clock[0])
    with cloud_tasks.serving(remote) as host:
        yield Line(cloud(host, lambda: clock[0]), clock, remote)


def cloud(host: str, now: Callable[[], float], deadline_seconds: float = PATIENT_SECONDS) -> CloudTasks:
    return connect(CLOUD_QUEUE, BASE, ACCOUNT, now, emulator=host, deadline_seconds=deadline_seconds)


@pytest.fixture
def queue(tmp_path: Path) -> LocalTasks:
    return LocalTasks(tmp_path / "tasks.sqlite", now=lambda: 1000.0)


class Deliverer:
    """Remembers deliveries; answers `answers` in turn, then True."""

    def __init__(self, *answers: bool) -> None:
        self.seen: list[Delivery] = []
        self._answers = list(answers)

    def __call__(self, delivery: Delivery) -> bool:
        self.seen.append(delivery)
        return self._answers.pop(0) if self._answers else True


def test_a_task_is_delivered_once_and_then_gone(line: Line) -> None:
    deliver = Deliverer()
    assert line.enqueue("purge", {"n": 1}) and line.enqueue("purge", {"n": 2})
    assert line.run_due(1000.0, deliver) == 2 and line.run_due(1000.0, deliver) == 0
    assert [(d.job, d.body, d.attempt) for d in deliver.seen] == [("purge", {"n": 1}, 1), ("purge", {"n": 2}, 1)]
    assert line.waiting() == 0


def test_a_name_is_taken_for_a_day_even_after_delivery(line: Line) -> None:
    assert line.enqueue("j", {}, name="a") and not line.enqueue("j", {}, name="a") and line.enqueue("j", {}, name="b")
    line.run_due(1000.0, Deliverer())
    assert not line.enqueue("j", {}, name="a")
    line.clock[0] += DAY + 1
    assert line.enqueue("j", {}, name="a")


@pytest.mark.parametrize("name", ["sweep-60-29600", "a/b c", "ñ" * 300, "projects/x/tasks/1", "a" * 5000, "\u202e"])
def test_any_text_is_a_name(line: Line, name: str) -> None:
    assert line.enqueue("j", {}, name=name) and not line.enqueue("j", {}, name=name)
    assert line.enqueue("j", {}, name=name + "-") and line.run_due(1000.0, Deliverer()) == 2


def test_a_body_comes_as_it_was_given(line: Line) -> None:
    body = {"run": "ñ\u2028\u202e", "after": [1.5, "a/b"], "n": None, "deep": {"x": [True, 2**53]}}
    deliver = Deliverer()
    assert line.enqueue("sweep", body)
    line.run_due(1000.0, deliver)
    assert [d.body for d in deliver.seen] == [body]


def test_a_task_waits_for_its_time(line: Line) -> None:
    deliver = Deliverer()
    line.enqueue("j", {}, not_before=2000.0)
    assert line.run_due(1999.9, deliver) == 0 and line.run_due(2000.0, deliver) == 1
    assert line.enqueue("j", {}, not_before=2000.0 + 30 * DAY)
    with pytest.raises(ValueError, match="30 days"):
        line.enqueue("j", {}, not_before=2001.0 + 30 * DAY)


def test_a_failed_task_comes_again_later_and_lets_others_pass(line: Line) -> None:
    deliver = Deliverer(False)
    line.enqueue("bad", {})
    line.enqueue("good", {})
    assert line.run_due(1000.0, deliver) == 2
    assert line.run_due(1000.9, deliver) == 0 and line.run_due(1001.0, deliver) == 1
    assert [(d.job, d.attempt) for d in deliver.seen] == [("bad", 1), ("good", 1), ("bad", 2)]


def test_back_off_doubles_up_to_ten_minutes_and_ends(line: Line) -> None:
    assert [wait_seconds(n) for n in (1, 2, 3, 10, 11, 20)] == [1, 2, 4, 512, 600, 600]
    line.enqueue("j", {})
    deliver, now = Deliverer(*[False] * 99), 1000.0
    for attempt in range(1, MAX_ATTEMPTS + 5):
        assert line.run_due(now, deliver) == (attempt <= MAX_ATTEMPTS)
        now += wait_seconds(attempt)
        assert line.run_due(now - 0.01, deliver) == 0
    assert len(deliver.seen) == MAX_ATTEMPTS and line.waiting() == 0


def test_a_large_body_is_refused(line: Line) -> None:
    with pytest.raises(ValueError, match="100 kB"):
        line.enqueue("j", {"x": "a" * 100_001})
    assert line.enqueue("j", {"x": "a" * 99_000}) and line.waiting() == 1


def test_a_queue_that_is_there_answers(line: Line) -> None:
    line.tasks.ping()


@pytest.mark.pure
def test_a_deliverer_that_dies_gives_the_task_back_after_its_lease(queue: LocalTasks) -> None:
    def die(delivery: Delivery) -> bool:
        raise RuntimeError(delivery.job)

    queue.enqueue("j", {})
    with pytest.raises(RuntimeError):
        queue.run_due(1000.0, die)
    deliver = Deliverer()
    assert queue.run_due(1000.0 + LEASE_SECONDS - 1, deliver) == 0
    assert queue.run_due(1000.0 + LEASE_SECONDS, deliver) == 1 and deliver.seen[0].attempt == 2


@pytest.mark.pure
def test_tasks_and_names_survive_a_restart(tmp_path: Path) -> None:
    LocalTasks(tmp_path / "t", now=lambda: 1.0).enqueue("j", {"x": "ñ"}, name="n")
    again, deliver = LocalTasks(tmp_path / "t", now=lambda: 2.0), Deliverer()
    assert not again.enqueue("j", {}, name="n")
    assert again.run_due(2.0, deliver) == 1 and deliver.seen[0].body == {"x": "ñ"}


def drain(file: str, out: str) -> None:
    """Deliver everything in a process of its own and note what came."""
    with open(out, "a", encoding="utf-8") as notes:

        def deliver(delivery: Delivery) -> bool:
            notes.write(f"{delivery.body['n']}\n")
            return True

        LocalTasks(Path(file)).run_due(2000.0, deliver, limit=1000)


@pytest.mark.pure
def test_racing_processes_share_the_work_without_doubles(tmp_path: Path) -> None:
    queue = LocalTasks(tmp_path / "t", now=lambda: 1.0)
    for n in range(40):
        queue.enqueue("j", {"n": n})
    context = multiprocessing.get_context("spawn")
    outs = [tmp_path / f"out{i}" for i in range(3)]
    runners = [context.Process(target=drain, args=(str(tmp_path / "t"), str(out))) for out in outs]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sorted(int(line) for out in outs for line in out.read_text().split()) == list(range(40))


@pytest.mark.pure
def test_the_thread_delivers_and_outlives_a_bad_deliverer(queue: LocalTasks) -> None:
    came = threading.Event()

    def deliver(delivery: Delivery) -> bool:
        if delivery.job == "bad":
            raise RuntimeError("no")
        came.set()
        return True

    queue.enqueue("bad", {})
    queue.enqueue("good", {})
    runner = TaskRunner(queue, deliver, lambda: 1000.0, pause_seconds=0.01)
    runner.start()
    assert came.wait(10)
    runner.stop()


@pytest.mark.loopback
def test_a_task_is_a_post_with_a_token_for_exactly_its_url() -> None:
    remote = cloud_tasks.CloudQueue(CLOUD_QUEUE, RETRIES, lambda: 1000.0)
    seen: list[cloud_tasks.Dispatch] = []
    with cloud_tasks.serving(remote) as host:
        assert cloud(host, lambda: 1000.0).enqueue("sweep", {"run": "r"}, name="r")
    assert remote.run_due(1000.0, lambda dispatch: seen.append(dispatch) is None) == 1
    (sent,) = seen
    assert (sent.url, sent.audience, sent.account) == (f"{BASE}/tasks/sweep", f"{BASE}/tasks/sweep", ACCOUNT)
    assert sent.headers == {"Content-Type": "application/json"} and sent.value == {"run": "r"}


@pytest.mark.loopback
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_try_without_an_answer_is_made_again_and_is_one_task(moment: str) -> None:
    left = [2]

    def fail(now: str) -> None:
        if now == moment and left[0]:
            left[0] -= 1
            raise cloud_tasks.Refused(grpc.StatusCode.UNAVAILABLE, "try again")

    remote = cloud_tasks.CloudQueue(CLOUD_QUEUE, RETRIES, lambda: 1000.0, fail)
    with cloud_tasks.serving(remote) as host:
        tasks = cloud(host, lambda: 1000.0)
        assert tasks.enqueue("j", {}, name="a") and not tasks.enqueue("j", {}, name="a")
    assert len(remote.waiting) == 1


@pytest.mark.loopback
@pytest.mark.parametrize("status", ["UNAVAILABLE", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "INTERNAL"])
def test_a_queue_that_fails_says_so(status: str) -> None:
    def fail(moment: str) -> None:
        raise cloud_tasks.Refused(grpc.StatusCode[status], "no")

    with cloud_tasks.serving(cloud_tasks.CloudQueue(CLOUD_QUEUE, RETRIES, lambda: 1.0, fail)) as host:
        tasks = cloud(host, lambda: 1.0, deadline_seconds=0.5)
        for act in (tasks.ping, lambda: tasks.enqueue("j", {})):
            with pytest.raises(TasksAway):
                act()


@pytest.mark.loopback
def test_a_queue_that_is_away_says_so() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(4)
        for host in (f"127.0.0.1:{silent.getsockname()[1]}", "127.0.0.1:1"):
            began = time.monotonic()
            with pytest.raises(TasksAway):
                connect(CLOUD_QUEUE, BASE, ACCOUNT, lambda: 1.0, emulator=host).enqueue("j", {})
            assert time.monotonic() - began < 3.0


@pytest.mark.loopback
def test_what_the_queue_refuses_is_said() -> None:
    with cloud_tasks.serving(cloud_tasks.CloudQueue(CLOUD_QUEUE, RETRIES, lambda: 1.0)) as host:
        with pytest.raises(ValueError, match="Cloud Tasks"):
            connect(CLOUD_QUEUE, BASE, "nobody", lambda: 1.0, emulator=host).enqueue("j", {})
        with pytest.raises(TasksAway):
            connect(CLOUD_QUEUE + "-other", BASE, ACCOUNT, lambda: 1.0, emulator=host).enqueue("j", {})


@pytest.mark.pure
def test_every_adapter_passes_the_same_checks(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    same_checks(request, capsys, RAN, EXEMPT, MIN_CHECKS, "task", fixture="line")
