"""The tree keeps its shape: sizes, names, docstrings, empty packages, and every module imports alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
PACKAGES = ("contract", "cards", "addon", "telephony", "manifests", "workbench", "bench", "deploy")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PRODUCT = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "bench"]
FORBIDDEN = {"utils", "util", "helpers", "helper", "manager", "services", "common", "misc"}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 500, 60


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_tree_is_looked_at() -> None:
    assert len(MODULES) > 40


def test_no_module_grows_beyond_the_stop() -> None:
    assert [name_of(p) for p in MODULES if len(p.read_text().splitlines()) > MAX_MODULE_LINES] == []


def test_no_function_grows_beyond_the_stop() -> None:
    long = [
        f"{name_of(path)}:{node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_names_say_something() -> None:
    assert [name_of(p) for p in MODULES if p.stem in FORBIDDEN] == []


def test_every_module_has_a_docstring() -> None:
    assert [name_of(p) for p in PRODUCT if not ast.get_docstring(ast.parse(p.read_text()))] == []


def test_package_files_hold_only_a_docstring() -> None:
    full = [name_of(p) for p in MODULES if p.name == "__init__.py" and len(ast.parse(p.read_text()).body) > 1]
    assert full == []


def imports_alone(path: Path) -> str:
    module = name_of(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    done = subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{module}: {done.stderr.strip().splitlines()[-1]}"


def test_each_module_imports_alone_in_a_fresh_interpreter() -> None:
    paths = [p for p in MODULES if p.name != "__main__.py"]
    with ThreadPoolExecutor(4) as pool:
        assert [problem for problem in pool.map(imports_alone, paths) if problem] == []


def test_the_project_speaks_of_itself_alone() -> None:
    hosts = ["py" + "pi.org", "python" + "hosted", "registry." + "npm", "deb." + "debian", "/wo" + "rk/", "/ro" + "ot/"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    texts = {n: (ROOT / n).read_text(errors="ignore") for n in listed if (ROOT / n).is_file() and "vendor/" not in n}
    assert [f"{name}: {host}" for name, text in texts.items() for host in hosts if host in text] == []
