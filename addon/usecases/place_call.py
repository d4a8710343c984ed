"""Decides about a call and, when it may be placed, has telephony place it."""

from __future__ import annotations

import logging

from addon.domain.consent import RECORDING_TEXT_VERSION, ConsentKind
from addon.domain.dialing import LIMITS, MAX_CALL_SECONDS, DialPlan, Verdict, authorise, e164_of
from addon.domain.people import Person
from addon.domain.tenant import Settings, Tenant, User
from addon.errors import PartAway
from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from addon.store.before_call import BeforeCall
from addon.store.tenants import TenantStore
from contract.calls import CallId, Party, RecordingRule
from contract.commands import PlaceCall

_REFUSALS = {
    "no-line": Verdict.NO_LINE, "line-down": Verdict.LINE_DOWN, "no-device": Verdict.NO_DEVICE, "overloaded": Verdict.OVERLOADED,
}  # fmt: skip
log = logging.getLogger("addon.calls")


def plan_call(to: str, user: User, tenant: Tenant, settings: Settings, store: TenantStore, *, now: float) -> DialPlan:
    """What will happen if the user calls `to` now; nothing is counted."""
    e164 = e164_of(to, tenant.region)
    return plan_with(store.before_call(user.id, [e164] if e164 else [], now), to, user, tenant, settings, now=now)


def plan_with(before: BeforeCall, to: str, user: User, tenant: Tenant, settings: Settings, *, now: float) -> DialPlan:
    """The same from facts that were read a moment ago, for the card that shows several numbers."""
    blocked = e164_of(to, tenant.region) in before.blocked
    return authorise(
        to, user=user, tenant=tenant, settings=settings, consent=before.consent, usage=before.usage, blocked=blocked,
        now=now,
    )  # fmt: skip


def needs_consent(plan: DialPlan, user: User, store: TenantStore) -> bool:
    """Whether only a decision is missing for this call to be recorded: never taken, or taken about an older text."""
    if plan.recording.rule is not RecordingRule.NO_CONSENT:
        return False
    latest = store.consents.latest(user.id, ConsentKind.RECORDING)
    return latest is None or latest.version != RECORDING_TEXT_VERSION


def place_call(
    plan: DialPlan,
    user: User,
    tenant: Tenant,
    store: TenantStore,
    ports: Ports,
    callee: Person | None = None,
    call_id: CallId | None = None,
) -> tuple[CallId | None, Verdict]:
    """The call's id, or the verdict of a limit or of telephony; raises PartAway.

    A `call_id` that was placed before is neither placed nor counted again. What certainly was not placed is not
    counted either.
    """
    call = call_id or CallId(ports.new_id())
    verdict = store.usage.reserve_call(user.id, call, plan, tenant, ports.now())
    if verdict not in {Verdict.ALLOWED, Verdict.EMERGENCY}:
        if verdict in LIMITS:
            log.warning("a limit stopped a call", extra={"tenant": tenant.id, "user": user.id, "limit": verdict.value})
        return None, verdict
    if user.line is None:
        store.usage.refund(user.id, call)
        return None, Verdict.NO_LINE
    party = Party(plan.e164 or plan.dial, callee.name if callee else "", plan.shown)
    command = PlaceCall(
        call, tenant.id, user.id, plan.device, user.line, plan.dial, party, plan.recording, MAX_CALL_SECONDS,
        emergency=plan.verdict is Verdict.EMERGENCY,
    )  # fmt: skip
    try:
        result = ports.telephony.send(command)
    except TelephonyAway as error:
        if not error.maybe_done:
            store.usage.refund(user.id, call)
        raise PartAway from error
    if not result.accepted:
        store.usage.refund(user.id, call)
        if result.reason not in _REFUSALS:
            raise PartAway
        return None, _REFUSALS[result.reason]
    return call, Verdict.ALLOWED
