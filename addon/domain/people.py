"""Who a person is and by which numbers they are reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Source(StrEnum):
    """Where a fact about a person came from; shown beside it."""

    CONTACTS = "contacts"
    OTHER_CONTACTS = "other-contacts"
    DIRECTORY = "directory"
    NUMBER_INDEX = "number-index"
    HEADER = "header"
    SIGNATURE = "signature"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class FoundNumber:
    """A number with its provenance. `e164` is canonical; `shown` is how the text or the book wrote it."""

    e164: str
    shown: str
    source: Source
    label: str = ""
    extension: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One person as the sources know them; `name` is untrusted text."""

    name: str
    email: str = ""
    organisation: str = ""
    source: Source | None = None
    numbers: tuple[FoundNumber, ...] = ()


MIN_DIGITS_TO_COMPARE = 7


def _canonical(number: FoundNumber, known: set[str]) -> FoundNumber:
    """A number that no plan could place, placed by the one E.164 number that ends in its digits."""
    if number.e164.startswith("+"):
        return number
    digits = "".join(c for c in number.e164 if c.isdigit()).lstrip("0")
    if len(digits) < MIN_DIGITS_TO_COMPARE:
        return number
    same = [e164 for e164 in known if e164.endswith(digits)]
    return replace(number, e164=same[0]) if len(same) == 1 else number


def distinct(numbers: Iterable[FoundNumber]) -> list[FoundNumber]:
    """Each number once, as its first source has it, with the extension of the first that knows one."""
    numbers = list(numbers)
    known = {n.e164 for n in numbers if n.e164.startswith("+")}
    found: dict[str, FoundNumber] = {}
    for number in (_canonical(n, known) for n in numbers):
        earlier = found.setdefault(number.e164, number)
        if number.extension and not earlier.extension:
            found[number.e164] = replace(earlier, extension=number.extension)
    return list(found.values())
