"""What the add-on reads from Google as the user; tokens are passed in and never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from addon.domain.people import FoundNumber, Person
from addon.event import UserTokens


class GoogleError(Exception):
    """GoogleError > ScopeMissing | CodeRefused | GoogleAway."""


class ScopeMissing(GoogleError):
    """The user did not grant `scope`."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class GoogleAway(GoogleError):
    """Google does not answer or says no for another reason."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address of a header."""

    email: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An open mail: who and its plain text (HTML already reduced to text), at most 200 kB."""

    id: str
    sender: Mailbox
    recipients: tuple[Mailbox, ...]
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class OpenMail:
    """What is kept of a mail for a while: whom it is `about`, who else is on it, its numbers; never its words."""

    about: Mailbox
    others: tuple[Mailbox, ...]
    numbers: tuple[FoundNumber, ...]


class CodeRefused(GoogleError):
    """Google does not take the sign-in code: it is old, spent or another client's."""


class SignIn(Protocol):
    """Sign in with Google: the code flow's back channel."""

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code (RFC 6749 section 4.1.3, RFC 7636); raises CodeRefused, GoogleAway."""
        ...


class Gmail(Protocol):
    """Gmail API."""

    def message(self, tokens: UserTokens, message_id: str) -> Message:
        """The open message; raises ScopeMissing, GoogleAway."""
        ...


class People(Protocol):
    """People API: contacts, other contacts, directory."""

    def find(self, tokens: UserTokens, query: str, region: str = "") -> list[Person]:
        """People whose mail address or name is `query`; sources the user did not grant are left out. Raises GoogleAway."""
        ...

    def create(self, tokens: UserTokens, name: str, email: str, number: str) -> Person:
        """Add a contact; raises ScopeMissing."""
        ...
