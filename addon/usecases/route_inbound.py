"""Where an inbound call goes: whose extension it is, who calls, whether it is recorded."""

from __future__ import annotations

import phonenumbers

from addon.domain.consent import ConsentKind
from addon.domain.dialing import recording_plan
from addon.domain.places import notice_language
from addon.domain.spelling import digits_of, public_number
from addon.errors import Gone
from addon.store.tenancy import Tenancy
from contract.route_plan import RoutePlan, RouteRequest


def route_inbound(request: RouteRequest, tenancy: Tenancy) -> RoutePlan:
    """Raises Gone when nobody who may use the product has the extension on that line."""
    tenant = tenancy.get(request.tenant)
    store = tenancy.of(request.tenant)
    user = store.users.by_extension(request.called)
    if tenant is None or tenant.suspended or user is None or user.suspended or user.line != request.line:
        raise Gone
    settings = store.settings.get(user.id)
    number = public_number(digits_of(request.caller.address), tenant.region)
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if number else ""
    shown = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL) if number else ""
    region = phonenumbers.region_code_for_number(number) if number else tenant.region
    known = store.contacts.owner(user.id, e164) if e164 else None
    consent = store.consents.latest(user.id, ConsentKind.RECORDING)
    return RoutePlan(
        user=user.id,
        caller_name=known.name if known else "",
        recording=recording_plan(region or tenant.region, tenant, settings, consent),
        announcement_language=settings.language or notice_language(tenant.region),
        caller_address=e164,
        caller_shown=shown,
        blocked=bool(e164) and store.blocks.is_blocked(user.id, e164),
    )
