"""Google's widgets under Google's names (google.apps.card.v1); values, spelled for the wire by `envelope`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cards.surface import Action, Page


@dataclass(frozen=True, slots=True)
class Do:
    """A click that our add-on handles; `dynamic` answers with a link that the host opens at the click."""

    action: Action
    params: Mapping[str, str] = field(default_factory=dict)
    dynamic: bool = False
    keep_input: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """A click that opens one of our pages; `reload` refreshes the sidebar when that window closes."""

    page: Page
    params: Mapping[str, str] = field(default_factory=dict)
    overlay: bool = False
    reload: bool = False


@dataclass(frozen=True, slots=True)
class OpenTel:
    """A click that hands the number to the device's own dialler."""

    e164: str


@dataclass(frozen=True, slots=True)
class Link:
    """A click that opens an https page of ours."""

    url: str


OnClick = Do | Open | OpenTel | Link


@dataclass(frozen=True, slots=True)
class Button:
    """`primary` colours it, `danger` in red; at most one per card. Without text it is an icon that `alt` names."""

    text: str
    on_click: OnClick
    primary: bool = False
    danger: bool = False
    disabled: bool = False
    icon: str = ""
    alt: str = ""


@dataclass(frozen=True, slots=True)
class TextParagraph:
    """Text with Google's tags."""

    text: str


@dataclass(frozen=True, slots=True)
class SwitchControl:
    """On/off inside a DecoratedText."""

    name: str
    selected: bool
    value: str = "on"


@dataclass(frozen=True, slots=True)
class DecoratedText:
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


@dataclass(frozen=True, slots=True)
class ButtonList:
    """Buttons in one row."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One item of a selection."""

    text: str
    value: str
    selected: bool = False


@dataclass(frozen=True, slots=True)
class SelectionInput:
    """`kind` is DROPDOWN, RADIO_BUTTON or CHECK_BOX."""

    name: str
    label: str
    items: tuple[Choice, ...]
    kind: str = "DROPDOWN"


@dataclass(frozen=True, slots=True)
class TextInput:
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


@dataclass(frozen=True, slots=True)
class Section:
    """`shown` widgets stay visible when the section is collapsible; 0 makes it not collapsible."""

    widgets: tuple[Widget, ...]
    header: str = ""
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Card:
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
