"""What a handler wants to happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cards.surface import Page
from cards.widgets import Card


@dataclass(frozen=True, slots=True)
class Push:
    """Show a card on top."""

    card: Card
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Update:
    """Replace the card on top."""

    card: Card
    notice: str = ""


@dataclass(frozen=True, slots=True)
class PopThen:
    """Go back one card and replace the one below."""

    card: Card
    notice: str = ""


@dataclass(frozen=True, slots=True)
class PopToRoot:
    """Go back to the first card."""

    notice: str = ""


@dataclass(frozen=True, slots=True)
class Notify:
    """A line of text at the bottom."""

    text: str


@dataclass(frozen=True, slots=True)
class OpenPage:
    """Open one of our pages, signed in (answer to a dynamic link); `dial` is what the webphone then calls."""

    page: Page
    params: Mapping[str, str] = field(default_factory=dict)
    dial: str = ""


@dataclass(frozen=True, slots=True)
class RequestScopes:
    """Ask Google for permissions; Google repeats the click when they are granted."""

    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DraftEdit:
    """Insert HTML at the cursor of the open draft."""

    html: str


Reply = Push | Update | PopThen | PopToRoot | Notify | OpenPage | RequestScopes | DraftEdit
