"""When the garbage collector may stop the process: a collection of everything takes tens of ms, which calls would hear."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

# A young collection takes some ms at most, also while many calls are set up at once.
NEW_OBJECTS = 2_000
YOUNG_COLLECTIONS = 5
# No collection of everything comes by itself.
NEVER = 1_000_000_000
LOOK_SECONDS = 2.0
# What ended calls leave is some 100 KB each, and takes some 0.2 ms each to free.
ENDED_CALLS = 100


def settle_memory() -> None:
    """What start-up made lives as long as the process: collections skip it, and only young ones come by themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_COLLECTIONS, NEVER)


class Collector:
    """Frees what ended calls left while nobody talks, or when it is too much to wait for that."""

    def __init__(self, live: Callable[[], int], collect: Callable[[], object] = gc.collect) -> None:
        self._live, self._collect = live, collect
        self._ended = 0

    def call_ended(self) -> None:
        """One call more has left something."""
        self._ended += 1

    def look(self) -> bool:
        """Collect everything if now is the time; True when it was done."""
        if not self._ended or (self._live() and self._ended < ENDED_CALLS):
            return False
        self._ended = 0
        self._collect()
        return True

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()
