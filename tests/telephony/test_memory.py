"""Collections of everything come while nobody talks, or when too much waits for one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from telephony.memory import ENDED_CALLS, Collector

pytestmark = pytest.mark.pure


def test_what_ended_calls_left_waits_until_nobody_talks() -> None:
    live, collected = [1], []
    collector = Collector(lambda: len(live), lambda: collected.append(1))
    assert not collector.look()
    collector.call_ended()
    assert not collector.look() and not collected
    live.clear()
    assert collector.look() and collected == [1]
    assert not collector.look()


def test_a_process_that_is_never_idle_collects_now_and_then() -> None:
    collected: list[int] = []
    collector = Collector(lambda: 150, lambda: collected.append(1))
    for _ in range(5 * ENDED_CALLS):
        collector.call_ended()
        collector.look()
    assert len(collected) == 5


CYCLES = """
import gc
from telephony.__main__ import new_runner
kinds = set()
gc.callbacks.append(lambda phase, info: kinds.add(info["generation"]))
with new_runner():
    kinds.clear()
    kept = []
    for _ in range(300_000):
        one = []; one.append(one); kept.append(one)
    print(gc.get_freeze_count() > 10_000, sorted(kinds))
"""


def test_no_collection_of_everything_comes_by_itself() -> None:
    done = subprocess.run([sys.executable, "-c", CYCLES], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "True [0, 1]", done.stderr
