"""Nothing expensive passes by default from any country, help is always called, and no spelling disguises a number."""

from __future__ import annotations

import re
from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from addon.domain.dialing import Usage, Verdict
from addon.domain.tenant import Settings, Tenant, User
from tests.addon.domain.test_dialing import TENANT, USER, plan

pytestmark = pytest.mark.pure
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
CHARGED = (
    PhoneNumberType.PREMIUM_RATE,
    PhoneNumberType.PERSONAL_NUMBER,
    PhoneNumberType.SHARED_COST,
    PhoneNumberType.PAGER,
)
# Where calling fraud is sold: small islands of +1, satellites, international networks, audiotext ranges.
LISTED = [
    "+1242", "+1246", "+1264", "+1268", "+1284", "+1340", "+1345", "+1441", "+1473", "+1649", "+1658", "+1664", "+1721", "+1758", "+1767",
    "+1784", "+1787", "+1809", "+1829", "+1849", "+1868", "+1869", "+1876", "+1939",
]  # fmt: skip
SATELLITE = ["+881612345678", "+881712345678", "+870773111632", "+870600123456", "+88213123456", "+8823501234567", "+88216123456789",
             "+883510012345678", "+97901234567", "+80812345678", "+80012345678", "+8781012345678"]  # fmt: skip


def at_home(region: str) -> Tenant:
    return replace(TENANT, region=region)


def test_the_charged_numbers_of_every_country_are_refused_at_home_and_abroad_in_both_spellings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried, passed = 0, []
    for region in REGIONS:
        for kind in CHARGED:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is None or phonenumbers.number_type(number) != kind:
                continue
            e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            for to, tenant in ((e164, at_home(region)), (national, at_home(region)), (e164, TENANT)):
                tried += 1
                found = plan(to, tenant=tenant)
                # Some national spellings of a charged number mean another, ordinary number of that country.
                same = found.e164 in {"", e164}
                if found.may_call and found.cost_class != "internal" and same:
                    passed.append((region, to))
    with capsys.disabled():
        print(f"\ncharged numbers: {tried} tried from {len(REGIONS)} countries, {len(passed)} passed")
    assert tried >= 500 and passed == []


def test_caribbean_numbers_of_plus_one_are_abroad_for_everybody_on_the_mainland() -> None:
    numbers = [prefix + "5551234" for prefix in LISTED]
    for home in ("US", "CA", "EC"):
        for to in [*numbers, *(n[2:] for n in numbers), *("1" + n[2:] for n in numbers)]:
            if home == "EC" and not to.startswith("+"):
                continue
            assert not plan(to, tenant=at_home(home)).may_call, (home, to)
    assert len(numbers) >= 20


@pytest.mark.parametrize("home", ["EC", "US", "GB", "DE", "BR", "MX", "CO", "AR"])
def test_satellites_and_networks_without_a_country_are_refused_even_when_every_country_is_listed(home: str) -> None:
    everywhere = replace(at_home(home), allowed_regions=tuple(REGIONS))
    assert [
        n
        for n in SATELLITE
        for t in (at_home(home), everywhere)
        if plan(n, tenant=t).may_call and not n.startswith("+800")
    ] == []


@pytest.mark.parametrize("to", ["+12129761234", "+1 (212) 976-1234", "001 212 976 1234", "+13059760000"])
def test_exchange_976_is_refused_although_the_numbering_plan_calls_it_ordinary(to: str) -> None:
    assert phonenumbers.number_type(phonenumbers.parse("+12129761234")) != PhoneNumberType.PREMIUM_RATE
    for tenant in (at_home("US"), replace(TENANT, allowed_regions=("US",))):
        assert plan(to, tenant=tenant).verdict is Verdict.PREMIUM
    assert plan("+12125551234", tenant=at_home("US")).may_call


def emergency_numbers(region: str) -> list[str]:
    """Every number of two to four digits that the region's numbering plan calls an emergency number."""
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is None or metadata.emergency is None or not metadata.emergency.national_number_pattern:
        return []
    pattern = re.compile(metadata.emergency.national_number_pattern)
    return [f"{n:0{width}d}" for width in (2, 3, 4) for n in range(10**width) if pattern.fullmatch(f"{n:0{width}d}")]


WORST: dict[str, object] = {
    "user": replace(USER, suspended=True, line=None), "usage": Usage(10**6, 10**6, 10**9), "blocked": True, "consent": None, "chosen": Settings(),
}  # fmt: skip


def test_help_is_called_from_every_country_whatever_else_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    tried, countries, refused = 0, 0, []
    for region in REGIONS:
        numbers = sorted({*emergency_numbers(region), "112", "911"})
        countries += len(numbers) > 2
        tenant = replace(at_home(region), suspended=True, day_cost_cap_cents=0, allowed_regions=())
        for number in numbers:
            for to in (number, f"+{number}", f"tel:{number}", f" {'-'.join(number)} ", number.translate(FULLWIDTH)):
                tried += 1
                found = plan(to, tenant=tenant, **WORST)  # type: ignore[arg-type] # each value is of its argument's type
                if found.verdict is not Verdict.EMERGENCY or found.dial != number or found.recording.record:
                    refused.append((region, to, found.verdict))
    with capsys.disabled():
        print(f"\nemergency: {tried} spellings from {len(REGIONS)} countries, {len(refused)} refused")
    assert countries >= 150 and tried >= 4000 and refused == []


FULLWIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def test_an_emergency_call_is_not_recorded_even_where_everything_else_is() -> None:
    found = plan("911")
    assert plan("0987654321").recording.record and not found.recording.record


@settings(max_examples=1500, deadline=None)
@given(
    st.text(alphabet="0123456789+*#,;pPwWxX()-. /%2B~٠١٢９telTEL:ext=\u200b\u202e\u00a0", max_size=40),
    st.sampled_from(["EC", "US", "GB", "DE", "BR", "MX", "CO", "AR"]),
)
def test_whatever_is_typed_what_is_dialled_has_the_verdict_that_was_given(text: str, region: str) -> None:
    tenant = replace(at_home(region), allowed_regions=("US",))
    first = plan(text, tenant=tenant)
    assert re.fullmatch(r"\+?[0-9]*", first.dial)
    if not first.may_call:
        return
    again = plan(first.dial, tenant=tenant)
    assert (again.verdict, again.dial, again.cost_class) == (first.verdict, first.dial, first.cost_class)
    assert len(first.dial) <= 6 or first.dial.startswith("+")


DISGUISES = [
    "{d}", "+{d}", "00{d}", "011{d}", "+ {d}", "tel:+{d}", "TEL:+{d}", "tel:%2B{d}", "%2B{d}", "callto:+{d}", "tel://+{d}", "+{d};ext=9", "+{d};phone-context=+593",
    "+{d};isub=1", "+{d},,,123#", "+{d}p123", "+{d} w 123", "+{d} x 7", "+{d} ext. 7", "({d0}) {d1}", "\u202a+{d}\u202c", "\u200b+{d}", "＋{d}", "+{spaced}",
    "+{dashed}", "+{dotted}", "+{arabic}", "+{full}", "+{slashed}", "  +{d}  ", "+{d}\u00a0", "\ufeff+{d}", "+{nbsp}",
]  # fmt: skip
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def spellings(e164: str) -> list[str]:
    d = e164[1:]
    parts = {
        "d": d, "d0": d[:3], "d1": d[3:], "spaced": " ".join(d), "dashed": "-".join(d), "dotted": ".".join(d), "slashed": "/".join(d),
        "arabic": d.translate(ARABIC), "full": d.translate(FULLWIDTH), "nbsp": "\u00a0".join(d),
    }  # fmt: skip
    return [pattern.format(**parts) for pattern in DISGUISES]


def test_a_thousand_disguises_of_dear_numbers_are_all_refused_like_the_plain_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dear = [
        "+19005551234",
        "+18765551234",
        "+8816123456789"[:13],
        "+447012345678",
        "+34806123456",
        "+43900123456",
        "+5931900123456",
        "+442079460958",
    ]
    tried, passed = 0, []
    for home in ("EC", "US", "BR", "DE", "GB"):
        for e164 in dear:
            tenant = at_home(home)
            if plan(e164, tenant=tenant).may_call:
                continue
            for to in spellings(e164):
                tried += 1
                found = plan(to, tenant=tenant)
                if found.may_call and found.e164 in {"", e164}:
                    passed.append((home, to))
    with capsys.disabled():
        print(f"\ndisguises: {tried} tried, {len(passed)} passed")
    assert tried >= 1000 and passed == []


def test_a_user_without_any_country_still_calls_at_home_and_inside() -> None:
    user: User = USER
    assert plan("0987654321", user=user).may_call and plan("2001", user=user).may_call
    assert not plan("+4930901820", user=user).may_call
