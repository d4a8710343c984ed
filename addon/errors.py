"""AddonError > UnknownCompany | UnknownUser | Gone (not yours or not there) | StaleClick | PartAway (try again) | NoMail: each names catalogue words that are safe to show."""

from __future__ import annotations


class AddonError(Exception):
    """Ends a request with a card that says what to do; `key` is the catalogue's, `retry` offers the same again."""

    key = "problem.away"
    retry = True

    def __init__(self, **values: str) -> None:
        super().__init__(self.key)
        self.values = values


class UnknownCompany(AddonError):
    """The user's Workspace domain belongs to no tenant."""

    key, retry = "problem.unknown-company", False


class UnknownUser(AddonError):
    """The tenant has no such user."""

    key, retry = "problem.unknown-user", False


class Gone(AddonError):
    """Not there, or another's: the answer is the same."""

    key, retry = "problem.gone", False


class StaleClick(AddonError):
    """The click was made on an old card, or twice."""

    key = "problem.stale"


class PartAway(AddonError):
    """A part of the service does not answer."""


class NoMail(AddonError):
    """The open message cannot be read."""

    key = "problem.no-mail"
