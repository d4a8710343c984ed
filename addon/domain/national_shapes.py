"""How numbers are customarily written in each country, without its code: digits and their groups.

A spelling is `(02) 234-5678` as `02 234 5678`. Whether the digits are really assigned, libphonenumber knows.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import phonenumbers

from addon.domain.spelling import is_public

CUSTOMARY, IN_ONE, OTHERWISE = 2.0, 1.5, 0.5
TRUNKLESS = -2.0
UNLISTED = 0.5
INTERNATIONAL = 2.0
MIN_AFTER_CODE = 8
# North Americans group alike; nearly any digits after a 0 are a German or Italian number.
ODD, ODD_IN_ONE = {"US": -1.5, "DE": 0.0, "IT": 0.0}, {"DE": 0.5, "IT": 0.5}


def _shape(customary: str, digits: str, trunkless: str = r"(?!)") -> tuple[re.Pattern[str], ...]:
    return re.compile(customary), re.compile(digits), re.compile(trunkless)


# Region: what is customary (groups), the digits that can be dialled inside the country, digits without their trunk 0.
_SHAPES = {
    "EC": _shape(
        r"09\d \d{3} \d{4}|09\d{2} \d{3} \d{3}|09\d \d{7}|09\d{3} \d{5}|09 \d{4} \d{4}|09\d \d{3} \d\d \d\d"
        r"|0[2-7] \d{3} ?\d{4}|0[2-7]\d \d{3} \d{3}|0[2-7] \d \d{3} \d{3}|0[2-7] \d{4} \d{3}|1 ?[78]00 \d{3} ?\d{3}",
        r"09\d{8}|0[2-7]\d{7}|1[78]00\d{6}",
        r"9\d{8}|[2-7][2-7]\d{6}",
    ),
    "CO": _shape(
        r"3\d\d \d{3} \d{4}|3\d\d \d{3} \d\d \d\d|3 \d\d \d{3} \d\d \d\d|3\d\d \d{7}|60[1-8] \d{3} \d{4}|60[1-8] \d{3} \d\d \d\d"
        r"|60[1-8] \d{7}|01 ?8000 ?\d{3} ?\d{3}|01 ?800 ?0\d{2} ?\d{4}",
        r"3\d{9}|60[1-8]\d{7}|018000\d{6}",
    ),
    "MX": _shape(
        r"(?:55|33|81|56) \d{4} \d{4}|(?:55|33|81|56) \d\d \d\d \d\d \d\d|[2-9]\d\d \d{3} \d{4}|[2-9]\d\d \d{3} \d\d \d\d|01 ?800 \d{3} \d{4}"
        r"|[2-9]\d\d \d \d\d \d\d \d\d|(?:01|04[45]) [2-9]\d\d? \d{3,4} \d{4}",
        r"(?:01|04[45])?(?:2[2-9]|3[1-9]|4[1-9]|5[5-9]|6[1-9]|7[1-9]|8[1-9]|9[1-9])\d{8}|(?:01)?800\d{7}",
    ),
    "AR": _shape(
        r"0?11 (?:15 )?\d{4} \d{4}|0?11 15\d{8}|15 \d{4} \d{4}|0?(?:2[2-9]|3[3-8])\d (?:15 )?\d{3} \d{4}|0?(?:2[2-9]|3[3-8])\d (?:15)?\d{6,7}"
        r"|0?(?:2[2-9]|3[3-8])\d 15 \d{7}|0?(?:2[2-9]|3[3-8])\d\d (?:15 )?\d{2,3} \d{4}|0?(?:2[2-9]|3[3-8])\d\d (?:15 ?)?\d{6}|08[01]0 \d{3} \d{4}",
        r"0?11[2-9]\d{7}|0?(?:2[2-9]|3[3-8])\d{8}|0?1115\d{8}|0?(?:2[2-9]|3[3-8])\d15\d{7}|0?(?:2[2-9]|3[3-8])\d\d15\d{6}|01115\d{8}|08[01]0\d{7}",
    ),
    "BR": _shape(
        r"0?[1-9]\d 9\d{4} \d{4}|0?[1-9]\d 9 \d{4} \d{4}|0?[1-9]\d [2-5]\d{3} \d{4}|0800 \d{3} \d{4}|400[34] \d{4}|0?[1-9]\d 9 ?\d{8}",
        r"0?[1-9][1-9]9\d{8}|0?[1-9][1-9][2-5]\d{7}|0800\d{7}|400[34]\d{4}|0300\d{7}",
    ),
    "US": _shape(
        r"(?:1 )?[2-9]\d\d [2-9]\d\d \d{4}|1 8\d\d \d{3} \d{4}|(?:1 )?[2-9]\d\d [2-9]\d{6}",
        r"1?[2-9]\d\d[2-9]\d{6}",
    ),
    "GB": _shape(
        r"07\d{3} \d{6}|07\d{3} \d{3} \d{3}|07\d\d \d{3} \d{4}|07\d\d \d{4} \d{3}|02\d \d{4} \d{4}|02\d \d{8}|01\d1 \d{3} \d{4}|011\d \d{3} \d{4}|01\d{3} \d{6}|01\d{3} \d{3} \d{3}"
        r"|0800 \d{3} \d{3,4}|0808 \d{3} \d{4}|08\d\d \d{3} \d{4}|0[38]\d\d \d{3} \d{4}|0207 \d{3} \d{4}|0208 \d{3} \d{4}|0203 \d{3} \d{4}",
        r"07\d{9}|0[12]\d{8,9}|0[38]\d{8,9}",
    ),
    "DE": _shape(
        r"01[567]\d{1,2} ?\d{6,8}|01[567]\d \d{3,4} \d{4,5}|01[567]\d{1,2} \d{2,3} \d{2,3} \d{2,3}|01[567]\d{1,2} \d{3} \d{4,5}|0800 \d{7}|0800 \d{3} \d{4}"
        r"|0(?:30|40|69|89|221|211|711|201|231|341|351|421|511|911) [\d ]{5,11}|0[2-9]\d{3} \d{4,8}|0[2-9]\d\d [\d ]{6,10}",
        r"0[1-9]\d{6,12}",
    ),
    "PE": _shape(
        r"9\d\d \d{3} \d{3}|9\d{2} \d{6}|01 \d{3} \d{4}|01 \d{7}|0[4-8]\d \d{6}|0[4-8]\d \d{3} \d{3}|0800 \d{5}|0[4-8]\d \d\d \d{4}",
        r"9\d{8}|01\d{7}|0[4-8]\d{7}|0800\d{5}",
        r"1\d{7}",
    ),
    "CL": _shape(
        r"9 \d{4} \d{4}|9\d{4} \d{4}|09 \d{4} \d{4}|2 2\d{3} \d{4}|2 2 \d{3} \d{4}|22 \d{3} \d{4}|22\d{3} \d{4}|02 2\d{3} \d{4}|[3-7]\d 2 \d{3} \d{3}|[3-7]\d 2\d{6}|[3-7]\d 2\d{2} \d{4}"
        r"|600 \d{3} \d{4}|800 \d{3} \d{3}|[3-7]\d \d{3} \d{4}",
        r"9\d{8}|22\d{7}|[3-7]\d2\d{6}|600\d{7}|800\d{6}|029\d{7}",
    ),
    "ES": _shape(
        r"[67]\d\d \d{3} \d{3}|[67]\d\d \d\d \d\d \d\d|[89]\d \d{3} \d\d \d\d|[89]\d\d \d\d \d\d \d\d|[89]\d\d \d{3} \d{3}|[67]\d \d{3} \d\d \d\d|[89]\d \d\d \d\d \d{3}|[67]\d\d \d{6}|[89]\d\d \d{6}",
        r"[6-8]\d{8}|9[1-8]\d{7}",
    ),
    "FR": _shape(r"0[1-9] \d\d \d\d \d\d \d\d|0[1-9]\d\d \d{3} \d{3}|08\d\d \d\d\d \d\d\d", r"0[1-9]\d{8}"),
    "IT": _shape(
        r"3\d\d ?\d{7}|3\d\d \d{3} \d{4}|3\d\d \d{6}|3\d\d \d\d \d\d \d{3}|3\d\d \d{3} \d\d \d\d|3\d\d \d{3} \d{3}|0[26] \d{4} \d{4}|0[26] \d{6,8}|0\d{2,3} \d{5,8}|0[26] \d{3} \d{4,5}|0\d\d \d{3} \d{3,4}"
        r"|0\d\d \d\d \d\d \d\d|800 \d{3} \d{3}|800 \d{6}|0[26] \d{4} \d{3}|0\d{3} \d{3} \d{3}",
        r"3\d{8,9}|0[1-9]\d{5,9}|800\d{6}",
    ),
}  # fmt: skip


LISTED = tuple(_SHAPES)


def ascii_digits(text: str) -> str:
    """The text with the digits of every script as 0 to 9."""
    return text if text.isascii() else "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


@lru_cache(maxsize=4096)
def is_assigned(digits: str, region: str) -> str:
    """The E.164 form of digits dialled in `region` when its numbering plan knows them, else ""."""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return ""
    if not is_public(number):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def fit(spelling: str, digits: str, region: str) -> float | None:
    """Points for how well a spelling suits a country; None when its digits cannot be dialled there."""
    shape = _SHAPES.get(region)
    if shape is None:
        return UNLISTED if is_assigned(digits, region) else None
    customary, plain, trunkless = shape
    if plain.fullmatch(digits):
        if " " not in spelling or len(spelling) == 2 * len(digits) - 1:
            return IN_ONE if customary.fullmatch(digits) else ODD_IN_ONE.get(region, IN_ONE)
        return CUSTOMARY if customary.fullmatch(spelling) else ODD.get(region, OTHERWISE)
    if is_international(digits, region):
        return INTERNATIONAL
    return TRUNKLESS if trunkless.fullmatch(digits) else None


def is_international(digits: str, region: str) -> bool:
    """Whether the digits are the country's code and a number of it, written without a plus."""
    shape = _SHAPES.get(region)
    code = str(phonenumbers.country_code_for_region(region))
    return (
        len(digits) >= len(code) + MIN_AFTER_CODE
        and digits.startswith(code)
        and not (shape and shape[1].fullmatch(digits))
        and bool(is_assigned("+" + digits, region))
    )
