"""GET /healthz: one ping per part, for anybody: bounded, once a second at most, and silent about everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from addon.ports.telephony import LinesDown

PINGS_SECONDS = 2.5
KEPT_SECONDS = 1.0
Ping = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Health:
    """`status` is ok, degraded (cards still work, `parts` says what does not) or failing; a part is ok or its reason."""

    status: str
    parts: Mapping[str, str]

    @property
    def http_status(self) -> int:
        """503 when nothing can be served; a part that is away is no reason to take the add-on out of service."""
        return 503 if self.status == "failing" else 200


def _reason(error: BaseException) -> str:
    """Kinds of errors, never their words: those may quote addresses and names."""
    if isinstance(error, LinesDown):
        return error.reason
    cause = error.__cause__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")


@dataclass(slots=True)
class HealthDoor:
    """Pings run at once, each part at most once at a time; without the `essential` ones nothing works."""

    pings: Mapping[str, Ping]
    essential: frozenset[str]
    monotonic: Callable[[], float]
    pings_seconds: float = PINGS_SECONDS
    _last: Health | None = None
    _asked_at: float = 0.0
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _running: dict[str, Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor | None = None

    def look(self) -> Health:
        """How the parts are; who comes while they are asked gets the answer before, so that one request waits at most."""
        before = self._last
        if not self._asking.acquire(blocking=before is None) and before is not None:
            return before
        try:
            if self._last is None or self.monotonic() - self._asked_at >= KEPT_SECONDS:
                self._last = self._ask()
                self._asked_at = self.monotonic()
            return self._last
        finally:
            self._asking.release()

    def _ask(self) -> Health:
        pool = self._pool = self._pool or ThreadPoolExecutor(len(self.pings), "health")
        for name, ping in self.pings.items():
            if name not in self._running:
                self._running[name] = pool.submit(ping)
        wait(self._running.values(), self.pings_seconds)
        parts = {name: self._heard(name) for name in self.pings}
        if all(said == "ok" for said in parts.values()):
            return Health("ok", parts)
        lost = any(parts[name] != "ok" for name in self.essential)
        return Health("failing" if lost else "degraded", parts)

    def _heard(self, name: str) -> str:
        asked = self._running[name]
        if not asked.done():
            return "no answer in time"
        del self._running[name]
        error = asked.exception()
        return _reason(error) if error else "ok"
