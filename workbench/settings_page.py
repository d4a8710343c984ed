"""Writes docs/CONFIGURATION.md from the settings that both programs declare."""

from __future__ import annotations

from pathlib import Path

from addon.config import PURPOSES
from addon.config import SETTINGS as ADDON
from telephony.config import SETTINGS as TELEPHONY

FILE = Path(__file__).parents[1] / "docs" / "CONFIGURATION.md"
Rows = tuple[tuple[str, str, str, str], ...]


def _table(rows: Rows) -> list[str]:
    head = ["| setting | unit | default | meaning |", "|---|---|---|---|"]
    return head + [f"| `{name}` | {unit} | {default} | {meaning} |" for name, unit, default, meaning in rows]


def page() -> str:
    """The whole document."""
    lines = [
        "# Configuration",
        "Written by `python -m workbench settings`; change `SETTINGS` in `addon/config.py` or `telephony/config.py`.",
        "",
        "Both programs read the environment once, at start, and list every mistake at once. `make run` sets all of it for a",
        "laptop; `PORT`, `DATA_DIR`, `KEYS_FILE` and `SWEEP_SECONDS` are honoured. The block of ports is PORT (add-on), PORT+1",
        "(workbench), PORT+2 (telephony) and PORT+10 (demo PBX, UDP).",
        "",
        "## The add-on",
        *_table(ADDON),
        "",
        f"Purposes in `KEYS_FILE`: {', '.join(f'`{purpose}`' for purpose in PURPOSES)}.",
        "",
        "## The telephony service",
        *_table(TELEPHONY),
    ]
    return "\n".join(lines) + "\n"
