"""Names that manifest, buttons and routes share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_GOOGLE = "https://www.googleapis.com/auth/"


class Host(StrEnum):
    """Where a card is shown."""

    GMAIL = "GMAIL"
    GENERIC = "GENERIC"


class Trigger(StrEnum):
    """Entry points that Google calls: POST /on/{value}; answered unwrapped."""

    GMAIL_HOMEPAGE = "gmail.homepage"
    GMAIL_MESSAGE = "gmail.message"
    GMAIL_COMPOSE = "gmail.compose"


class Action(StrEnum):
    """Clicks in our cards: POST /do/{value}; answered wrapped."""

    PLACE_CALL = "call.place"
    OPEN_PHONE = "phone.open"
    OPEN_SETTINGS = "settings.open"
    OPEN_RECORDING = "recording.open"
    HANG_UP = "call.hangup"
    FOLLOW_CALL = "call.follow"
    CHOOSE_DEVICE = "device.choose"
    SHOW_PERSON = "person.show"
    SHOW_RECENT = "recent.show"
    SHOW_CALL = "call.show"
    SHOW_RECORDING = "recording.show"
    ASK_DELETE_RECORDING = "recording.ask-delete"
    DELETE_RECORDING = "recording.delete"
    SHOW_CONSENT = "consent.show"
    GRANT_CONSENT = "consent.grant"
    REFUSE_CONSENT = "consent.refuse"
    WITHDRAW_CONSENT = "consent.withdraw"
    SHOW_SETTINGS = "settings.show"
    SAVE_SETTINGS = "settings.save"
    SHOW_MY_DATA = "data.show"
    SHOW_ADD_CONTACT = "contact.form"
    ADD_CONTACT = "contact.add"
    INSERT_NUMBERS = "compose.insert"
    REFRESH = "home.refresh"
    ASK_PERMISSION = "permission.ask"
    BLOCK_NUMBER = "block.add"
    UNBLOCK_NUMBER = "block.remove"


class Page(StrEnum):
    """Web pages that cards open; the value is the path."""

    PHONE = "/phone"
    SETTINGS = "/settings"
    RECORDING = "/recordings/{id}"


@dataclass(frozen=True, slots=True)
class Scope:
    """A Google permission and the feature that needs it; `optional` ones are asked for when first used."""

    url: str
    feature: str
    optional: bool


SCOPES = (
    Scope(_GOOGLE + "userinfo.email", "who-you-are", False),
    Scope(_GOOGLE + "script.locale", "your-language", False),
    Scope(_GOOGLE + "gmail.addons.execute", "gmail-sidebar", False),
    Scope(_GOOGLE + "gmail.addons.current.message.metadata", "numbers-in-headers", True),
    Scope(_GOOGLE + "gmail.addons.current.message.readonly", "numbers-in-mail", True),
    Scope(_GOOGLE + "gmail.addons.current.action.compose", "insert-numbers", True),
    Scope(_GOOGLE + "contacts", "contacts", True),
    Scope(_GOOGLE + "contacts.other.readonly", "other-contacts", True),
    Scope(_GOOGLE + "directory.readonly", "directory", True),
)
