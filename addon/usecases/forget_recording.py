"""Deletes a recording: the bytes, then row and audit line together, so that the line is written once."""

from __future__ import annotations

from addon.domain.recordings import Recording
from addon.errors import Gone, OnHold, PartAway
from addon.ports.objects import Changed, Held, NoObject, ObjectsAway
from addon.ports.outside import Ports
from addon.store.tenants import TenantStore
from contract.calls import CallId
from contract.numbers import UserId


def forget_recording(call: CallId, user: UserId, actor: str, store: TenantStore, ports: Ports) -> Recording:
    """Raises Gone when it is not the user's or was replaced, OnHold, and PartAway when the bytes cannot be reached."""
    recording = store.recordings.get(user, call)
    if recording is None:
        raise Gone
    if recording.holds:
        raise OnHold
    try:
        ports.objects.delete(recording.object, recording.generation)
    except NoObject:
        pass
    except Held as error:
        raise OnHold from error
    except Changed as error:
        raise Gone from error
    except ObjectsAway as error:
        raise PartAway from error
    store.recordings.forget(user, call, store.audit, actor, ports.now())
    return recording
