"""Recordings with bytes, stored as telephony's events would have stored them."""

from __future__ import annotations

import hashlib

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from addon.ports.objects import Objects
from addon.store.tenants import TenantStore
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import UserId

PEER = Party("+593987654321", "Ana")


def sound(call: str) -> bytes:
    """Bytes that are this call's only."""
    return f"RIFF sound of {call} ".encode() * 50


def seed_recording(store: TenantStore, objects: Objects, user: str, call: str, purge_at: float) -> Recording:
    """A call record, its recording's row and its bytes."""
    data, name = sound(call), f"{store.tenant}/{user}/recording/202611/{call}"
    stored = objects.write(
        objects.start_upload(name, len(data), hashlib.sha256(data).hexdigest(), "audio/wav", purge_at), 0, data
    )
    assert stored is not None
    store.calls.add(
        UserId(user),
        CallRecord(
            CallId(call),
            Direction.OUTBOUND,
            Device.BROWSER,
            PEER,
            Outcome.COMPLETED,
            purge_at - 100,
            purge_at - 90,
            purge_at - 40,
            50.0,
            RecordingRule.RECORDED,
            call,
        ),
    )
    recording = Recording(
        CallId(call), name, stored.generation, stored.size_bytes, stored.sha256, 50.0, purge_at - 90, PEER, purge_at
    )
    store.recordings.add(UserId(user), recording)
    return recording
