"""What will happen if I call: the one decision for cards, webphone, forwards and call-backs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers

from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, is_granted
from addon.domain.places import is_emergency, is_premium, notice_language
from addon.domain.spelling import digits_of, kind_and_region, public_number
from addon.domain.tenant import Settings, Tenant, User
from contract.calls import Device, RecordingPlan, RecordingRule

MAX_NUMBERS_KNOWN = 4096
MAX_CALLS_PER_MINUTE = 6
MAX_INTERNATIONAL_LIVE = 2
MAX_CALL_SECONDS = 14400
EXTENSION_DIGITS = range(2, 7)
CLOCK_SKEW_SECONDS = 60.0
# Reserved against the tenant's daily cap when a call starts; the real price is the carrier's.
RESERVED_CENTS = {"internal": 0, "emergency": 0, "toll-free": 0, "local": 5, "special": 50, "international": 100}
_SPECIAL = frozenset(
    {
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
        phonenumbers.PhoneNumberType.UAN,
        phonenumbers.PhoneNumberType.PAGER,
        phonenumbers.PhoneNumberType.VOICEMAIL,
        phonenumbers.PhoneNumberType.UNKNOWN,
    }
)


class Verdict(StrEnum):
    """Why a call may or may not be placed."""

    ALLOWED = "allowed"
    EMERGENCY = "emergency"
    NOT_A_NUMBER = "not-a-number"
    COUNTRY_NOT_ALLOWED = "country-not-allowed"
    PREMIUM = "premium"
    TOO_MANY_CALLS = "too-many-calls"
    TOO_MANY_INTERNATIONAL = "too-many-international"
    COST_CAP = "cost-cap"
    NO_LINE = "no-line"
    LINE_DOWN = "line-down"
    SUSPENDED = "suspended"
    BLOCKED = "blocked"
    NO_DEVICE = "no-device"
    OVERLOADED = "overloaded"


# Verdicts that pass by themselves or by the administrator's hand; each is worth an alarm.
LIMITS = frozenset({Verdict.TOO_MANY_CALLS, Verdict.TOO_MANY_INTERNATIONAL, Verdict.COST_CAP})


@dataclass(frozen=True, slots=True)
class DialPlan:
    """The decision. `dial` is what goes to the PBX; `e164` is "" for an extension or emergency number."""

    verdict: Verdict
    dial: str
    e164: str
    shown: str
    region: str
    device: Device
    recording: RecordingPlan
    retention_days: int
    cost_class: str = "local"

    @property
    def may_call(self) -> bool:
        """Whether the call may be placed."""
        return self.verdict is Verdict.ALLOWED or self.verdict is Verdict.EMERGENCY


@dataclass(frozen=True, slots=True)
class Usage:
    """What was dialled lately: by the user in the last minute and abroad now, by the tenant today."""

    calls_last_minute: int = 0
    international_live: int = 0
    cost_today_cents: int = 0


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a spelling leads and whether the place may be dialled at all."""

    verdict: Verdict
    dial: str = ""
    e164: str = ""
    shown: str = ""
    region: str = ""
    cost_class: str = "local"


@dataclass(frozen=True, slots=True)
class _Number:
    """What the numbering plans say of a valid public number: facts of the metadata, no decision."""

    e164: str
    shown: str
    region: str
    kind: int


@functools.lru_cache(maxsize=MAX_NUMBERS_KNOWN)
def _number(digits: str, region: str) -> _Number | None:
    number = public_number(digits, region) if digits else None
    if number is None:
        return None
    kind, home = kind_and_region(number)
    return _Number(
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
        home,
        kind,
    )


def e164_of(to: str, region: str) -> str:
    """The public number behind a spelling dialled in `region`, "" for an extension or nonsense."""
    digits = digits_of(to)
    number = None if digits.isdigit() and len(digits) in EXTENSION_DIGITS else _number(digits, region)
    return number.e164 if number else ""


def _target(to: str, tenant: Tenant) -> _Target:
    digits = digits_of(to)
    help_digits = digits.removeprefix("+")
    if is_emergency(help_digits, tenant.region):
        return _Target(Verdict.EMERGENCY, help_digits, "", help_digits, tenant.region, "emergency")
    if digits.isdigit() and len(digits) in EXTENSION_DIGITS:
        return _Target(Verdict.ALLOWED, digits, "", digits, tenant.region, "internal")
    number = _number(digits, tenant.region)
    if number is None:
        return _Target(Verdict.NOT_A_NUMBER, shown=digits)
    verdict, cost_class = _price(number, tenant)
    return _Target(verdict, number.e164, number.e164, number.shown, number.region, cost_class)


def _price(number: _Number, tenant: Tenant) -> tuple[Verdict, str]:
    kind, region = number.kind, number.region
    listed = bool(region) and region in tenant.allowed_regions
    if kind == phonenumbers.PhoneNumberType.PREMIUM_RATE or is_premium(number.e164):
        return Verdict.PREMIUM, "premium"
    if kind in _SPECIAL:
        return (Verdict.ALLOWED if listed else Verdict.PREMIUM), "special"
    if region != tenant.region and not listed:
        return Verdict.COUNTRY_NOT_ALLOWED, "international"
    if region != tenant.region:
        return Verdict.ALLOWED, "international"
    return Verdict.ALLOWED, "toll-free" if kind == phonenumbers.PhoneNumberType.TOLL_FREE else "local"


def over_limit(cost_class: str, usage: Usage, tenant: Tenant) -> Verdict | None:
    """The limit that one more call of this class would break, if any; emergency calls break none."""
    if cost_class == "emergency":
        return None
    if usage.calls_last_minute >= MAX_CALLS_PER_MINUTE:
        return Verdict.TOO_MANY_CALLS
    if cost_class == "international" and usage.international_live >= MAX_INTERNATIONAL_LIVE:
        return Verdict.TOO_MANY_INTERNATIONAL
    cents = RESERVED_CENTS[cost_class]
    return Verdict.COST_CAP if cents and usage.cost_today_cents + cents > tenant.day_cost_cap_cents else None


def recording_plan(region: str, tenant: Tenant, settings: Settings, consent: Consent | None) -> RecordingPlan:
    """Recorded only if the tenant, both places, the user's settings and a current consent all say so."""
    places = {region or tenant.region, tenant.region}
    if not tenant.recording_allowed:
        rule = RecordingRule.TENANT_OFF
    elif places & set(tenant.places_without_recording):
        rule = RecordingRule.PLACE_FORBIDS
    elif not settings.record_calls:
        rule = RecordingRule.USER_OFF
    elif not is_granted(consent, RECORDING_TEXT_VERSION):
        rule = RecordingRule.NO_CONSENT
    else:
        rule = RecordingRule.RECORDED
    record = rule is RecordingRule.RECORDED
    consent_id = consent.id if record and consent else ""
    return RecordingPlan(record, rule, notice_language(region or tenant.region), consent_id=consent_id)


def authorise(
    to: str,
    *,
    user: User,
    tenant: Tenant,
    settings: Settings,
    consent: Consent | None,
    usage: Usage,
    blocked: bool,
    now: float,
) -> DialPlan:
    """Whether and how `user` may call `to`: one verdict for every spelling; a stale consent never records.

    `now` guards against a consent from the future; the limits themselves come in `usage`.
    """
    target = _target(to, tenant)
    verdict = target.verdict
    if verdict is Verdict.ALLOWED:
        verdict = _standing(user, tenant, blocked) or over_limit(target.cost_class, usage, tenant) or verdict
    current = consent if consent is not None and consent.at <= now + CLOCK_SKEW_SECONDS else None
    recording = recording_plan(target.region, tenant, settings, current)
    if verdict is Verdict.EMERGENCY:
        recording = RecordingPlan(False, RecordingRule.EMERGENCY, recording.notice_language)
    retention_days = min(settings.retention_days, tenant.retention_max_days)
    return DialPlan(
        verdict,
        target.dial,
        target.e164,
        target.shown,
        target.region,
        settings.device,
        recording,
        retention_days,
        target.cost_class,
    )


def _standing(user: User, tenant: Tenant, blocked: bool) -> Verdict | None:
    if user.suspended or tenant.suspended:
        return Verdict.SUSPENDED
    if blocked:
        return Verdict.BLOCKED
    return None if user.line is not None else Verdict.NO_LINE
