"""What the documents claim is true of the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]


def classes() -> set[str]:
    found: set[str] = set()
    for package in ("contract", "addon", "telephony"):
        for path in (ROOT / package).rglob("*.py"):
            found |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
    return found


def test_every_glossary_term_names_a_class() -> None:
    terms = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/GLOSSARY.md").read_text(), re.MULTILINE))
    assert len(terms) > 10 and terms <= classes()


@pytest.mark.parametrize("name", ["README.md", "docs/ARCHITECTURE.md", "docs/BENCHMARKS.md", "docs/INTEROP.md"])
def test_a_document_names_only_what_exists(name: str) -> None:
    readme = (ROOT / name).read_text()
    targets = re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in set(re.findall(r"`make ([\w-]+)`", readme)):
        assert target in targets
    for path in set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", readme)):
        assert (ROOT / path).exists(), path


def test_every_control_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/CONTROLS.md").read_text())
    assert len(named) >= 40
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text())
        assert name in {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}, name
