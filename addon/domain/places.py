"""What a country decides: its emergency numbers, its language of notice, its numbers that are never dialled."""

from __future__ import annotations

from functools import lru_cache

from phonenumbers import shortnumberinfo

EVERYWHERE_EMERGENCY = frozenset({"112", "911"})
_SPANISH = frozenset("AR BO CL CO CR CU DO EC ES GQ GT HN MX NI PA PE PR PY SV UY VE".split())
_PORTUGUESE = frozenset("AO BR CV GW MZ PT ST TL".split())

# Premium and revenue-share ranges that are refused even where number metadata lags behind.
_PREMIUM_PREFIXES = (
    "+1900", "+979", "+449", "+3389", "+34803", "+34806", "+34807", "+34905", "+3989", "+49900", "+49190",
    "+4190", "+43900", "+43901", "+43930", "+43931", "+3190", "+3290", "+351760", "+351761", "+35315",
    "+52900", "+55900", "+54600", "+571901", "+5731901", "+5931900", "+51808", "+61190", "+48700", "+46900", "+46939",
)  # fmt: skip


@lru_cache(maxsize=4096)
def is_emergency(digits: str, region: str) -> bool:
    """Whether these digits call for help in `region`; 112 and 911 do everywhere."""
    if digits in EVERYWHERE_EMERGENCY:
        return True
    return shortnumberinfo.is_emergency_number(digits, region)


def is_premium(e164: str) -> bool:
    """Whether the number lies in a range that charges the caller for content; US exchanges 976 included."""
    return e164.startswith(_PREMIUM_PREFIXES) or (e164.startswith("+1") and e164[5:8] == "976")


def notice_language(region: str) -> str:
    """The language in which people of `region` are told about the recording: es, pt or en."""
    if region in _SPANISH:
        return "es"
    return "pt" if region in _PORTUGUESE else "en"
