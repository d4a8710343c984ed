"""Finds what Google, its reviewers or our own rules would refuse in a deployment resource."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import SplitResult, urlsplit

from cards.surface import SCOPES
from manifests.fields import (
    DEPLOYMENT,
    HOSTS,
    MISSPELT,
    Address,
    Choice,
    Flag,
    Kind,
    Many,
    Prefix,
    Record,
    ScopeUrl,
    Text,
    Words,
)
from manifests.render import BadBase, base_of, is_loopback

_AUTH = "https://www.googleapis.com/auth/"
_GMAIL_SCOPES = ("readonly", "metadata", "modify", "compose", "insert", "settings.basic", "settings.sharing")
_DRIVE_SCOPES = ("", ".readonly", ".metadata", ".metadata.readonly", ".activity", ".activity.readonly", ".scripts")
# Google's restricted scopes need a yearly paid assessment; no feature of ours does.
RESTRICTED = frozenset(
    {
        "https://mail.google.com/",
        *(f"{_AUTH}gmail.{name}" for name in _GMAIL_SCOPES),
        *(f"{_AUTH}drive{name}" for name in _DRIVE_SCOPES),
        _AUTH + "drive.meet.readonly",
    }
)
LOGO_HOST = "lh3.googleusercontent.com"
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")
# A setting of the manifest and the scope without which it does nothing.
_NEEDS = (
    (("gmail", "composeTrigger"), None, "gmail.addons.current.action.compose"),
    (("gmail", "composeTrigger", "draftAccess"), ("METADATA",), "gmail.addons.current.message.metadata"),
    (("common", "useLocaleFromApp"), (True,), "script.locale"),
    (("calendar", "currentEventAccess"), ("READ", "READ_WRITE"), "calendar.addons.current.event.read"),
    (("calendar", "currentEventAccess"), ("WRITE", "READ_WRITE"), "calendar.addons.current.event.write"),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def check(manifest: Any, base_url: str = "") -> list[Problem]:
    """Every problem; without `base_url` the first function's host is the one that all others must share."""
    base, unknown = "", []
    try:
        base = base_of(base_url or _first_function(manifest))
    except BadBase as error:
        unknown = [Problem("addOns", f"there is no address of ours to hold the others against: {error}")]
    return [*unknown, *Checker(base).kind("", manifest), *_whole(manifest)]


def check_text(text: str, base_url: str = "") -> list[Problem]:
    """The same for JSON text."""
    try:
        return check(json.loads(text), base_url)
    except (ValueError, RecursionError) as error:
        return [Problem("file", f"not JSON: {str(error)[:200]}")]


def _first_function(node: Any) -> str:
    found = [value for key, value in _walk(node) if key in {"runFunction", "onTriggerFunction"}]
    parts = urlsplit(found[0]) if found and isinstance(found[0], str) else urlsplit("")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _walk(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from _walk(value)
    elif isinstance(node, list):
        for item in node:
            yield from _walk(item)


@dataclass(frozen=True, slots=True)
class Checker:
    """Holds a node against its kind; `base` is our origin, "" when it is not known."""

    base: str

    def kind(self, path: str, node: Any, kind: Kind = DEPLOYMENT) -> Iterator[Problem]:
        """Problems of `node` and all below it."""
        match kind:
            case Record():
                yield from self._record(path, node, kind)
            case Many(item):
                if not isinstance(node, list) or not node:
                    yield Problem(path, "a list with at least one entry is needed")
                else:
                    for place, each in enumerate(node):
                        yield from self.kind(f"{path}[{place}]", each, item)
            case Flag():
                if not isinstance(node, bool):
                    yield Problem(path, "true or false is needed")
            case Words():
                if not isinstance(node, dict) or not all(isinstance(v, str) and v for v in node.values()):
                    yield Problem(path, "an object of language: text is needed")
            case Choice(values):
                if node not in values:
                    yield Problem(path, f"one of {', '.join(values)} is needed")
            case Text() | Address() | Prefix() | ScopeUrl():
                yield from self._text(path, node, kind)
            case _:
                assert_never(kind)

    def _record(self, path: str, node: Any, kind: Record) -> Iterator[Problem]:
        if not isinstance(node, dict):
            yield Problem(path or "file", "an object is needed")
            return
        known = {name.rstrip("*"): each for name, each in kind.fields.items()}
        here = f"{path}." if path else ""
        for name in node.keys() - known.keys():
            yield Problem(here + str(name), MISSPELT.get(str(name), "unknown field"))
        for name in kind.fields:
            if name.endswith("*") and name[:-1] not in node:
                yield Problem(here + name[:-1], "required, and missing")
        if kind.one_of and len(node.keys() & set(kind.one_of)) != 1:
            yield Problem(path, f"exactly one of {', '.join(kind.one_of)} is needed")
        for name, value in node.items():
            if name in known:
                yield from self.kind(here + name, value, known[name])

    def _text(self, path: str, node: Any, kind: Text | Address | Prefix | ScopeUrl) -> Iterator[Problem]:
        if not isinstance(node, str) or not node.strip():
            yield Problem(path, "a text is needed")
        elif isinstance(kind, Text):
            if len(node) > kind.most:
                yield Problem(path, f"longer than {kind.most} characters")
            if path.endswith("Color") and not _COLOR.fullmatch(node):
                yield Problem(path, "a colour is #rrggbb")
        elif isinstance(kind, ScopeUrl):
            yield from _scope(path, node)
        elif self.base:
            yield from self._prefix(path, node) if isinstance(kind, Prefix) else self._address(path, node, kind.use)

    def _ours(self, parts: SplitResult) -> str:
        """What is wrong with scheme and host; "" for ours."""
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            return "neither https nor loopback"
        if f"{parts.scheme}://{parts.netloc}" != self.base:
            return f"not on {self.base}"
        return ""

    def _address(self, path: str, node: str, use: str) -> Iterator[Problem]:
        try:
            parts = urlsplit(node)
            parts.port  # noqa: B018 -- raises for a port that is no number
        except ValueError:
            yield Problem(path, "not a URL")
            return
        elsewhere = (use == "image" and parts.netloc == LOGO_HOST and parts.scheme == "https") or (
            use == "terms" and parts.scheme == "https" and bool(parts.hostname)
        )
        wrong = "" if elsewhere else self._ours(parts)
        if wrong:
            yield Problem(path, wrong)
        if use == "function" and (parts.query or parts.fragment or parts.path in {"", "/"}):
            yield Problem(path, "a function is told apart by its path alone: no query, no fragment, not the root")
        if use == "image" and not elsewhere and not parts.path.endswith(".png"):
            yield Problem(path, "an image is a PNG")
        if use == "origin" and (parts.path or parts.query or parts.fragment):
            yield Problem(path, "an origin has no path")

    def _prefix(self, path: str, node: str) -> Iterator[Problem]:
        if node == "*":
            yield Problem(path, "`*` opens every address and slows the review down")
            return
        parts = urlsplit(node)
        if not parts.path.startswith("/") or parts.query or parts.fragment:
            yield Problem(path, "a prefix is https, a whole host and a path: https://host/")
        if "*" in parts.netloc and not re.fullmatch(r"\*(\.[A-Za-z0-9-]+){2,}", parts.netloc):
            yield Problem(path, "a wildcard stands for subdomains only: https://*.host.example/")
        elif wrong := self._ours(parts._replace(netloc=parts.netloc.removeprefix("*."))):
            yield Problem(path, wrong)


def _scope(path: str, node: str) -> Iterator[Problem]:
    if node in RESTRICTED:
        yield Problem(path, f"{node} is restricted: it needs a yearly assessment, and no feature of ours needs it")
    elif node not in {scope.url for scope in SCOPES}:
        yield Problem(path, f"no feature needs {node}")


def _whole(manifest: Any) -> Iterator[Problem]:
    """What no single field shows."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("addOns"), dict):
        return
    add_ons, raw = manifest["addOns"], manifest.get("oauthScopes")
    scopes = [scope for scope in raw if isinstance(scope, str)] if isinstance(raw, list) else []
    for scope in sorted({each for each in scopes if scopes.count(each) > 1}):
        yield Problem("oauthScopes", f"{scope} is named twice")
    for needed in SCOPES:
        if not needed.optional and needed.url not in scopes:
            yield Problem("oauthScopes", f"{needed.url} is missing: {needed.feature} needs it")
    if not add_ons.keys() & set(HOSTS):
        yield Problem("addOns", f"no host is enabled: one of {', '.join(HOSTS)} is needed")
    for way, values, name in _NEEDS:
        value = _at(add_ons, way)
        if value is not None and (values is None or value in values) and _AUTH + name not in scopes:
            yield Problem(f"addOns.{'.'.join(way)}", f"does nothing without the scope {name}")
    options = _at(add_ons, ("httpOptions",)) or {}
    for name, value in (("authorizationHeader", "SYSTEM_ID_TOKEN"), ("granularOauthPermissionSupport", "OPT_IN")):
        if _at(options, (name,)) not in {None, value}:
            yield Problem(f"addOns.httpOptions.{name}", f"{value} is what the add-on's door understands")
    yield from _links(add_ons)


def _links(add_ons: dict[str, Any]) -> Iterator[Problem]:
    raw = _at(add_ons, ("common", "openLinkUrlPrefixes"))
    prefixes = [each for each in raw if isinstance(each, str)] if isinstance(raw, list) else []
    for link in [value for key, value in _walk(add_ons) if key == "openLink" and isinstance(value, str)]:
        if not any(_begins(link, prefix) for prefix in prefixes):
            yield Problem("addOns.common.openLinkUrlPrefixes", f"no prefix allows {link}")


def _begins(link: str, prefix: str) -> bool:
    """Whether the host opens `link` under `prefix`: paths are compared with case, up to a boundary."""
    one, other = urlsplit(link), urlsplit(prefix)
    wild = other.netloc.startswith("*.") and one.netloc.endswith(other.netloc[1:])
    folder = other.path.rstrip("/")
    inside = one.path == folder or one.path.startswith(folder + "/")
    return one.scheme == other.scheme and (wild or one.netloc == other.netloc) and inside


def _at(node: Any, way: tuple[str, ...]) -> Any:
    for name in way:
        node = node.get(name) if isinstance(node, dict) else None
    return node
