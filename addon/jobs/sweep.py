"""Deletes every recording whose day has come; holds keep theirs."""

from __future__ import annotations

import logging

from addon.errors import AddonError
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from addon.usecases.forget_recording import forget_recording

log = logging.getLogger("addon.sweep")


def sweep(tenancy: Tenancy, ports: Ports) -> int:
    """How many were deleted; what fails is tried again by the next run."""
    done = 0
    for due in tenancy.due_recordings(ports.now()):
        try:
            forget_recording(due.call, due.user, "sweep", tenancy.of(due.tenant), ports)
            done += 1
        except AddonError as error:
            log.warning("a due recording stays", extra={"call_id": due.call, "reason": error.key})
    return done
