"""Grants one resumable upload for one recording of a known user."""

from __future__ import annotations

import time

from addon.domain.recordings import objects_of, purge_at
from addon.errors import Gone
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from contract.uploads import UploadGrant, UploadRequest


def grant_upload(request: UploadRequest, tenancy: Tenancy, ports: Ports) -> UploadGrant:
    """The object's name is made here: tenant, user, month and a random tail; raises Gone for an unknown user."""
    tenant = tenancy.get(request.tenant)
    store = tenancy.of(request.tenant)
    if tenant is None or store.users.get(request.user) is None:
        raise Gone
    now = ports.now()
    month = time.strftime("%Y%m", time.gmtime(now))
    name = f"{objects_of(request.tenant, request.user)}{month}/{ports.new_id()}"
    due = purge_at(now, store.settings.get(request.user).retention_days, tenant.retention_max_days)
    upload = ports.objects.start_upload(name, request.size_bytes, request.sha256, request.content_type, due)
    return UploadGrant(name, f"/telephony/uploads/{upload}")
