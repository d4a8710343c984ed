"""AddonError > UnknownCompany | UnknownUser | Suspended | Gone (not yours or not there) | OnHold | StaleClick | PartAway (try again) | NoMail | BadInput | NeedsConsent | NotAllowed: each names catalogue words that are safe to show."""

from __future__ import annotations

import traceback
from pathlib import PurePath


class AddonError(Exception):
    """Ends a request with words that say what to do.

    `key` is the catalogue's, `retry` offers the same again, `status` and `kind` are for the web API.
    """

    key = "problem.away"
    retry = True
    status = 503
    kind = "away"

    def __init__(self, **values: str) -> None:
        super().__init__(self.key)
        self.values = values


class UnknownCompany(AddonError):
    """The user's Workspace domain belongs to no tenant."""

    key, retry = "problem.unknown-company", False
    status, kind = 403, "unknown-company"


class UnknownUser(AddonError):
    """The tenant has no such user."""

    key, retry = "problem.unknown-user", False
    status, kind = 403, "unknown-user"


class Suspended(AddonError):
    """The administrator suspended the user or the company."""

    key, retry = "verdict.suspended", False
    status, kind = 403, "suspended"


class Gone(AddonError):
    """Not there, or another's: the answer is the same."""

    key, retry = "problem.gone", False
    status, kind = 404, "gone"


class OnHold(AddonError):
    """A legal hold keeps the recording."""

    key, retry = "problem.held", False
    status, kind = 409, "held"


class StaleClick(AddonError):
    """The click was made on an old card, or twice."""

    key = "problem.stale"
    status, kind = 409, "stale"


class PartAway(AddonError):
    """A part of the service does not answer."""


class NoMail(AddonError):
    """The open message cannot be read."""

    key = "problem.no-mail"
    status, kind = 404, "no-mail"


class BadInput(AddonError):
    """The request is not of the form that the page sends."""

    key, retry = "problem.bad-input", False
    status, kind = 400, "bad-input"


class NeedsConsent(AddonError):
    """Recording is on and the user never decided about it: ask first."""

    key, retry = "problem.needs-consent", False
    status, kind = 409, "consent-required"


class NotAllowed(AddonError):
    """The dial policy refuses; `key` names the verdict's words."""

    retry = False
    status = 403

    def __init__(self, verdict: str, region: str = "") -> None:
        super().__init__(region=region)
        self.key, self.kind = f"verdict.{verdict}", verdict


def where(error: BaseException) -> str:
    """The kind of an error and the lines it came through, newest first: what a log may hold, for its text may quote people's data."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-8:])
    lines = (f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames)
    return f"{type(error).__name__} at {' < '.join(lines)}"
