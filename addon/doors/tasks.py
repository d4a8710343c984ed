"""POST /tasks/{job}: only the queue's own service account, proven by an OIDC token for exactly this URL, starts a job.

Headers such as X-AppEngine-Cron or X-CloudTasks-QueueName prove nothing and are not read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from addon.doors.google import NotGoogle, Verifier
from addon.jobs.expire import expire
from addon.jobs.sweep import sweep
from addon.ports.documents import Away, Conflict
from addon.ports.objects import ObjectsAway
from addon.ports.outside import Ports
from addon.ports.tasks import Job, TasksAway
from addon.store.tenancy import Tenancy

Work = Callable[[Tenancy, Ports, Mapping[str, Any]], int]
MAX_BODY_BYTES = 100_000
log = logging.getLogger("addon.tasks")

JOBS: dict[Job, Work] = {
    Job.SWEEP: sweep,
    Job.EXPIRE: expire,
}


@dataclass(frozen=True, slots=True)
class TaskDoor:
    """`start` needs `genuine` first."""

    verifier: Verifier
    base_url: str
    tenancy: Tenancy
    ports: Ports

    def genuine(self, job: Job, authorization: str) -> bool:
        """Whether the queue's account asks for exactly this job."""
        try:
            self.verifier.check_system(authorization, f"{self.base_url}/tasks/{job.value}")
        except NotGoogle:
            return False
        return True

    def start(self, job: Job, body: bytes) -> tuple[int, dict[str, Any]]:
        """Status and answer: 200 done, 400 not a task, 503 when a part is away and the queue should come again."""
        try:
            found = json.loads(body or b"{}")
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            return 400, {"error": "the body is not a JSON object"}
        try:
            done = JOBS[job](self.tenancy, self.ports, found)
        except (Away, Conflict, ObjectsAway, TasksAway) as error:
            log.warning("a job waits", extra={"job": job.value, "reason": type(error).__name__})
            return 503, {"error": "a part is away"}
        log.info("a job ran", extra={"job": job.value, "done": done})
        return 200, {"done": done}
