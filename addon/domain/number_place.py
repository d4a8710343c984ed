"""Places written behind a number, and the numbers of a city that are written there without its area code."""

from __future__ import annotations

import re
import unicodedata

from addon.domain.country_words import PHRASES
from addon.domain.national_shapes import ascii_digits, is_assigned
from addon.domain.number_context import label_of

_MARKS = re.compile(r"[\u0300-\u036f]")
_WORDS = re.compile(r"[a-z]+")
# "(310 555 7788, Colombia)", "4321-9876 (CABA)"; "(Quito) 02 ... (Lima) 01 ..." names the places in front.
_SAME_BRACKETS = re.compile(r"\s{0,2}[,/-]?\s{0,2}([^()\d|;:]{2,40})\)")
_OWN_BRACKETS = re.compile(r"\s{0,2}[(\[]([^()\[\]\d|;:]{2,40})[)\]](?!\s{0,2}[+(]?\d)")
_COMMAS = re.compile(r"\s?,\s?([^(),;|\d:.]{2,30})(?=\s*$|[.;|)]|,(?!\s?[+(]?\d))")
MAX_WORDS = 4
# Folded name of a city: its country, area code and the groups of its numbers.
_CITIES = {
    **dict.fromkeys(("caba", "buenos aires", "capital federal", "bsas"), ("AR", "11", (4, 4))),
    **dict.fromkeys(("cdmx", "ciudad de mexico"), ("MX", "55", (4, 4))),
    "bogota": ("CO", "601", (3, 4)),
    "quito": ("EC", "02", (3, 4)),
    "guayaquil": ("EC", "04", (3, 4)),
    "lima": ("PE", "01", (3, 4)),
}


def folded(text: str) -> str:
    """Lower case without accents, for words."""
    if text.isascii():
        return text.lower()
    return _MARKS.sub("", unicodedata.normalize("NFD", text.casefold()))


def _is_open(before: str) -> bool:
    return before.rfind("(") > before.rfind(")")


def _in_brackets(before: str, after: str) -> str:
    inside = _SAME_BRACKETS.match(after) if _is_open(before) else None
    found = inside or _OWN_BRACKETS.match(after)
    return found[1] if found and len(found[1].split()) <= MAX_WORDS else ""


def place_behind(before: str, after: str) -> str:
    """What stands behind a number in its brackets, or between commas when that is a place and nothing else; or "".

    `before` ends with the number itself.
    """
    if found := _in_brackets(before, after):
        return found
    between = _COMMAS.match(after)
    first, *rest = (_WORDS.findall(folded(between[1])) if between else []) or [""]
    is_place = any(is_place and words == tuple(rest) for words, is_place, _ in PHRASES.get(first, ()))
    return between[1] if between and is_place else ""


def in_city(before: str, written: str, after: str) -> str:
    """The E.164 form of a number written without area code when brackets name its city, else ""."""
    groups = re.findall(r"\d+", written)
    city = _CITIES.get(" ".join(_WORDS.findall(folded(_in_brackets(before + written, after)))))
    if city is None or not re.fullmatch(r"\(?[\d -]+", written):
        return ""
    region, area, sizes = city
    if tuple(map(len, groups)) != sizes and not (len(written.strip("(")) == sum(sizes) and label_of(before)):
        return ""
    return is_assigned(ascii_digits(area + "".join(groups)), region)
