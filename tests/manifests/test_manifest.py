"""The manifest says what the surface says: triggers, pages, scopes and words; its golden copy is what render prints."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from addon.dispatch import TRIGGERS
from cards.surface import SCOPES, Page, Trigger
from cards.text import CATALOGUES
from manifests import card_icons, logo
from manifests.__main__ import ICONS, main
from manifests.check import check
from manifests.render import BadBase, render
from tests.cast import BASE, House

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "manifests" / "addon.json"


def addresses(node: Any, keys: frozenset[str]) -> list[str]:
    """Every URL under one of the keys, as a path."""
    found: list[str] = []
    if isinstance(node, dict):
        for key, value in node.items():
            found += [value.removeprefix(BASE)] if key in keys and isinstance(value, str) else addresses(value, keys)
    elif isinstance(node, list):
        for item in node:
            found += addresses(item, keys)
    return found


FUNCTIONS = frozenset({"runFunction", "onTriggerFunction", "onCreateFunction"})
OPENED = frozenset({"openLink", "logoUrl", "sidePanelUrl"})


def test_the_golden_manifest_is_what_render_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--base-url", BASE + "/"], {}) == 0
    assert capsys.readouterr().out == GOLDEN.read_text(encoding="utf-8")
    assert check(json.loads(GOLDEN.read_text()), BASE) == [] == check(json.loads(GOLDEN.read_text()))


def test_every_trigger_is_in_the_table_and_once_in_the_manifest() -> None:
    assert set(TRIGGERS) == set(Trigger)
    assert sorted(addresses(render(BASE), FUNCTIONS)) == sorted(f"/on/{trigger.value}" for trigger in Trigger)


def test_every_address_of_the_manifest_is_a_route(tmp_path: Path) -> None:
    routes = House(tmp_path).app.url_map.bind("addon.example")
    manifest = render(BASE)
    for path in addresses(manifest, FUNCTIONS):
        assert routes.match(path, method="POST")
    opened = addresses(manifest, OPENED)
    for path in opened:
        assert routes.match(path, method="GET")
    assert Page.SETTINGS.value in opened and set(manifest["addOns"]["common"]["openLinkUrlPrefixes"]) == {BASE + "/"}


def test_every_scope_of_the_manifest_has_one_feature_and_every_optional_one_its_words() -> None:
    assert render(BASE)["oauthScopes"] == [scope.url for scope in SCOPES]
    assert len({scope.feature for scope in SCOPES}) == len({scope.url for scope in SCOPES}) == len(SCOPES)
    for words in CATALOGUES.values():
        told = {key.removeprefix("missing.") for key in words if key.startswith("missing.")}
        assert {scope.feature for scope in SCOPES if scope.optional} <= told


def test_without_a_user_exactly_the_scopes_that_are_not_optional_are_asked_for(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    import google.auth._helpers as clock

    house = House(tmp_path, now=datetime.now(UTC).timestamp())
    assert clock.utcnow()
    asked = house.post("/on/gmail.homepage", {}).json["requesting_google_scopes"]["scopes"]
    assert asked == [scope.url for scope in SCOPES if not scope.optional]


def test_labels_are_the_catalogues_own() -> None:
    from manifests.render import COMPOSE_LABEL, SETTINGS_LABEL

    assert (SETTINGS_LABEL, COMPOSE_LABEL) == (
        CATALOGUES["en"]["settings.title"],
        CATALOGUES["en"]["compose.title"],
    )


def test_manifests_import_nothing_of_ours_but_the_surface() -> None:
    found = set()
    for path in (ROOT / "manifests").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name for name in names if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in found if not name.startswith("manifests.")} == {"cards.surface", "PIL"}


@pytest.mark.parametrize("base", ["https://addon.example", "http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:1"])  # fmt: skip
def test_a_manifest_of_any_good_base_is_without_problems(base: str) -> None:
    assert check(render(base), base) == [] and render(base)["addOns"]["common"]["logoUrl"].startswith(base.rstrip("/"))


@pytest.mark.parametrize("base", ["", "addon.example", "http://addon.example", "ftp://a.example", "https://", "https://a.example/path", "https://u:p@a.example", "https://a.example?x=1", "javascript:alert(1)"])  # fmt: skip
def test_a_bad_base_is_refused_with_the_way_out(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadBase):
        render(base)
    assert main(["render", "--base-url", base], {"BASE_URL": BASE}) == 2
    assert "--base-url https://your.host" in capsys.readouterr().err


def test_the_command_reads_a_file_or_standard_input_and_names_each_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check", str(GOLDEN)], {}) == 0 and main(["check", str(GOLDEN)], {"BASE_URL": BASE}) == 0
    assert main(["check", str(GOLDEN), "--base-url", "https://other.example"], {}) == 1
    assert re.search(r"^addOns\.common\.logoUrl: not on https://other\.example$", capsys.readouterr().out, re.MULTILINE)
    monkeypatch.setattr("sys.stdin", io.StringIO("{"))
    assert main(["check", "-"], {}) == 1 and "not JSON" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "nothing.json")], {}) == 2
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    assert main(["check", str(tmp_path / "bytes.json")], {}) == 2


def test_the_pictures_are_what_the_program_draws() -> None:
    drawn = {name: logo.draw(size) for name, size in logo.FILES.items()}
    drawn |= {name: card_icons.draw(icon) for name, icon in card_icons.ICONS.items()}
    assert {p.name for p in ICONS.iterdir()} == set(drawn)
    for name, picture in drawn.items():
        kept = Image.open(ICONS / name).convert("RGBA")
        assert kept.size == picture.size
        assert max(ImageStat.Stat(ImageChops.difference(kept, picture)).mean) < 2
