"""When the garbage collector may stop the process: a collection of everything takes tens of ms, which calls would hear."""

from __future__ import annotations

import gc

NEW_OBJECTS = 10_000
YOUNG_COLLECTIONS = 5
# No collection of everything comes by itself.
NEVER = 1_000_000_000


def settle_memory() -> None:
    """What start-up made lives as long as the process: collections skip it, and only young ones come by themselves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_COLLECTIONS, NEVER)
