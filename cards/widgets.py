"""Google's widgets under Google's names (google.apps.card.v1); values, spelled for the wire by `envelope`.

Named tuples, since a card is made of dozens: one costs a quarter of a frozen dataclass. Two of different kinds are never
compared, and `Divider`, which would be an empty tuple and false, is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from cards.surface import Action, Page

NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class Do(NamedTuple):
    """A click that our add-on handles; `dynamic` answers with a link that the host opens at the click."""

    action: Action
    params: Mapping[str, str] = NO_PARAMS
    dynamic: bool = False
    keep_input: bool = False


class Open(NamedTuple):
    """A click that opens one of our pages; `reload` refreshes the sidebar when that window closes."""

    page: Page
    params: Mapping[str, str] = NO_PARAMS
    overlay: bool = False
    reload: bool = False


class OpenTel(NamedTuple):
    """A click that hands the number to the device's own dialler."""

    e164: str


class Link(NamedTuple):
    """A click that opens an https page of ours."""

    url: str


OnClick = Do | Open | OpenTel | Link


class Button(NamedTuple):
    """`primary` colours it, `danger` in red; at most one per card. Without text it is an icon that `alt` names."""

    text: str
    on_click: OnClick
    primary: bool = False
    danger: bool = False
    disabled: bool = False
    icon: str = ""
    alt: str = ""


class TextParagraph(NamedTuple):
    """Text with Google's tags."""

    text: str


class SwitchControl(NamedTuple):
    """On/off inside a DecoratedText."""

    name: str
    selected: bool
    value: str = "on"


class DecoratedText(NamedTuple):
    """A row: `top`, `text` and `bottom` may hold Google's tags and must be escaped by the card.

    `icon` is a known icon of Google (PHONE) or, in lower case, one of ours (web/icons).
    """

    text: str
    top: str = ""
    bottom: str = ""
    icon: str = ""
    icon_alt: str = ""
    wrap: bool = True
    on_click: OnClick | None = None
    button: Button | None = None
    switch: SwitchControl | None = None


class ButtonList(NamedTuple):
    """Buttons in one row."""

    buttons: tuple[Button, ...]


class Choice(NamedTuple):
    """One item of a selection."""

    text: str
    value: str
    selected: bool = False


class SelectionInput(NamedTuple):
    """`kind` is DROPDOWN, RADIO_BUTTON or CHECK_BOX."""

    name: str
    label: str
    items: tuple[Choice, ...]
    kind: str = "DROPDOWN"


class TextInput(NamedTuple):
    """One line of text."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Divider:
    """A rule."""


Widget = TextParagraph | DecoratedText | ButtonList | SelectionInput | TextInput | Divider


class Section(NamedTuple):
    """`shown` widgets stay visible when the section is collapsible; 0 makes it not collapsible."""

    widgets: tuple[Widget, ...]
    header: str = ""
    shown: int = 0


class Card(NamedTuple):
    """`title` and `subtitle` are plain text; `footer` is the one fixed button."""

    name: str
    title: str
    sections: tuple[Section, ...]
    subtitle: str = ""
    footer: Button | None = None
    footer_second: Button | None = None


def section(*widgets: Widget | None, header: str = "", shown: int = 0) -> Section:
    """A section of those widgets that are there."""
    return Section(tuple(w for w in widgets if w is not None), header, shown)
