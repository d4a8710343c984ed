"""Who a person is and by which numbers they are reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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


def distinct(numbers: Iterable[FoundNumber]) -> list[FoundNumber]:
    """Each number once, as its first source has it."""
    found: dict[str, FoundNumber] = {}
    for number in numbers:
        found.setdefault(number.e164, number)
    return list(found.values())
