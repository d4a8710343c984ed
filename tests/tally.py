"""Suites that walk many inputs say how many they tried, and too few is a failure."""

from __future__ import annotations

from collections.abc import Mapping

import pytest


def tried(capsys: pytest.CaptureFixture[str], count: int, floor: int, what: str) -> None:
    """Print the count where it is seen, and hold it to the floor."""
    with capsys.disabled():
        print(f"\ntried {count:,} {what}", flush=True)
    assert count >= floor, f"only {count:,} {what}, at least {floor:,} are due"


def same_checks(
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    ran: Mapping[str, int],
    exempt: Mapping[str, str],
    floor: int,
    port: str,
    fixture: str = "store",
) -> None:
    """Every adapter of a port went through as many checks as the others, but for those that `exempt` gives a reason for.

    `ran` counts by adapter how often the fixture was made; `exempt` names the tests that do without it.
    """
    mine = [item for item in request.session.items if item.path == request.path]
    alone = {
        item.originalname for item in mine if isinstance(item, pytest.Function) and fixture not in item.fixturenames
    }
    alone.discard(request.function.__name__)
    assert alone <= set(exempt), "a check of one adapter needs a written reason"
    if len(ran) < 2:
        pytest.skip(f"only {sorted(ran)} ran")
    for adapter, count in sorted(ran.items()):
        tried(capsys, count, floor, f"checks of the {port} port on {adapter}")
    assert len(set(ran.values())) == 1, ran
