"""The deployment resource of the add-on, made from the surface (projects.deployments of Google's gsuiteaddons v1)."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from cards.surface import SCOPES, Page, Trigger

NAME = "CTiContRol"
LOGO = "/icons/logo-256.png"
COLOR = "#0b57d0"
# Google shows a manifest's labels as they are, in one language.
SETTINGS_LABEL, COMPOSE_LABEL = "Settings", "Insert my numbers"


class BadBase(ValueError):
    """The address is not one that Google, or a laptop, could call."""


def base_of(text: str) -> str:
    """`text` without its last slash; raises BadBase unless it is https, or http on loopback, with nothing but a host."""
    base = text.rstrip("/")
    parts = urlsplit(base)
    if not parts.hostname or base != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
        raise BadBase(f"{text!r} is not a base address: https://host, without a path")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise BadBase(f"{text!r} is neither https nor loopback")
    return base


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def render(base_url: str) -> dict[str, Any]:
    """The resource for an add-on at `base_url`, without `name` and `etag`; raises BadBase."""
    base = base_of(base_url)

    def on(trigger: Trigger) -> str:
        return f"{base}/on/{trigger.value}"

    return {
        "oauthScopes": [scope.url for scope in SCOPES],
        "addOns": {
            "common": {
                "name": NAME,
                "logoUrl": base + LOGO,
                "layoutProperties": {"primaryColor": COLOR},
                "useLocaleFromApp": True,
                "universalActions": [{"label": SETTINGS_LABEL, "openLink": base + Page.SETTINGS.value}],
                "openLinkUrlPrefixes": [base + "/"],
            },
            "gmail": {
                "homepageTrigger": {"runFunction": on(Trigger.GMAIL_HOMEPAGE), "enabled": True},
                "contextualTriggers": [{"unconditional": {}, "onTriggerFunction": on(Trigger.GMAIL_MESSAGE)}],
                "composeTrigger": {
                    "actions": [{"runFunction": on(Trigger.GMAIL_COMPOSE), "label": COMPOSE_LABEL}],
                    "draftAccess": "NONE",
                },
            },
            "httpOptions": {"authorizationHeader": "SYSTEM_ID_TOKEN", "granularOauthPermissionSupport": "OPT_IN"},
        },
    }
