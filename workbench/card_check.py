"""Holds a reply against Google's published schemas and the host's own rules (add-ons reference, cards v1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

MAX_WIDGETS = 100
MAX_SECTIONS = 100
CHAT_ONLY = {
    "materialIcon", "carousel", "textSyntax", "startIconVerticalAlignment", "topLabelText", "contentText",
    "bottomLabelText", "placeholderText", "interaction", "platformDataSource", "columns", "expressionData",
    "visibility", "eventActions",
}  # fmt: skip
REQUIRED = {
    "decoratedText": "text", "textParagraph": "text", "textInput": "name", "selectionInput": "name",
    "switchControl": "name", "header": "title", "action": "function", "openLink": "url",
    "openDynamicLinkAction": "function", "dateTimePicker": "name",
}  # fmt: skip
_DROP = {
    "description",
    "enumDescriptions",
    "deprecated",
    "readOnly",
    "format",
    "default",
    "enumDeprecated",
    "annotations",
}
_RENDER = {"action", "hostAppAction", "schema"}
_ACTION = {"navigations", "notification", "link", "linkPreview", "links", "modifyOperations"}
_NAVIGATION = {"pushCard", "updateCard", "pop", "popToRoot", "popToCard", "endNavigation"}
_PROMPTS = {"requesting_google_scopes", "basic_authorization_prompt", "custom_authorization_prompt"}


def _schema_node(node: Any, top: bool = False) -> Any:
    if isinstance(node, list):
        return [_schema_node(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {k: v for k, v in node.items() if k not in _DROP and not (k == "id" and isinstance(v, str) and top)}
    if "$ref" in found:
        return {"$ref": f"#/definitions/{found['$ref']}"}
    if found.get("type") == "any":
        found.pop("type")
    if "properties" in found:
        found["properties"] = {k: _schema_node(v) for k, v in found["properties"].items()}
        found.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _schema_node(found[key])
    return found


@cache
def _validator() -> Any:
    """Google's Chat discovery document as a JSON Schema; None when the packages are missing."""
    try:
        import jsonschema

        file = resources.files("googleapiclient").joinpath("discovery_cache/documents/chat.v1.json")
        schemas = json.loads(file.read_text(encoding="utf-8"))["schemas"]
    except (ImportError, OSError):
        return None
    definitions = {name: _schema_node(schema, top=True) for name, schema in schemas.items()}
    return jsonschema.Draft7Validator({"$ref": "#/definitions/GoogleAppsCardV1Card", "definitions": definitions})


def _proto_problem(card: dict[str, Any]) -> str:
    try:
        from google.apps.card_v1 import Card
        from google.protobuf import json_format
    except ImportError:
        return "google-apps-card is missing: the card was not held against Google's own types"
    try:
        json_format.ParseDict(card, Card.pb(Card()))
    except json_format.ParseError as error:
        return f"Google's types: {error}"
    return ""


def _walk(node: Any, path: str = "card") -> Iterator[tuple[str, str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield path, key, value
            yield from _walk(value, f"{path}.{key}")
    elif isinstance(node, list):
        for place, item in enumerate(node):
            yield from _walk(item, f"{path}[{place}]")


def _url_problem(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme in {"mailto", "tel"} or parts.scheme == "https":
        return ""
    if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}:
        return ""
    return f"the address {url[:80]!r} is neither https nor loopback"


def _host_problems(card: dict[str, Any]) -> Iterator[str]:
    sections = card.get("sections", [])
    if sum(len(s.get("widgets", [])) for s in sections) > MAX_WIDGETS or len(sections) > MAX_SECTIONS:
        yield "more than 100 widgets or sections: the host drops the rest"
    if "header" not in card:
        yield "a card without a header has no title"
    for path, key, value in _walk(card):
        if key in CHAT_ONLY:
            yield f"{path}.{key} works in Chat only"
        if key in REQUIRED and isinstance(value, dict) and not value.get(REQUIRED[key]):
            yield f"{path}.{key} lacks {REQUIRED[key]}"
        if (
            key in {"url", "function", "iconUrl", "imageUrl"}
            and isinstance(value, str)
            and (bad := _url_problem(value))
        ):
            yield f"{path}.{key}: {bad}"
        if key == "parameters" and not all(isinstance(p.get("value"), str) and p.get("key") for p in value):
            yield f"{path}.parameters hold a value that is not text"
        if key == "items" and isinstance(value, list) and len(value) > 100:
            yield f"{path} has more than 100 items"
        if key == "widgets" and not value:
            yield f"{path} is an empty section"


def check_card(card: dict[str, Any]) -> list[str]:
    """What is wrong with one card; empty when nothing is."""
    validator = _validator()
    problems = ["jsonschema or google-api-python-client is missing: no schema was checked"] if validator is None else []
    if validator is not None:
        problems += [
            f"schema: {'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(card)
        ]
    if proto := _proto_problem(card):
        problems.append(proto)
    return problems + list(_host_problems(card))


def check_reply(body: dict[str, Any], *, wrapped: bool | None = None) -> list[str]:
    """What is wrong with a whole answer; `wrapped` is True for clicks, False for triggers, None for either."""
    if not isinstance(body, dict):
        return ["the answer is not an object"]
    if _PROMPTS & set(body):
        return [] if len(body) == 1 else ["an authorization prompt stands alone"]
    if not body:
        return []
    is_wrapped = "renderActions" in body
    problems = []
    if wrapped is not None and wrapped != is_wrapped:
        problems.append("a click is answered wrapped in renderActions, a trigger is not")
    inner = body["renderActions"] if is_wrapped else body
    problems += [f"unknown field {key}" for key in set(inner) - _RENDER]
    action = inner.get("action", {})
    problems += [f"unknown action field {key}" for key in set(action) - _ACTION]
    for step in action.get("navigations", []):
        if len(step) != 1 or not set(step) <= _NAVIGATION:
            problems.append(f"bad navigation {sorted(step)}")
        for card in (step.get("pushCard"), step.get("updateCard")):
            if card is not None:
                problems += check_card(card)
    if "link" in action and (bad := _url_problem(action["link"].get("url", ""))):
        problems.append(bad)
    if "notification" in action and not action["notification"].get("text"):
        problems.append("a notification without text")
    return problems
