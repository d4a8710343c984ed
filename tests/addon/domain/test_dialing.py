"""One dial policy: fraud limits F1 to F3, emergency numbers, and what is recorded by which rule."""

from __future__ import annotations

from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, ConsentKind
from addon.domain.dialing import DialPlan, Usage, Verdict, authorise
from addon.domain.spelling import public_number
from addon.domain.tenant import Settings, Tenant, User
from contract.calls import RecordingRule
from contract.numbers import LineId, TenantId, UserId

pytestmark = pytest.mark.pure
TENANT = Tenant(TenantId("acme"), "Acme", ("acme.example",), region="EC")
USER = User(UserId("alice"), TenantId("acme"), "alice@acme.example", "Alice", "1001", line=LineId("main"))
CONSENT = Consent("c1", ConsentKind.RECORDING, RECORDING_TEXT_VERSION, True, 5.0, "card")
ON = Settings(record_calls=True)


def plan(
    to: str,
    *,
    user: User = USER,
    tenant: Tenant = TENANT,
    chosen: Settings = ON,
    consent: Consent | None = CONSENT,
    usage: Usage = Usage(),  # noqa: B008 -- frozen
    blocked: bool = False,
) -> DialPlan:
    return authorise(
        to, user=user, tenant=tenant, settings=chosen, consent=consent, usage=usage, blocked=blocked, now=10.0
    )


SPELLINGS = ["+593987654321", "00593987654321", "011593987654321", "0987654321", "tel:+593987654321"]


@pytest.mark.parametrize("to", [*SPELLINGS, "+593 (0) 98 765 4321", "٠٩٨٧٦٥٤٣٢١", "tel:+593-98-765-4321;ext=12"])
def test_a_home_number_is_allowed_in_every_spelling(to: str) -> None:
    found = plan(to)
    assert (found.verdict, found.e164, found.dial, found.cost_class) == (
        Verdict.ALLOWED,
        "+593987654321",
        "+593987654321",
        "local",
    )


FULLWIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
TARGETS = {
    "EC": ("+593987654321", "+18095551234", "+442079460958", "+447012345678", "+19005551234", "+881612345678"),
    "US": ("+12125550123", "+18765551234", "+593987654321", "+19002345678", "+870773111632"),
    "AR": ("+5491123456789", "+34806123456", "+442079460958", "+18295551234"),
}


@settings(max_examples=1200, deadline=None)
@given(data=st.data())
def test_a_thousand_spellings_have_one_verdict(data: st.DataObject) -> None:
    region = data.draw(st.sampled_from(sorted(TARGETS)))
    e164 = data.draw(st.sampled_from(TARGETS[region]))
    tenant = replace(TENANT, region=region)
    digits = e164[1:]
    gaps = data.draw(
        st.lists(
            st.sampled_from(["", " ", "-", ".", "\u00a0", "\u202a", "\u200b"]),
            min_size=len(digits),
            max_size=len(digits),
        )
    )
    body = "".join(d + g for d, g in zip(digits, gaps, strict=True))
    prefix = data.draw(st.sampled_from(["+", "00", "tel:+", "TEL:+", "%2B"] + ([] if region == "AR" else ["011"])))
    tail = data.draw(st.sampled_from(["", ",,123", ";ext=12", ";phone-context=+1", "p99", " ext 5", "w1", ";isub=1"]))
    text = (prefix + body + tail).translate(
        data.draw(st.sampled_from([{}, FULLWIDTH, ARABIC])) if "%" not in prefix else {}
    )
    want, got = plan(e164, tenant=tenant), plan(text, tenant=tenant)
    assert (got.verdict, got.e164) == (want.verdict, want.e164), ascii(text)


@pytest.mark.parametrize("to", ["*21*+442079460958#", "*67+442079460958", "1-800-FLOWERS", "sip:600@evil.example", "", "+", "+600",
                                "+593", "x" * 300, "+44\r\nRoute: x", "9" * 30, "98765432100000;tel", "#31#0987654321"])  # fmt: skip
def test_what_is_no_plain_number_is_never_dialled(to: str) -> None:
    found = plan(to)
    assert found.verdict is Verdict.NOT_A_NUMBER and found.dial == ""


def expensive() -> list[str]:
    """Example numbers of every region of the kinds that charge, and every region beside home."""
    kinds = phonenumbers.PhoneNumberType
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (kinds.PREMIUM_RATE, kinds.SHARED_COST, kinds.PERSONAL_NUMBER, kinds.UAN, kinds.MOBILE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None and not (region == "EC" and kind == kinds.MOBILE):
                found.append(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        example = phonenumbers.example_number_for_non_geo_entity(code)
        found.append(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
    return found


def test_premium_foreign_satellite_and_shared_cost_numbers_are_denied_by_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = expensive()
    with capsys.disabled():
        print(f"\nfraud: {len(numbers)} numbers tried")
    assert len(numbers) >= 300
    assert [n for n in numbers if plan(n).may_call] == []


def test_premium_is_denied_even_where_the_region_is_listed() -> None:
    everywhere = replace(TENANT, allowed_regions=(*sorted(phonenumbers.SUPPORTED_REGIONS), "001"))
    kinds = phonenumbers.PhoneNumberType
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(region, kinds.PREMIUM_RATE)
        if number is not None and phonenumbers.number_type(number) == kinds.PREMIUM_RATE:
            e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
            assert plan(e164, tenant=everywhere).verdict is Verdict.PREMIUM
    assert plan("+442079460958", tenant=everywhere).verdict is Verdict.ALLOWED
    assert plan("+18095551234", tenant=everywhere).cost_class == "international"


@pytest.mark.parametrize(
    ("to", "region"),
    [
        ("911", "EC"),
        ("112", "EC"),
        ("+911", "EC"),
        ("tel:911;phone-context=+1", "EC"),
        ("9-1-1", "EC"),
        ("999", "GB"),
        ("190", "BR"),
        ("123", "CO"),
        ("911", "DE"),
    ],
)
def test_emergency_numbers_always_pass_and_are_not_recorded(to: str, region: str) -> None:
    tenant = replace(TENANT, region=region, suspended=True)
    user = replace(USER, suspended=True, line=None)
    found = plan(to, user=user, tenant=tenant, usage=Usage(99, 99, 10**9), blocked=True)
    assert found.verdict is Verdict.EMERGENCY and found.may_call and not found.recording.record


def test_extensions_of_the_pbx_pass_and_cost_nothing() -> None:
    for to in ("60", "600", "2001", "123456"):
        found = plan(to, usage=Usage(0, 9, 10**9))
        assert (found.verdict, found.dial, found.e164, found.cost_class) == (Verdict.ALLOWED, to, "", "internal")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"usage": Usage(6, 0, 0)}, Verdict.TOO_MANY_CALLS),
        ({"usage": Usage(5, 0, 0)}, Verdict.ALLOWED),
        ({"usage": Usage(0, 0, 4996)}, Verdict.COST_CAP),
        ({"usage": Usage(0, 0, 4995)}, Verdict.ALLOWED),
        ({"blocked": True}, Verdict.BLOCKED),
        ({"user": replace(USER, suspended=True)}, Verdict.SUSPENDED),
        ({"tenant": replace(TENANT, suspended=True)}, Verdict.SUSPENDED),
        ({"user": replace(USER, line=None)}, Verdict.NO_LINE),
    ],
)
def test_limits_and_standing(changes: dict[str, object], verdict: Verdict) -> None:
    assert plan("0987654321", **changes).verdict is verdict  # type: ignore[arg-type] # each case names one argument


def test_a_third_international_call_is_refused() -> None:
    tenant = replace(TENANT, allowed_regions=("GB",))
    assert plan("+442079460958", tenant=tenant, usage=Usage(0, 1, 0)).verdict is Verdict.ALLOWED
    assert plan("+442079460958", tenant=tenant, usage=Usage(0, 2, 0)).verdict is Verdict.TOO_MANY_INTERNATIONAL


@pytest.mark.parametrize(
    ("to", "tenant", "chosen", "consent", "rule"),
    [
        ("0987654321", TENANT, ON, CONSENT, RecordingRule.RECORDED),
        ("0987654321", TENANT, Settings(), CONSENT, RecordingRule.USER_OFF),
        ("0987654321", TENANT, ON, None, RecordingRule.NO_CONSENT),
        ("0987654321", TENANT, ON, replace(CONSENT, granted=False), RecordingRule.NO_CONSENT),
        ("0987654321", TENANT, ON, replace(CONSENT, version="old"), RecordingRule.NO_CONSENT),
        ("0987654321", TENANT, ON, replace(CONSENT, at=71.0), RecordingRule.NO_CONSENT),
        ("0987654321", replace(TENANT, recording_allowed=False), ON, CONSENT, RecordingRule.TENANT_OFF),
        ("+4930901820", replace(TENANT, places_without_recording=("DE",)), ON, CONSENT, RecordingRule.PLACE_FORBIDS),
        ("600", replace(TENANT, places_without_recording=("EC",)), ON, CONSENT, RecordingRule.PLACE_FORBIDS),
    ],
)
def test_recording_needs_every_yes(
    to: str, tenant: Tenant, chosen: Settings, consent: Consent | None, rule: RecordingRule
) -> None:
    found = plan(to, tenant=tenant, chosen=chosen, consent=consent).recording
    assert (found.rule, found.record) == (rule, rule is RecordingRule.RECORDED)


@pytest.mark.parametrize(
    ("to", "language"), [("0987654321", "es"), ("+551140041234", "pt"), ("+442079460958", "en"), ("600", "es")]
)
def test_the_notice_speaks_the_callees_language(to: str, language: str) -> None:
    assert plan(to).recording.notice_language == language


def test_retention_never_exceeds_the_tenants_maximum() -> None:
    assert plan("600", chosen=Settings(retention_days=400)).retention_days == 365


@pytest.mark.parametrize(
    ("digits", "region", "known"),
    [("07700900123", "GB", True), ("+447700900999", "EC", True), ("+447700901000", "EC", False), ("+17700900123", "EC", False)],
)  # fmt: skip
def test_ofcoms_mobile_numbers_for_examples_are_numbers(digits: str, region: str, known: bool) -> None:
    assert (public_number(digits, region) is not None) is known


def test_ofcoms_mobile_numbers_for_examples_have_the_verdict_of_other_british_mobiles() -> None:
    for tenant in (TENANT, replace(TENANT, allowed_regions=("GB",)), replace(TENANT, region="GB")):
        example, other = plan("+447700900123", tenant=tenant), plan("+447400123456", tenant=tenant)
        said = (example.verdict, example.cost_class, example.region, example.recording)
        assert said == (other.verdict, other.cost_class, other.region, other.recording)
        assert example.region == "GB"
    assert plan("+447700900123").verdict is Verdict.COUNTRY_NOT_ALLOWED
