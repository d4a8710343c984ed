"""Suites that walk many inputs say how many they tried, and too few is a failure."""

from __future__ import annotations

import pytest


def tried(capsys: pytest.CaptureFixture[str], count: int, floor: int, what: str) -> None:
    """Print the count where it is seen, and hold it to the floor."""
    with capsys.disabled():
        print(f"\ntried {count:,} {what}", flush=True)
    assert count >= floor, f"only {count:,} {what}, at least {floor:,} are due"
