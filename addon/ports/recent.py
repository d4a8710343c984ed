"""What was fetched for one user a moment ago: bounded, short-lived, in this process only, never another user's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.numbers import TenantId, UserId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose it is: a verified user of a known tenant."""

    tenant: TenantId
    user: UserId


class Recent(Generic[T]):
    """Values by owner and key for `keep_seconds`; beyond `limit` the oldest goes. Holds no tokens, decisions or verdicts."""

    def __init__(self, keep_seconds: float, limit: int) -> None:
        self._keep_seconds, self._limit = keep_seconds, limit
        self._kept: OrderedDict[tuple[Owner, Hashable], tuple[float, T]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, owner: Owner, key: Hashable, *, now: float) -> T | None:
        """The value, or None when there is none of this owner or its time is over; `now` is Unix seconds."""
        with self._lock:
            self._drop(now)
            found = self._kept.get((owner, key))
        return None if found is None else found[1]

    def put(self, owner: Owner, key: Hashable, value: T, *, now: float) -> None:
        """Keep from now on."""
        with self._lock:
            self._kept.pop((owner, key), None)
            self._kept[owner, key] = (now, value)
            self._drop(now)

    def forget(self, owner: Owner) -> None:
        """Drop everything of one owner."""
        with self._lock:
            for entry in [entry for entry in self._kept if entry[0] == owner]:
                del self._kept[entry]

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, now: float) -> None:
        while self._kept:
            at = next(iter(self._kept.values()))[0]
            if len(self._kept) <= self._limit and at <= now < at + self._keep_seconds:
                return
            self._kept.popitem(last=False)
