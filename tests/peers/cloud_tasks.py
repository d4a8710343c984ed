"""Cloud Tasks for tests: CreateTask and GetQueue of google.cloud.tasks.v2 over gRPC, dispatch by the test's clock.

Enforced as published: names and their memory of a day, 30 days ahead, 1 MiB, the queue's retries, one account a token.
Sources: google.cloud.tasks.v2 reference (CreateTaskRequest, RetryConfig), "Quotas and limits".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.cloud.tasks_v2 import CreateTaskRequest, GetQueueRequest, HttpMethod, Queue, Task

SERVICE = "google.cloud.tasks.v2.CloudTasks"
MAX_TASK_BYTES = 1 << 20
MAX_AHEAD_SECONDS = 30 * 86_400.0
NAME_SECONDS = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)


class Refused(Exception):
    """A status that goes back."""

    def __init__(self, status: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Dispatch:
    """One HTTP request of the queue, and what its OIDC token says."""

    id: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    account: str
    audience: str
    attempt: int

    @property
    def job(self) -> str:
        """The last segment of the URL."""
        return urlsplit(self.url).path.removeprefix("/tasks/")

    @property
    def value(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass
class _Waiting:
    id: int
    task: Any
    due_at: float
    attempts: int = 0


@dataclass
class CloudQueue:
    """One queue; `retries` is its RetryConfig as JSON. `fail` may raise Refused before or after a task is made."""

    name: str
    retries: Mapping[str, Any]
    now: Callable[[], float]
    fail: Callable[[str], None] = lambda moment: None
    waiting: list[_Waiting] = field(default_factory=list)
    _taken: dict[str, float] = field(default_factory=dict)
    _made: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, request: Any) -> Any:
        """Raises Refused as Cloud Tasks would."""
        self.fail("before")
        with self._lock:
            task = request.task
            self._check(request.parent, task)
            self._made += 1
            if task.name:
                self._name(task.name)
            else:
                task.name = f"{self.name}/tasks/{self._made}"
            due_at = task.schedule_time.timestamp() if "schedule_time" in task else 0.0
            self.waiting.append(_Waiting(self._made, task, due_at))
        self.fail("after")
        return task

    def _check(self, parent: str, task: Any) -> None:
        if parent != self.name:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Requested entity was not found.")
        sent = task.http_request
        if urlsplit(sent.url).scheme not in ("http", "https") or sent.http_method != HttpMethod.POST:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "HttpRequest")
        if "@" not in sent.oidc_token.service_account_email:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "OidcToken.service_account_email")
        if len(Task.serialize(task)) > MAX_TASK_BYTES:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Task size too large")
        if "schedule_time" in task and task.schedule_time.timestamp() > self.now() + MAX_AHEAD_SECONDS:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "The schedule time must be at most 30 days ahead")

    def _name(self, full: str) -> None:
        head, _, short = full.rpartition("/")
        if head != f"{self.name}/tasks" or not _NAME.fullmatch(short):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Task.name")
        live = any(waiting.task.name == full for waiting in self.waiting)
        if live or self.now() < self._taken.get(full, 0.0):
            raise Refused(
                grpc.StatusCode.ALREADY_EXISTS,
                "The task cannot be created because a task with this name existed too recently.",
            )

    def queue(self, request: Any) -> Any:
        """The queue itself."""
        self.fail("before")
        if request.name != self.name:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Queue does not exist.")
        return Queue(name=self.name)

    def run_due(self, now: float, deliver: Callable[[Dispatch], bool]) -> int:
        """Send what is due, oldest first; how many were tried."""
        due = sorted((w for w in self.waiting if w.due_at <= now), key=lambda w: (w.due_at, w.id))
        for waiting in due:
            waiting.attempts += 1
            sent = waiting.task.http_request
            token = sent.oidc_token
            done = deliver(
                Dispatch(
                    waiting.id, sent.url, dict(sent.headers), sent.body, token.service_account_email,
                    token.audience or sent.url, waiting.attempts,
                )
            )  # fmt: skip
            if done or waiting.attempts >= self.retries["maxAttempts"]:
                self.waiting.remove(waiting)
                self._taken[waiting.task.name] = now + NAME_SECONDS
            else:
                waiting.due_at = now + self._wait_seconds(waiting.attempts)
        return len(due)

    def _wait_seconds(self, attempts: int) -> float:
        least, most = (float(self.retries[key].removesuffix("s")) for key in ("minBackoff", "maxBackoff"))
        doublings = self.retries["maxDoublings"]
        doubled = least * 2.0 ** min(attempts - 1, doublings)
        return min(most, doubled + max(0, attempts - 1 - doublings) * least * 2.0**doublings)


@contextmanager
def serving(queue: CloudQueue) -> Iterator[str]:
    """`host:port` while it serves."""

    def method(act: Callable[[Any], Any], request: Any, answer: Any) -> Any:
        def handle(asked: Any, context: grpc.ServicerContext) -> Any:
            try:
                return act(asked)
            except Refused as refused:
                context.abort(refused.status, str(refused))

        return grpc.unary_unary_rpc_method_handler(
            handle, request_deserializer=request.deserialize, response_serializer=answer.serialize
        )

    methods = {
        "CreateTask": method(queue.create, CreateTaskRequest, Task),
        "GetQueue": method(queue.queue, GetQueueRequest, Queue),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
