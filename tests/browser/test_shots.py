"""One command pictures every card."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.card_samples import all_cards

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]


def test_the_command_pictures_every_card_of_a_language(tmp_path: Path) -> None:
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    command = [sys.executable, "-m", "workbench", "shots", str(tmp_path), "--locale", "pt", "--theme", "dark"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    pictures = {path.stem for path in (tmp_path / "pt-dark").glob("*.png")}
    assert pictures == set(all_cards("pt")) and (tmp_path / "pt-dark.png").stat().st_size > 50_000
    assert f"{len(pictures)} pictures" in done.stdout
