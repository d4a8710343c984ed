"""One call, repeated while its server is away and its deadline allows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
DEADLINE_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.05


def pauses() -> Callable[[], float]:
    """Seconds to wait before each further try: growing, and spread so that many callers do not come at once."""
    longest = FIRST_PAUSE_SECONDS

    def following() -> float:
        nonlocal longest
        pause = longest * random.uniform(0.5, 1.0)
        longest *= 2
        return pause

    return following


def repeated(call: Callable[[float], T], until: float, away: tuple[type[Exception], ...]) -> T:
    """`call(seconds left)` until it raises none of `away`; the last one is raised when `until` (monotonic) is near."""
    pause = pauses()
    while True:
        try:
            return call(max(until - time.monotonic(), 0.001))
        except away:
            wait = pause()
            if time.monotonic() + wait >= until:
                raise
        time.sleep(wait)
