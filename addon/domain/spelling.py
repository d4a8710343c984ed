"""One meaning for the many spellings of a number: what would really be dialled."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import phonenumbers

MAX_SPELLING = 200
_PLAIN = re.compile(r"\+?[0-9]+", re.ASCII)
_SCHEME = re.compile(r"(?:tel|callto):(?://)?", re.IGNORECASE)
_TAIL = re.compile(
    r"(?:;|,|\b(?:ext|extn|extension|anexo|interno|ramal|int)\b|(?<=\d)[\s.\-]*(?:x|p|w|ext)).*",
    re.IGNORECASE | re.DOTALL,
)
_SEPARATORS = re.compile(r"[\s().\-/_~\u2010-\u2015\u2212]+")


def digits_of(to: str) -> str:
    """`+` and ASCII digits of a spelling, without its scheme, parameters, pauses and extension; "" if it is no number."""
    if len(to) > MAX_SPELLING:
        return ""
    if _PLAIN.fullmatch(to):
        return to
    text = unicodedata.normalize("NFKC", unquote(to))
    text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Mn", "Me"}).strip()
    text = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
    text = (
        _TAIL.sub("", text, count=1).replace("(0)", "")
        if text.startswith(("+", "00"))
        else _TAIL.sub("", text, count=1)
    )
    text = _SEPARATORS.sub("", text)
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return text if _PLAIN.fullmatch(text) else ""


def _is_example(number: phonenumbers.PhoneNumber) -> bool:
    """Whether it is one of Ofcom's mobile numbers for drama, 07700 900000 to 900999, that no numbering plan lists."""
    return number.country_code == 44 and 7700900000 <= (number.national_number or 0) <= 7700900999


def is_public(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a numbering plan knows the number; Ofcom's mobile numbers for drama count."""
    return _is_example(number) or bool(phonenumbers.is_valid_number(number))


def kind_and_region(number: phonenumbers.PhoneNumber) -> tuple[int, str]:
    """The `PhoneNumberType` and country (ISO 3166, "" for none) of a public number; Ofcom's are British mobiles."""
    if _is_example(number):
        return phonenumbers.PhoneNumberType.MOBILE, "GB"
    return phonenumbers.number_type(number), phonenumbers.region_code_for_number(number) or ""


def _valid(digits: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return None
    return number if is_public(number) else None


def public_number(digits: str, region: str) -> phonenumbers.PhoneNumber | None:
    """The valid public number behind the digits as dialled in `region`; 00 and 011 mean + wherever they can."""
    if digits.startswith("+"):
        return _valid(digits, None)
    if digits.startswith("00"):
        return _valid("+" + digits[2:], None) or _valid(digits, region)
    if digits.startswith("011"):
        return _valid(digits, region) or _valid("+" + digits[3:], None)
    return _valid(digits, region)
