"""What a deployment resource may hold: names, kinds and enums of Google's reference; a star marks a required field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """A text of 1 to `most` characters."""

    most: int = 500


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A URL: `use` is "function" (Google posts to it), "page" (a browser opens it), "image", "origin" or "terms"."""

    use: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """What links may begin with."""


@dataclass(frozen=True, slots=True)
class ScopeUrl:
    """An OAuth scope."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text per language."""


@dataclass(frozen=True, slots=True)
class Many:
    """A list of `item`, at least one."""

    item: Kind


@dataclass(frozen=True, slots=True)
class Record:
    """An object with these fields; exactly one of each group in `one_of`."""

    fields: Mapping[str, Kind]
    one_of: tuple[str, ...] = ()


Kind = Text | Flag | Choice | Address | Prefix | ScopeUrl | Words | Many | Record

_FUNCTION, _IMAGE, _PAGE = Address("function"), Address("image"), Address("page")
_RUN = Record({"runFunction*": _FUNCTION})
_HOMEPAGE = Record({"runFunction*": _FUNCTION, "enabled": Flag()})
_PREVIEWS = Many(
    Record(
        {
            "labelText*": Text(),
            "localizedLabelText": Words(),
            "patterns*": Many(Record({"hostPattern*": Text(), "pathPrefix": Text()})),
            "runFunction*": _FUNCTION,
            "logoUrl": _IMAGE,
        }
    )
)
_CREATE = Many(
    Record(
        {
            "id*": Text(64),
            "labelText*": Text(),
            "localizedLabelText": Words(),
            "runFunction*": _FUNCTION,
            "logoUrl": _IMAGE,
        }
    )
)
_COMMON = Record(
    {
        "name*": Text(),
        "logoUrl*": _IMAGE,
        "layoutProperties": Record({"primaryColor": Text(7), "secondaryColor": Text(7)}),
        "addOnWidgetSet": Record(
            {
                "usedWidgets": Many(
                    Choice(
                        (
                            *("DATE_PICKER", "STYLED_BUTTONS", "PERSISTENT_FORMS", "FIXED_FOOTER"),
                            *("UPDATE_SUBJECT_AND_RECIPIENTS", "GRID_WIDGET", "ADDON_COMPOSE_UI_ACTION"),
                        )
                    )
                )
            }
        ),
        "useLocaleFromApp": Flag(),
        "homepageTrigger": _HOMEPAGE,
        "universalActions": Many(
            Record({"label*": Text(), "openLink": _PAGE, "runFunction": _FUNCTION}, ("openLink", "runFunction"))
        ),
        "openLinkUrlPrefixes": Many(Prefix()),
    }
)
_GMAIL = Record(
    {
        "homepageTrigger": _HOMEPAGE,
        "contextualTriggers": Many(Record({"unconditional*": Record({}), "onTriggerFunction*": _FUNCTION})),
        "composeTrigger": Record(
            {
                "actions*": Many(Record({"runFunction*": _FUNCTION, "label*": Text(), "logoUrl": _IMAGE})),
                "draftAccess": Choice(("NONE", "METADATA")),
            }
        ),
        "universalActions": Many(
            Record({"text*": Text(), "openLink": _PAGE, "runFunction": _FUNCTION}, ("openLink", "runFunction"))
        ),
    }
)
_CALENDAR = Record(
    {
        "homepageTrigger": _HOMEPAGE,
        "eventOpenTrigger": _RUN,
        "eventUpdateTrigger": _RUN,
        "eventAttachmentTrigger": Record({"runFunction*": _FUNCTION, "label": Text(), "logoUrl": _IMAGE}),
        "calendarNotificationTrigger": _RUN,
        "conferenceSolution": Many(
            Record({"onCreateFunction*": _FUNCTION, "id*": Text(), "name*": Text(), "logoUrl*": _IMAGE})
        ),
        "createSettingsUrlFunction": _FUNCTION,
        "currentEventAccess": Choice(("METADATA", "READ", "WRITE", "READ_WRITE")),
    }
)
_EDITOR: dict[str, Kind] = {
    "homepageTrigger": _HOMEPAGE,
    "onFileScopeGrantedTrigger": _RUN,
    "linkPreviewTriggers": _PREVIEWS,
}
_MEET = Record(
    {
        "homepageTrigger": _HOMEPAGE,
        "web": Record(
            {
                "sidePanelUrl*": _PAGE,
                "addOnOrigins*": Many(Address("origin")),
                "supportsScreenSharing": Flag(),
                "supportsPopOut": Flag(),
                "openState": Choice(("SIDE_PANEL_ONLY", "MAIN_STAGE_ONLY", "SIDE_PANEL_AND_MAIN_STAGE")),
                "supportsCollaborationHostControls": Flag(),
                "logoUrl": _IMAGE,
                "darkModeLogoUrl": _IMAGE,
            }
        ),
        "supportsCollaboration": Flag(),
        "termsUri": Address("terms"),
    }
)
DEPLOYMENT = Record(
    {
        "name": Text(),
        "etag": Text(),
        "oauthScopes*": Many(ScopeUrl()),
        "addOns*": Record(
            {
                "common*": _COMMON,
                "gmail": _GMAIL,
                "calendar": _CALENDAR,
                "drive": Record({"homepageTrigger": _HOMEPAGE, "onItemsSelectedTrigger": _RUN}),
                "docs": Record({**_EDITOR, "createActionTriggers": _CREATE}),
                "sheets": Record(_EDITOR),
                "slides": Record(_EDITOR),
                "meet": _MEET,
                "httpOptions*": Record(
                    {
                        "authorizationHeader*": Choice(("SYSTEM_ID_TOKEN", "USER_ID_TOKEN", "NONE")),
                        "granularOauthPermissionSupport*": Choice(("OPT_IN", "OPT_OUT")),
                    }
                ),
            }
        ),
    }
)
HOSTS = ("gmail", "calendar", "drive", "docs", "sheets", "slides", "meet")

# Spellings that other documents use, and what is right here.
MISSPELT = {
    "chat": "a Chat app is set up on the Chat API's configuration page, not here",
    "selectActions": "Apps Script's spelling; here it is `actions`, each with a `label`",
    "conferenceSolutions": "it is `conferenceSolution`, although it is a list",
    "supportsCollabIntent": "there is no such field",
    "authorizationCheckFunction": "Google deprecated it",
    "sidePanelUri": "Google deprecated it; it is `sidePanelUrl`",
    "mainStageUri": "Google deprecated it",
    "hostOrigins": "Google deprecated it; it is `addOnOrigins`",
    "displayFlow": "Google deprecated it",
}
