"""Every task queue keeps the same promises: durable, named once, on time, at least once, with back-off."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from addon.adapters.local_tasks import LEASE_SECONDS, MAX_ATTEMPTS, Delivery, LocalTasks, TaskRunner, wait_seconds

pytestmark = pytest.mark.pure


class Deliverer:
    """Remembers deliveries; answers `answers` in turn, then True."""

    def __init__(self, *answers: bool) -> None:
        self.seen: list[Delivery] = []
        self._answers = list(answers)

    def __call__(self, delivery: Delivery) -> bool:
        self.seen.append(delivery)
        return self._answers.pop(0) if self._answers else True


@pytest.fixture
def queue(tmp_path: Path) -> LocalTasks:
    return LocalTasks(tmp_path / "tasks.sqlite", now=lambda: 1000.0)


def test_a_task_is_delivered_once_and_then_gone(queue: LocalTasks) -> None:
    deliver = Deliverer()
    assert queue.enqueue("purge", {"n": 1}) and queue.enqueue("purge", {"n": 2})
    assert queue.run_due(1000.0, deliver) == 2 and queue.run_due(1000.0, deliver) == 0
    assert [(d.job, d.body, d.attempt) for d in deliver.seen] == [("purge", {"n": 1}, 1), ("purge", {"n": 2}, 1)]
    assert queue.waiting() == (0, 0)


def test_a_name_is_taken_for_a_day_even_after_delivery(tmp_path: Path) -> None:
    clock = [1000.0]
    queue = LocalTasks(tmp_path / "t.sqlite", now=lambda: clock[0])
    assert (
        queue.enqueue("j", {}, name="a") and not queue.enqueue("j", {}, name="a") and queue.enqueue("j", {}, name="b")
    )
    queue.run_due(1000.0, Deliverer())
    assert not queue.enqueue("j", {}, name="a")
    clock[0] += 86_401.0
    assert queue.enqueue("j", {}, name="a")


def test_a_task_waits_for_its_time(queue: LocalTasks) -> None:
    deliver = Deliverer()
    queue.enqueue("j", {}, not_before=2000.0)
    assert queue.run_due(1999.9, deliver) == 0 and queue.run_due(2000.0, deliver) == 1


def test_a_failed_task_comes_again_later_and_lets_others_pass(queue: LocalTasks) -> None:
    deliver = Deliverer(False)
    queue.enqueue("bad", {})
    queue.enqueue("good", {})
    assert queue.run_due(1000.0, deliver) == 2
    assert queue.run_due(1000.9, deliver) == 0 and queue.run_due(1001.0, deliver) == 1
    assert [(d.job, d.attempt) for d in deliver.seen] == [("bad", 1), ("good", 1), ("bad", 2)]


def test_back_off_doubles_up_to_ten_minutes_and_ends(queue: LocalTasks) -> None:
    assert [wait_seconds(n) for n in (1, 2, 3, 10, 11, 20)] == [1, 2, 4, 512, 600, 600]
    queue.enqueue("j", {})
    deliver, now = Deliverer(*[False] * 99), 1000.0
    for _ in range(MAX_ATTEMPTS + 5):
        queue.run_due(now, deliver)
        now += 601.0
    assert len(deliver.seen) == MAX_ATTEMPTS and queue.waiting() == (0, 1)


def test_a_deliverer_that_dies_gives_the_task_back_after_its_lease(queue: LocalTasks) -> None:
    def die(delivery: Delivery) -> bool:
        raise RuntimeError(delivery.job)

    queue.enqueue("j", {})
    with pytest.raises(RuntimeError):
        queue.run_due(1000.0, die)
    deliver = Deliverer()
    assert queue.run_due(1000.0 + LEASE_SECONDS - 1, deliver) == 0
    assert queue.run_due(1000.0 + LEASE_SECONDS, deliver) == 1 and deliver.seen[0].attempt == 2


def test_tasks_and_names_survive_a_restart(tmp_path: Path) -> None:
    LocalTasks(tmp_path / "t", now=lambda: 1.0).enqueue("j", {"x": "ñ"}, name="n")
    again, deliver = LocalTasks(tmp_path / "t", now=lambda: 2.0), Deliverer()
    assert not again.enqueue("j", {}, name="n")
    assert again.run_due(2.0, deliver) == 1 and deliver.seen[0].body == {"x": "ñ"}


def test_a_large_body_is_refused(queue: LocalTasks) -> None:
    with pytest.raises(ValueError, match="100 kB"):
        queue.enqueue("j", {"x": "a" * 100_001})


def drain(file: str, out: str) -> None:
    """Deliver everything in a process of its own and note what came."""
    with open(out, "a", encoding="utf-8") as notes:

        def deliver(delivery: Delivery) -> bool:
            notes.write(f"{delivery.body['n']}\n")
            return True

        LocalTasks(Path(file)).run_due(2000.0, deliver, limit=1000)


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
