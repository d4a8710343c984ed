"""The import rules name every module of both programs, so that no new one escapes them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]


def named(program: str) -> set[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer for c in contracts if c["type"] == "layers" for layer in c["layers"]]
    return {
        part.strip()
        for layer in layers
        for part in layer.replace(":", "|").split("|")
        if part.strip().startswith(program + ".")
    }


@pytest.mark.parametrize("program", ["addon", "telephony"])
def test_every_module_stands_in_a_layer(program: str) -> None:
    here = ROOT / program
    modules = {f"{program}.{p.stem}" for p in here.glob("*.py") if p.stem not in {"__init__", "__main__"}}
    modules |= {f"{program}.{p.name}" for p in here.iterdir() if (p / "__init__.py").exists()}
    assert modules - named(program) == set()
