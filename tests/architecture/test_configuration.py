"""docs/CONFIGURATION.md lists every setting that either program reads, with the default that it really has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from addon.config import SETTINGS as ADDON
from addon.config import BadConfig, Config
from telephony.config import SETTINGS as TELEPHONY
from telephony.config import BadConfig as BadTelephony
from telephony.config import read_config
from workbench.settings_page import FILE, page
from workbench.supervisor import Stage, make_keys

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]


class Watched(Mapping[str, str]):
    """An environment that remembers what was asked for and with which default."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_, self.asked = dict(values), dict[str, set[str]]()

    def __getitem__(self, name: str) -> str:
        self.asked.setdefault(name, set())
        return self.values_[name]

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override] # both programs ask for text
        self.asked.setdefault(name, set()).add(str(default or ""))
        found = self.values_.get(name)
        return str(default or "") if found is None else found

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a program reads the settings it names")

    def __len__(self) -> int:
        return len(self.values_)


def asked(read: Callable[[Mapping[str, str]], object], environments: list[dict[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for values in environments:
        watched = Watched(values)
        try:
            read(watched)
        except (BadConfig, BadTelephony):
            pass
        for name, defaults in watched.asked.items():
            found.setdefault(name, set()).update(defaults)
    return found


@pytest.fixture
def environments(tmp_path: Path) -> list[dict[str, str]]:
    """Empty, with only DEV, on App Engine, and complete."""
    make_keys(tmp_path / "keys.json")
    full = Stage(8080, tmp_path, tmp_path / "keys.json", "secret").environment({})
    return [{}, {"DEV": "1"}, {"GAE_ENV": "standard"}, full, {"DEV": "1", "GAE_ENV": "standard"}]


@pytest.mark.parametrize(
    ("settings", "read"), [(ADDON, Config.from_env), (TELEPHONY, read_config)], ids=["addon", "telephony"]
)
def test_every_setting_that_is_read_is_listed_with_its_default(
    settings: tuple[tuple[str, str, str, str], ...],
    read: Callable[[Mapping[str, str]], object],
    environments: list[dict[str, str]],
) -> None:
    found = asked(read, environments)
    assert (
        [name for name, *_ in settings if name not in found] == [] == [n for n in found if n not in dict_of(settings)]
    )
    for name, unit, default, meaning in settings:
        assert unit and meaning and "|" not in unit + default + meaning
        for each in found[name] - {""}:
            assert f"`{each.replace('8080', 'PORT') if name == 'BASE_URL' else each}`" in default, (name, each)
        if literal := re.fullmatch(r"`([^`]+)`(?:; `([^`]+)` on App Engine)?", default):
            assert set(literal.groups()) - {None} <= found[name], (name, found[name])
        assert ("required" in default) or literal or default.startswith("empty") or "set by" in unit, name


def dict_of(settings: tuple[tuple[str, str, str, str], ...]) -> dict[str, str]:
    names = {name: default for name, _, default, _ in settings}
    assert len(names) == len(settings)
    return names


def test_the_document_is_what_the_settings_say() -> None:
    assert FILE == ROOT / "docs" / "CONFIGURATION.md"
    assert FILE.read_text(encoding="utf-8") == page(), "python -m workbench settings writes it"


def test_only_entry_points_read_the_environment() -> None:
    readers = [
        str(path.relative_to(ROOT))
        for package in ("addon", "telephony", "contract", "cards", "manifests")
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    ]
    assert sorted(readers) == ["addon/__main__.py", "manifests/__main__.py", "telephony/__main__.py"]


def test_required_settings_are_those_whose_absence_is_a_mistake() -> None:
    for settings, read in ((ADDON, Config.from_env), (TELEPHONY, read_config)):
        with pytest.raises((BadConfig, BadTelephony)) as caught:
            read({"KEYS_FILE": "/nowhere"})
        there = {name for name, _, default, _ in settings if default.startswith("required on App Engine")}
        needed = {name for name, _, default, _ in settings if default.startswith("required")} - there
        said = str(caught.value)
        assert {name for name in needed if name not in said} == set()
        rest = {name for name, *_ in settings} - needed - {"KEYS_FILE", "DEV"}
        assert {name for name in rest if re.search(rf"\b{name}\b", said)} == set()
        with pytest.raises((BadConfig, BadTelephony)) as caught:
            read({"KEYS_FILE": "/nowhere", "GAE_ENV": "standard"})
        assert {name for name in there if name not in str(caught.value)} == set()
