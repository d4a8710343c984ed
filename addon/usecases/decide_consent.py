"""Stores a decision of the user; withdrawing one also stops what it allowed."""

from __future__ import annotations

from dataclasses import dataclass

from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, ConsentKind
from addon.ports.outside import Ports
from addon.store.tenants import TenantStore
from addon.usecases.stop_recordings import stop_recordings
from contract.numbers import UserId


@dataclass(frozen=True, slots=True)
class Decision:
    """What was stored; `still_recording` is true when a call may go on being recorded after a no."""

    consent: Consent
    still_recording: bool = False


def decide_consent(
    kind: ConsentKind, granted: bool, user: UserId, where: str, store: TenantStore, ports: Ports
) -> Decision:
    """A new decision, chained to the one before, with its audit line; a no stops the recording of calls that are up."""
    consent = Consent(ports.new_id(), kind, RECORDING_TEXT_VERSION, granted, ports.now(), where)
    stored = store.consents.add(user, consent)
    store.audit.add(user, f"consent.{kind.value}.{'granted' if granted else 'refused'}", stored.id, ports.now())
    if granted or kind is not ConsentKind.RECORDING:
        return Decision(stored)
    return Decision(stored, not stop_recordings(store.tenant, user, ports))
