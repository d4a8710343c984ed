"""The three catalogues hold the same keys, and every key that the pages name exists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
WEB = Path(__file__).parents[2] / "web"
TEXTS = {path.stem: json.loads(path.read_text()) for path in (WEB / "i18n").glob("*.json")}
PAGES = [path for part in ("phone", "settings", "recording", "common") for path in (WEB / part).glob("*.js")]


def test_catalogues_match() -> None:
    assert set(TEXTS) == {"en", "es", "pt"}
    for texts in TEXTS.values():
        assert texts.keys() == TEXTS["en"].keys()
        for key, text in texts.items():
            assert sorted(re.findall(r"{(\w+)}", text)) == sorted(re.findall(r"{(\w+)}", TEXTS["en"][key])), key


def test_every_named_key_exists() -> None:
    named = {key for page in PAGES for key in re.findall(r"""\bt\('([\w.-]+)'""", page.read_text())}
    assert len(named) > 40
    assert named - TEXTS["en"].keys() == set()


def test_no_page_uses_an_html_sink() -> None:
    sinks = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    assert [page.name for page in PAGES if sinks.search(page.read_text())] == []
