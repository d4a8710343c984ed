"""Turns telephony's events into records, once each however often they are delivered."""

from __future__ import annotations

from typing import assert_never

from addon.domain.call_record import CallRecord
from addon.domain.dialing import e164_of
from addon.domain.recordings import Recording, objects_of, purge_at
from addon.domain.tenant import Tenant
from addon.errors import Gone
from addon.ports.objects import NoObject
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from addon.store.tenants import TenantStore
from contract.calls import Party
from contract.events import CallEnded, Event, LineStatus, RecordingFailed, RecordingReady

MAX_PARTY_CHARS = 500


def fold(event: Event, tenancy: Tenancy, ports: Ports) -> None:
    """Raises Gone for an unknown tenant or user, and for a recording whose object is not there or not that user's."""
    tenant = tenancy.get(event.tenant)
    if tenant is None:
        raise Gone
    if isinstance(event, LineStatus):
        return
    if tenancy.of(event.tenant).users.get(event.user) is None:
        raise Gone
    match event:
        case CallEnded():
            keep_call(event, tenant, tenancy.of(event.tenant))
        case RecordingReady():
            _recording_ready(event, tenant, tenancy, ports)
        case RecordingFailed(call=call, user=user, reason=reason):
            tenancy.of(event.tenant).calls.note_failure(user, call, reason[:MAX_PARTY_CHARS])
        case _:
            assert_never(event)


def keep_call(event: CallEnded, tenant: Tenant, store: TenantStore) -> None:
    """Store a finished call, once; its number as E.164 however the PBX wrote it, so that calls with one party are found together."""
    address = e164_of(event.peer.address, tenant.region) or event.peer.address[:MAX_PARTY_CHARS]
    peer = Party(address, event.peer.name[:MAX_PARTY_CHARS])
    record = CallRecord(
        event.call, event.direction, event.device, peer, event.outcome, event.started_at, event.answered_at,
        event.ended_at, event.talk_seconds, event.recording_rule,
    )  # fmt: skip
    store.calls.add(event.user, record)
    store.usage.release(event.user, event.call)


def _recording_ready(event: RecordingReady, tenant: Tenant, tenancy: Tenancy, ports: Ports) -> None:
    store = tenancy.of(event.tenant)
    if not event.object.startswith(objects_of(event.tenant, event.user)):
        raise Gone
    try:
        stored = ports.objects.stat(event.object)
    except NoObject as error:
        raise Gone from error
    record = store.calls.get(event.user, event.call)
    ended = record.ended_at if record else ports.now()
    due = purge_at(ended, store.settings.get(event.user).retention_days, tenant.retention_max_days)
    recording = Recording(
        event.call, event.object, stored.generation, stored.size_bytes, stored.sha256, event.seconds,
        record.started_at if record else ended, record.peer if record else Party(""), due, cut_short=event.cut_short,
    )  # fmt: skip
    store.recordings.add(event.user, recording)
    store.calls.change(event.user, event.call, recording=event.call)
