"""The task port on Cloud Tasks, by google.cloud.tasks.v2 over gRPC: HTTP tasks with an OIDC token of our account.

The token's audience is the URL itself, which the tasks door asks for. Names are hashed: Cloud Tasks slows down on names
that look alike, and remembers one for about a day. Channels do not survive a fork.
"""

from __future__ import annotations

import datetime
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.tasks_v2 import CloudTasksClient, CreateTaskRequest, HttpMethod, HttpRequest, OidcToken, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from addon.adapters.repeat import DEADLINE_SECONDS, repeated
from addon.adapters.task_rules import check_time, encode
from addon.ports.tasks import TasksAway

# The queue's retries (RetryConfig of google.cloud.tasks.v2): as the local queue's.
RETRIES: dict[str, Any] = {"maxAttempts": 20, "minBackoff": "1s", "maxBackoff": "600s", "maxDoublings": 9}
_AGAIN = (exceptions.ServiceUnavailable, exceptions.InternalServerError)
_FAILED = (exceptions.GoogleAPICallError, exceptions.RetryError, GoogleAuthError, grpc.RpcError)


@dataclass(frozen=True, slots=True)
class CloudTasks:
    """One queue (`projects/P/locations/L/queues/Q`) that calls `base_url` in the name of `account`."""

    client: Any
    queue: str
    base_url: str
    account: str
    now: Callable[[], float]
    deadline_seconds: float = DEADLINE_SECONDS

    def enqueue(self, job: str, body: Mapping[str, Any], *, name: str = "", not_before: float = 0.0) -> bool:
        """False when a task of that name was enqueued within about a day, delivered or not."""
        content = encode(body).encode()
        check_time(not_before, self.now())
        url = f"{self.base_url}/tasks/{job}"
        task = Task(
            http_request=HttpRequest(
                url=url,
                http_method=HttpMethod.POST,
                headers={"Content-Type": "application/json"},
                body=content,
                oidc_token=OidcToken(service_account_email=self.account, audience=url),
            )
        )
        if name:
            task.name = f"{self.queue}/tasks/{hashlib.sha256(name.encode()).hexdigest()}"
        if not_before > 0:
            task.schedule_time = datetime.datetime.fromtimestamp(not_before, datetime.UTC)
        return self._create(CreateTaskRequest(parent=self.queue, task=task))

    def _create(self, request: Any) -> bool:
        tries = 0

        def call(seconds: float) -> bool:
            nonlocal tries
            tries += 1
            try:
                self.client.create_task(request=request, retry=None, timeout=seconds)
            except exceptions.AlreadyExists:
                # A try without an answer may be the one that made it.
                return tries > 1
            return True

        return self._answered(call)

    def _answered(self, call: Callable[[float], bool]) -> bool:
        try:
            return repeated(call, time.monotonic() + self.deadline_seconds, _AGAIN)
        except exceptions.InvalidArgument as error:
            raise ValueError("Cloud Tasks does not take such a task") from error
        except _FAILED as error:
            raise TasksAway(type(error).__name__) from error

    def ping(self) -> None:
        """Raises TasksAway."""
        self._answered(lambda seconds: bool(self.client.get_queue(name=self.queue, retry=None, timeout=seconds)))


def connect(
    queue: str,
    base_url: str,
    account: str,
    now: Callable[[], float],
    *,
    emulator: str = "",
    deadline_seconds: float = DEADLINE_SECONDS,
) -> CloudTasks:
    """The queue with the machine's own credentials, or a server at `host:port` without any."""
    if emulator:
        channel = grpc.insecure_channel(emulator)
    else:
        channel = CloudTasksGrpcTransport.create_channel(CloudTasksClient.DEFAULT_ENDPOINT)
    client = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    return CloudTasks(client, queue, base_url, account, now, deadline_seconds)
