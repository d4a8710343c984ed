"""The task port on one SQLite file: a durable queue that delivers at least once, with back-off."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from addon.adapters.task_rules import check_time, encode
from addon.ports.tasks import Scheduled, TasksAway

BUSY_SECONDS = 10.0
LEASE_SECONDS = 60.0
MAX_ATTEMPTS = 20
MAX_WAIT_SECONDS = 600.0
NAME_SECONDS = 86_400.0
DEAD_SECONDS = 31 * 86_400.0

_log = logging.getLogger(__name__)
_TABLES = """
CREATE TABLE IF NOT EXISTS tasks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, body TEXT NOT NULL,
  due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (dead, due_at);
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, at REAL NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt; `attempt` counts from 1."""

    id: int
    job: str
    body: Mapping[str, Any]
    attempt: int


Deliver = Callable[[Delivery], bool]


def wait_seconds(attempt: int) -> float:
    """Pause after the given failed attempt: 1, 2, 4 ... at most 600 s."""
    return min(2.0 ** (attempt - 1), MAX_WAIT_SECONDS)


class LocalTasks:
    """One file; safe between threads and processes. `now` dates tasks and names."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise TasksAway(type(error).__name__) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def enqueue(self, job: str, body: Mapping[str, Any], *, name: str = "", not_before: float = 0.0) -> bool:
        """False when a task of that name was enqueued within the last day, delivered or not."""
        text = encode(body)
        now = self._now()
        check_time(not_before, now)
        with self._change() as connection:
            if name:
                connection.execute("DELETE FROM names WHERE at < ?", (now - NAME_SECONDS,))
                connection.execute("DELETE FROM tasks WHERE dead = 1 AND due_at < ?", (now - DEAD_SECONDS,))
                fresh = connection.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (name, now)).rowcount
                if not fresh:
                    return False
            connection.execute("INSERT INTO tasks (job, body, due_at) VALUES (?, ?, ?)", (job, text, not_before))
        return True

    def _claim(self, now: float) -> Delivery | None:
        with self._change() as connection:
            row = connection.execute(
                "SELECT id, job, body, attempts FROM tasks WHERE dead = 0 AND due_at <= ? ORDER BY due_at, id LIMIT 1",
                (now,),
            ).fetchone()
            if row is None:
                return None
            delivery = Delivery(row[0], row[1], json.loads(row[2]), row[3] + 1)
            values = (delivery.attempt, now + LEASE_SECONDS, delivery.id)
            connection.execute("UPDATE tasks SET attempts = ?, due_at = ? WHERE id = ?", values)
            return delivery

    def _settle(self, delivery: Delivery, done: bool, now: float) -> None:
        with self._change() as connection:
            if done:
                connection.execute("DELETE FROM tasks WHERE id = ?", (delivery.id,))
                return
            dead = delivery.attempt >= MAX_ATTEMPTS
            connection.execute(
                "UPDATE tasks SET due_at = ?, dead = ? WHERE id = ? AND attempts = ?",
                (now + wait_seconds(delivery.attempt), int(dead), delivery.id, delivery.attempt),
            )
        if dead:
            _log.error("task gave up", extra={"job": delivery.job, "attempts": delivery.attempt})

    def run_due(self, now: float, deliver: Deliver, limit: int = 100) -> int:
        """Deliver what is due, oldest first; how many were tried.

        A task that `deliver` answers with False waits and comes again; one whose deliverer dies comes
        again when its lease of 60 s ends.
        """
        for count in range(limit):
            delivery = self._claim(now)
            if delivery is None:
                return count
            self._settle(delivery, deliver(delivery), now)
        return limit

    def waiting(self) -> tuple[int, int]:
        """How many tasks wait and how many were given up."""
        with self._connection() as connection:
            rows = connection.execute("SELECT dead, COUNT(*) FROM tasks GROUP BY dead").fetchall()
        counts = dict(rows)
        return counts.get(0, 0), counts.get(1, 0)

    def ping(self) -> None:
        """Raises TasksAway."""
        with self._connection() as connection:
            connection.execute("SELECT 1 FROM tasks LIMIT 1").fetchone()


class TaskRunner:
    """A thread that enqueues what the schedule asks for and delivers what is due, until it is stopped.

    Every process may have one: a run has one name in all of them, and a task is claimed by one.
    """

    def __init__(
        self,
        tasks: LocalTasks,
        deliver: Deliver,
        now: Callable[[], float],
        schedule: Sequence[Scheduled] = (),
        pause_seconds: float = 0.5,
    ) -> None:
        self._tasks, self._deliver, self._now = tasks, deliver, now
        self._schedule, self._pause_seconds = schedule, pause_seconds
        self._enqueued: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tasks", daemon=True)

    def start(self) -> None:
        """Begin delivering."""
        self._thread.start()

    def stop(self, wait_seconds: float = 5.0) -> None:
        """Finish the task at hand and end."""
        self._stopped.set()
        self._thread.join(wait_seconds)

    def enqueue_scheduled(self) -> None:
        """Enqueue each scheduled job once per slot; a slot that passed while nothing ran is not made up for."""
        for scheduled in self._schedule:
            slot = scheduled.slot(self._now())
            if self._enqueued.get(scheduled.name) != slot:
                self._tasks.enqueue(scheduled.job, {"run": slot}, name=slot)
                self._enqueued[scheduled.name] = slot

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.enqueue_scheduled()
                # One at a time: a lease begins when its own delivery does.
                while not self._stopped.is_set() and self._tasks.run_due(self._now(), self._deliver, limit=1):
                    self.enqueue_scheduled()
            except Exception:
                _log.exception("a task could not be delivered")
            self._stopped.wait(self._pause_seconds)
