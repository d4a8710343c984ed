"""Telephone addresses: parsed once at the edge, then values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
LineId = NewType("LineId", str)

_E164 = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
_EXTENSION = re.compile(r"[0-9*#]{1,15}", re.ASCII)
_SIP_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%#]{1,128}", re.ASCII)


class BadNumber(ValueError):
    """The text is not a telephone address of the wanted kind; the message is safe to show."""


def is_e164(text: str) -> bool:
    """Whether the text is a public number with its leading plus (ITU-T E.164)."""
    return _E164.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A public number in E.164 with its leading plus (ITU-T E.164)."""

    e164: str

    def __post_init__(self) -> None:
        if not is_e164(self.e164):
            raise BadNumber("not an international number such as +59322345678")


@dataclass(frozen=True, slots=True)
class Extension:
    """A number inside the customer's PBX: digits, star and hash, at most 15."""

    digits: str

    def __post_init__(self) -> None:
        if not _EXTENSION.fullmatch(self.digits):
            raise BadNumber("an extension has 1 to 15 digits, * or #")


@dataclass(frozen=True, slots=True)
class Did:
    """A public number that the PBX delivers to a user."""

    number: PhoneNumber


@dataclass(frozen=True, slots=True)
class SipUri:
    """`sip:user@host[:port]` reduced to what routing needs (RFC 3261 section 19.1)."""

    user: str
    host: str
    port: int | None = None

    def __post_init__(self) -> None:
        if not _SIP_USER.fullmatch(self.user):
            raise BadNumber("the user part of the SIP address has forbidden characters")

    def __str__(self) -> str:
        return f"sip:{self.user}@{self.host}" + (f":{self.port}" if self.port else "")


Address = PhoneNumber | Extension


def dial_string(address: Address) -> str:
    """What is dialled on a PBX for an address: `+593…` or the extension's digits."""
    match address:
        case PhoneNumber(e164):
            return e164
        case Extension(digits):
            return digits
