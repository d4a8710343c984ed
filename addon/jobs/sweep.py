"""Deletes every recording whose day has come; holds keep theirs, and one that fails stops no other."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from addon.domain.recordings import is_due
from addon.errors import AddonError
from addon.ports.documents import Away
from addon.ports.outside import Ports
from addon.ports.tasks import Job
from addon.store.tenancy import DueRecording, Tenancy
from addon.usecases.forget_recording import forget_recording

PAGE = 100
log = logging.getLogger("addon.sweep")


def sweep(tenancy: Tenancy, ports: Ports, body: Mapping[str, Any]) -> int:
    """How many of one page were deleted; a full page enqueues the next, so that no run is long.

    `body`: `run` names the run, `after` is where the page before ended. What fails is tried again by the next run.
    """
    now = ports.now()
    page = tenancy.due_recordings(now, PAGE, _place(body.get("after")))
    done = sum(_forget(due, now, tenancy, ports) for due in page)
    if len(page) == PAGE:
        run, after = str(body.get("run") or int(now)), page[-1].place
        tail = hashlib.sha256(after[1].encode()).hexdigest()[:16]
        ports.tasks.enqueue(Job.SWEEP, {"run": run, "after": list(after)}, name=f"{run}-{tail}")
    return done


def _place(after: Any) -> tuple[float, str] | None:
    return (float(after[0]), str(after[1])) if after else None


def _forget(due: DueRecording, now: float, tenancy: Tenancy, ports: Ports) -> bool:
    store = tenancy.of(due.tenant)
    try:
        recording = store.recordings.get(due.user, due.call)
        if recording is None or not is_due(recording, now=now):
            return False
        forget_recording(due.call, due.user, "sweep", store, ports)
    except Away:
        raise
    except AddonError as error:
        log.warning("a due recording stays", extra={"call_id": due.call, "reason": error.key})
        return False
    except Exception:  # one broken row must not keep the others past their day
        log.exception("a due recording stays", extra={"call_id": due.call})
        return False
    return True
