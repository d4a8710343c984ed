"""Stores a decision of the user; withdrawing one also stops what it allowed."""

from __future__ import annotations

from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, ConsentKind
from addon.ports.outside import Ports
from addon.store.tenants import TenantStore
from contract.numbers import UserId


def decide_consent(
    kind: ConsentKind, granted: bool, user: UserId, where: str, store: TenantStore, ports: Ports
) -> Consent:
    """A new decision, chained to the one before, with its audit line."""
    consent = Consent(ports.new_id(), kind, RECORDING_TEXT_VERSION, granted, ports.now(), where)
    stored = store.consents.add(user, consent)
    store.audit.add(user, f"consent.{kind.value}.{'granted' if granted else 'refused'}", stored.id, ports.now())
    return stored
