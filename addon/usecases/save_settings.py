"""Saves what the user chose; a shorter retention moves the purge dates of recordings that are there."""

from __future__ import annotations

import logging
from dataclasses import replace

from addon.domain.recordings import purge_at
from addon.domain.tenant import Settings, Tenant
from addon.ports.objects import ObjectsError
from addon.ports.outside import Ports
from addon.store.tenants import TenantStore
from contract.numbers import UserId

log = logging.getLogger("addon.settings")


def save_settings(settings: Settings, user: UserId, tenant: Tenant, store: TenantStore, ports: Ports) -> int:
    """How many recordings now go earlier; raises Stale when the settings changed meanwhile."""
    kept = min(max(1, settings.retention_days), tenant.retention_max_days)
    store.settings.save(user, replace(settings, retention_days=kept))
    store.audit.add(user, "settings.saved", "calls", ports.now())
    moved = 0
    for recording in store.recordings.every(user):
        due = purge_at(recording.started_at + recording.seconds, kept, tenant.retention_max_days)
        if due < recording.purge_at:
            store.recordings.put(user, replace(recording, purge_at=due))
            moved += 1
            try:
                ports.objects.set_purge_at(recording.object, due)
            except ObjectsError as error:  # the row's date is the one that the sweep goes by
                log.warning("an object keeps a later date than its row", extra={"error": type(error).__name__})
    return moved
