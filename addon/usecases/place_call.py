"""Decides about a call and, when it may be placed, has telephony place it."""

from __future__ import annotations

from addon.domain.consent import ConsentKind
from addon.domain.dialing import DialPlan, Verdict, authorise
from addon.domain.people import Person
from addon.domain.tenant import Settings, Tenant, User
from addon.errors import PartAway
from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from addon.store.tenants import TenantStore
from contract.calls import CallId, Party
from contract.commands import PlaceCall


def plan_call(to: str, user: User, tenant: Tenant, settings: Settings, store: TenantStore, *, now: float) -> DialPlan:
    """What will happen if the user calls `to` now; nothing is counted."""
    consent = store.consents.latest(user.id, ConsentKind.RECORDING)
    usage = store.usage.of(user.id, now)
    plan = authorise(
        to, user=user, tenant=tenant, settings=settings, consent=consent, usage=usage, blocked=False, now=now
    )
    if plan.may_call and plan.e164 and store.blocks.is_blocked(user.id, plan.e164):
        return authorise(
            to, user=user, tenant=tenant, settings=settings, consent=consent, usage=usage, blocked=True, now=now
        )
    return plan


def needs_consent(user: User, tenant: Tenant, settings: Settings, store: TenantStore) -> bool:
    """Whether the user switched recording on and never decided about it."""
    wanted = settings.record_calls and tenant.recording_allowed
    return wanted and store.consents.latest(user.id, ConsentKind.RECORDING) is None


def place_call(
    plan: DialPlan,
    user: User,
    tenant: Tenant,
    store: TenantStore,
    ports: Ports,
    callee: Person | None = None,
    call_id: CallId | None = None,
) -> tuple[CallId | None, Verdict]:
    """The call's id, or the verdict that a limit gave at the last moment; raises PartAway.

    A `call_id` that was placed before is not placed again: telephony knows it.
    """
    call = call_id or CallId(ports.new_id())
    verdict = store.usage.reserve_call(user.id, call, plan, tenant, ports.now())
    if verdict not in {Verdict.ALLOWED, Verdict.EMERGENCY}:
        return None, verdict
    if user.line is None:
        store.usage.release(user.id, call)
        return None, Verdict.NO_LINE
    party = Party(plan.e164 or plan.dial, callee.name if callee else "")
    command = PlaceCall(call, tenant.id, user.id, plan.device, user.line, plan.dial, party, plan.recording)
    try:
        result = ports.telephony.send(command)
    except TelephonyAway as error:
        store.usage.release(user.id, call)
        raise PartAway from error
    if not result.accepted:
        store.usage.release(user.id, call)
        if result.reason == "no-line":
            return None, Verdict.NO_LINE
        raise PartAway
    return call, Verdict.ALLOWED
