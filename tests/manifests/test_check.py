"""The checker finds every planted defect, names its place, and leaves what Google allows alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cards.surface import SCOPES
from manifests.check import check, check_text
from manifests.render import render

pytestmark = pytest.mark.pure
BASE, AUTH = "https://addon.example", "https://www.googleapis.com/auth/"
MISSING = object()
GMAIL, COMMON, HTTP = "addOns.gmail", "addOns.common", "addOns.httpOptions"
FN = BASE + "/on/x"

# (place to change, new value, place of the problem)
DEFECTS: list[tuple[str, Any, str]] = [
    ("oauthScopes", MISSING, "oauthScopes"), ("oauthScopes", [], "oauthScopes"), ("oauthScopes", AUTH + "contacts", "oauthScopes"),
    ("oauthScopes.0", 7, "oauthScopes[0]"), ("oauthScopes.0", "", "oauthScopes[0]"), ("oauthScopes.0", AUTH + "calendar", "oauthScopes[0]"),
    ("oauthScopes.0", AUTH + "gmail.readonly", "oauthScopes[0]"), ("oauthScopes.0", "https://mail.google.com/", "oauthScopes[0]"),
    ("oauthScopes.0", AUTH + "drive", "oauthScopes[0]"), ("oauthScopes.0", AUTH + "drive.meet.readonly", "oauthScopes[0]"),
    ("oauthScopes.0", AUTH + "script.locale", "oauthScopes"), ("oauthScopes.8", AUTH + "contacts", "oauthScopes"),
    ("oauthScopes.5", AUTH + "contacts", f"{GMAIL}.composeTrigger"), ("oauthScopes.1", AUTH + "contacts", f"{COMMON}.useLocaleFromApp"),
    ("addOns", MISSING, "addOns"), ("addOns", [], "addOns"), (GMAIL, MISSING, "addOns"), (COMMON, MISSING, COMMON), (HTTP, MISSING, HTTP),
    ("addOns.chat", {}, "addOns.chat"), ("addOns.gmal", {}, "addOns.gmal"), ("extra", 1, "extra"),
    (f"{COMMON}.name", MISSING, f"{COMMON}.name"), (f"{COMMON}.name", " ", f"{COMMON}.name"), (f"{COMMON}.name", "x" * 501, f"{COMMON}.name"),
    (f"{COMMON}.Name", "x", f"{COMMON}.Name"), (f"{COMMON}.logoUrl", MISSING, f"{COMMON}.logoUrl"), (f"{COMMON}.logoUrl", None, f"{COMMON}.logoUrl"),
    (f"{COMMON}.logoUrl", "/icons/logo-256.png", f"{COMMON}.logoUrl"), (f"{COMMON}.logoUrl", BASE + "/icons/logo.svg", f"{COMMON}.logoUrl"),
    (f"{COMMON}.logoUrl", "http://addon.example/icons/l.png", f"{COMMON}.logoUrl"), (f"{COMMON}.logoUrl", "https://cdn.example/l.png", f"{COMMON}.logoUrl"),
    (f"{COMMON}.logoUrl", "http://lh3.googleusercontent.com/x", f"{COMMON}.logoUrl"), (f"{COMMON}.logoUrl", "data:image/png;base64,x", f"{COMMON}.logoUrl"),
    (f"{COMMON}.useLocaleFromApp", "true", f"{COMMON}.useLocaleFromApp"), (f"{COMMON}.layoutProperties.primaryColor", "blue", f"{COMMON}.layoutProperties.primaryColor"),
    (f"{COMMON}.layoutProperties.color", "#000000", f"{COMMON}.layoutProperties.color"), (f"{COMMON}.addOnWidgetSet", {"usedWidgets": ["GRID"]}, f"{COMMON}.addOnWidgetSet.usedWidgets[0]"),
    (f"{COMMON}.universalActions.0.label", MISSING, f"{COMMON}.universalActions[0].label"), (f"{COMMON}.universalActions.0.text", "x", f"{COMMON}.universalActions[0].text"),
    (f"{COMMON}.universalActions.0.openLink", MISSING, f"{COMMON}.universalActions[0]"), (f"{COMMON}.universalActions.0.runFunction", FN, f"{COMMON}.universalActions[0]"),
    (f"{COMMON}.universalActions.0.openLink", "https://evil.example/settings", f"{COMMON}.universalActions[0].openLink"),
    (f"{COMMON}.universalActions", [], f"{COMMON}.universalActions"), (f"{COMMON}.universalActions", {}, f"{COMMON}.universalActions"),
    (f"{COMMON}.openLinkUrlPrefixes", MISSING, f"{COMMON}.openLinkUrlPrefixes"), (f"{COMMON}.openLinkUrlPrefixes.0", "*", f"{COMMON}.openLinkUrlPrefixes[0]"),
    (f"{COMMON}.openLinkUrlPrefixes.0", BASE, f"{COMMON}.openLinkUrlPrefixes[0]"), (f"{COMMON}.openLinkUrlPrefixes.0", "http://addon.example/", f"{COMMON}.openLinkUrlPrefixes[0]"),
    (f"{COMMON}.openLinkUrlPrefixes.0", "https://evil.example/", f"{COMMON}.openLinkUrlPrefixes[0]"), (f"{COMMON}.openLinkUrlPrefixes.0", "https://*/", f"{COMMON}.openLinkUrlPrefixes[0]"),
    (f"{COMMON}.openLinkUrlPrefixes.0", "https://*.example/", f"{COMMON}.openLinkUrlPrefixes[0]"), (f"{COMMON}.openLinkUrlPrefixes.0", "https://a.*.example/", f"{COMMON}.openLinkUrlPrefixes[0]"),
    (f"{COMMON}.openLinkUrlPrefixes.0", BASE + "/?a=1", f"{COMMON}.openLinkUrlPrefixes[0]"), (f"{COMMON}.openLinkUrlPrefixes.0", BASE + "/phone", f"{COMMON}.openLinkUrlPrefixes"),
    (f"{COMMON}.openLinkUrlPrefixes.0", BASE + "/sett", f"{COMMON}.openLinkUrlPrefixes"), (f"{COMMON}.openLinkUrlPrefixes.0", BASE + "/Settings", f"{COMMON}.openLinkUrlPrefixes"),
    (f"{GMAIL}.homepageTrigger.runFunction", MISSING, f"{GMAIL}.homepageTrigger.runFunction"), (f"{GMAIL}.homepageTrigger.enabled", 1, f"{GMAIL}.homepageTrigger.enabled"),
    (f"{GMAIL}.homepageTrigger.runFunction", "onHomepage", f"{GMAIL}.homepageTrigger.runFunction"), (f"{GMAIL}.homepageTrigger.runFunction", FN + "?a=1", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.homepageTrigger.runFunction", FN + "#a", f"{GMAIL}.homepageTrigger.runFunction"), (f"{GMAIL}.homepageTrigger.runFunction", BASE + "/", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.homepageTrigger.runFunction", "https://addon.example.evil.example/x", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.homepageTrigger.runFunction", "https://addon.example@evil.example/x", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.homepageTrigger.runFunction", "https://addon.example:444/x", f"{GMAIL}.homepageTrigger.runFunction"), (f"{GMAIL}.homepageTrigger.runFunction", "https://[x/y", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.homepageTrigger.runFunction", "http://127.0.0.1:8080/on/x", f"{GMAIL}.homepageTrigger.runFunction"), (f"{GMAIL}.homepageTrigger.runFunction", "https://addon.example:x/y", f"{GMAIL}.homepageTrigger.runFunction"),
    (f"{GMAIL}.contextualTriggers.0.unconditional", MISSING, f"{GMAIL}.contextualTriggers[0].unconditional"), (f"{GMAIL}.contextualTriggers.0.unconditional", {"x": 1}, f"{GMAIL}.contextualTriggers[0].unconditional.x"),
    (f"{GMAIL}.contextualTriggers.0.onTriggerFunction", MISSING, f"{GMAIL}.contextualTriggers[0].onTriggerFunction"), (f"{GMAIL}.contextualTriggers.0.runFunction", FN, f"{GMAIL}.contextualTriggers[0].runFunction"),
    (f"{GMAIL}.composeTrigger.selectActions", [], f"{GMAIL}.composeTrigger.selectActions"), (f"{GMAIL}.composeTrigger.actions", MISSING, f"{GMAIL}.composeTrigger.actions"),
    (f"{GMAIL}.composeTrigger.actions.0.text", "x", f"{GMAIL}.composeTrigger.actions[0].text"), (f"{GMAIL}.composeTrigger.actions.0.label", MISSING, f"{GMAIL}.composeTrigger.actions[0].label"),
    (f"{GMAIL}.composeTrigger.draftAccess", "READ", f"{GMAIL}.composeTrigger.draftAccess"), (f"{GMAIL}.authorizationCheckFunction", FN, f"{GMAIL}.authorizationCheckFunction"),
    (f"{GMAIL}.universalActions", [{"label": "x", "openLink": BASE + "/x"}], f"{GMAIL}.universalActions[0].label"),
    ("addOns.calendar", {"currentEventAccess": "ALL"}, "addOns.calendar.currentEventAccess"), ("addOns.calendar", {"currentEventAccess": "READ"}, "addOns.calendar.currentEventAccess"),
    ("addOns.calendar", {"conferenceSolutions": []}, "addOns.calendar.conferenceSolutions"), ("addOns.calendar", {"conferenceSolution": [{"id": "a"}]}, "addOns.calendar.conferenceSolution[0].name"),
    ("addOns.docs", {"createActionTriggers": [{"id": "x" * 65, "labelText": "x", "runFunction": FN}]}, "addOns.docs.createActionTriggers[0].id"),
    ("addOns.sheets", {"linkPreviewTriggers": [{"labelText": "x", "runFunction": FN}]}, "addOns.sheets.linkPreviewTriggers[0].patterns"), ("addOns.sheets", {"createActionTriggers": []}, "addOns.sheets.createActionTriggers"),
    ("addOns.slides", {"linkPreviewTriggers": [{"labelText": "x", "localizedLabelText": {"es": 1}, "patterns": [{"hostPattern": "a.example"}], "runFunction": FN}]}, "addOns.slides.linkPreviewTriggers[0].localizedLabelText"),
    ("addOns.drive", {"onItemsSelectedTrigger": {}}, "addOns.drive.onItemsSelectedTrigger.runFunction"), ("addOns.drive", None, "addOns.drive"),
    ("addOns.meet", {"web": {"sidePanelUri": BASE + "/m"}}, "addOns.meet.web.sidePanelUri"), ("addOns.meet", {"web": {"sidePanelUrl": BASE + "/m", "addOnOrigins": [BASE + "/"]}}, "addOns.meet.web.addOnOrigins[0]"),
    ("addOns.meet", {"web": {"sidePanelUrl": BASE + "/m", "addOnOrigins": [BASE], "openState": "OPEN"}}, "addOns.meet.web.openState"), ("addOns.meet", {"termsUri": "http://a.example"}, "addOns.meet.termsUri"),
    (f"{HTTP}.authorizationHeader", "NONE", f"{HTTP}.authorizationHeader"), (f"{HTTP}.authorizationHeader", "USER_ID_TOKEN", f"{HTTP}.authorizationHeader"),
    (f"{HTTP}.authorizationHeader", "SYSTEM", f"{HTTP}.authorizationHeader"), (f"{HTTP}.authorizationHeader", MISSING, f"{HTTP}.authorizationHeader"),
    (f"{HTTP}.granularOauthPermissionSupport", "OPT_OUT", f"{HTTP}.granularOauthPermissionSupport"), (f"{HTTP}.granularOauthPermissionSupport", MISSING, f"{HTTP}.granularOauthPermissionSupport"),
]  # fmt: skip


def changed(place: str, value: Any) -> dict[str, Any]:
    manifest = copy.deepcopy(render(BASE))
    node: Any = manifest
    *way, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    for part in way:
        node = node[part]
    if value is MISSING:
        del node[last]
    else:
        node[last] = value
    return manifest


def test_every_planted_defect_is_found_at_its_place() -> None:
    missed = [
        (place, value, [str(p) for p in check(changed(place, value), BASE)])
        for place, value, where in DEFECTS
        if where not in {problem.path for problem in check(changed(place, value), BASE)}
    ]
    print(f"{len(DEFECTS)} planted defects, {len(missed)} missed")
    assert missed == [] and len(DEFECTS) >= 90


def test_each_problem_says_what_to_do_in_words() -> None:
    for place, value, _ in DEFECTS:
        for problem in check(changed(place, value), BASE):
            assert problem.text and problem.text[0] != "<" and "object at 0x" not in str(problem)


ALLOWED: list[tuple[str, Any]] = [
    (f"{COMMON}.logoUrl", "https://lh3.googleusercontent.com/abc"),
    (f"{COMMON}.homepageTrigger", {"runFunction": FN, "enabled": False}),
    (f"{COMMON}.addOnWidgetSet", {"usedWidgets": ["GRID_WIDGET", "FIXED_FOOTER"]}),
    (f"{COMMON}.openLinkUrlPrefixes", [BASE + "/settings", "https://*.addon.example/"]),
    (f"{GMAIL}.composeTrigger.draftAccess", "METADATA"),
    (f"{GMAIL}.universalActions", [{"text": "Help", "runFunction": FN}]),
    ("addOns.calendar", {}),
    ("addOns.calendar", {"eventOpenTrigger": {"runFunction": FN}, "currentEventAccess": "METADATA"}),
    ("addOns.drive", {"onItemsSelectedTrigger": {"runFunction": FN}}),
    ("addOns.docs", {"onFileScopeGrantedTrigger": {"runFunction": FN}}),
    ("addOns.meet", {"web": {"sidePanelUrl": BASE + "/meet/panel", "addOnOrigins": [BASE]}, "termsUri": "https://law.example/t"}),
    ("name", "projects/p/deployments/d"),
    ("etag", "x"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), ALLOWED)
def test_what_google_allows_is_left_alone(place: str, value: Any) -> None:
    assert check(changed(place, value), BASE) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", '{"addOns": null}', '{"addOns": {"common": 1, "gmail": []}}', '{"oauthScopes": [[]], "addOns": {}}', "[" * 50_000, '{"addOns": {"common": {"openLinkUrlPrefixes": [1]}}}'])  # fmt: skip
def test_any_text_gets_problems_and_no_crash(text: str) -> None:
    assert check_text(text, BASE) and check_text(text)


def test_a_host_of_its_own_needs_no_base() -> None:
    assert check(render("https://other.example")) == []
    assert check(render("https://other.example"), BASE) != []


def test_every_optional_scope_may_be_left_out_unless_a_trigger_needs_it() -> None:
    for scope in SCOPES:
        manifest = render(BASE)
        manifest["oauthScopes"].remove(scope.url)
        needed = not scope.optional or scope.feature == "insert-numbers"
        assert bool(check(manifest, BASE)) is needed, scope
