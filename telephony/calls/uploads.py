"""Closed recordings on their way to storage: rendered, granted, uploaded, verified, then deleted here."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contract.calls import CallId
from contract.events import RecordingFailed, RecordingReady
from contract.numbers import TenantId, UserId
from contract.uploads import UploadGrant, UploadRequest
from telephony import outbox
from telephony.journal import Journal, Value, commit_at_last

log = logging.getLogger(__name__)
PREFIX = "tape/"


class Hopeless(Exception):
    """The recording can never be kept; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Rendered:
    """A playable file."""

    path: Path
    seconds: float


class Store(Protocol):
    """The add-on's storage."""

    async def grant(self, asked: UploadRequest) -> UploadGrant:
        """Permission; raises `telephony.outbox.Refused` when it will never be given."""
        ...


@dataclass(slots=True)
class Uploader:
    """Works through the journal's tapes; `live` tells which calls still write.

    Storage that is away is asked again for `most_seconds` (a week); then, or when it refuses, nothing is kept.
    """

    journal: Journal
    store: Store
    render: Callable[[CallId], Awaitable[Rendered]]
    upload: Callable[[Path, UploadGrant], Awaitable[None]]
    forget: Callable[[CallId], None]
    live: Callable[[CallId], bool]
    on_event: Callable[[], None]
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 300.0
    most_seconds: float = 7 * 86400.0
    now: Callable[[], float] = time.time
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _busy: set[str] = field(default_factory=set)

    def wake(self) -> None:
        """A call ended."""
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                for key, value in self.journal.items(PREFIX).items():
                    call = CallId(key.removeprefix(PREFIX))
                    if key not in self._busy and not self.live(call):
                        self._busy.add(key)
                        group.create_task(self._keep(key, call, value))
                await self._news.wait()

    async def _keep(self, key: str, call: CallId, value: Value) -> None:
        tenant, user = TenantId(value["facts"]["tenant"]), UserId(value["facts"]["user"])
        event: RecordingReady | RecordingFailed | None = None
        reason = "storage-away"
        for tries in itertools.count():
            try:
                event = await self._once(call, tenant, user, value)
                break
            except (Hopeless, outbox.Refused) as error:
                reason = getattr(error, "reason", "refused")
                break
            except Exception as error:
                log.warning("a recording waits for storage", extra={"call": call, "error": type(error).__name__})
                if self.now() - value["notice_ended_at"] > self.most_seconds:
                    break
                wait = min(self.longest_wait_seconds, self.first_wait_seconds * 2 ** min(tries, 12))
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
        event = event or RecordingFailed(f"{call}:recording", 2, call, tenant, user, reason)
        await commit_at_last(self.journal, outbox.stored(event), [key])
        # A recording that can never be stored has no retention date: nothing of it may stay here.
        await asyncio.to_thread(self.forget, call)
        self._busy.discard(key)
        self.on_event()

    async def _once(self, call: CallId, tenant: TenantId, user: UserId, value: Value) -> RecordingReady:
        made = await self.render(call)
        size = made.path.stat().st_size
        digest = await asyncio.to_thread(lambda: hashlib.sha256(made.path.read_bytes()).hexdigest())
        grant = await self.store.grant(UploadRequest(call, tenant, user, size, digest))
        await self.upload(made.path, grant)
        return RecordingReady(
            id=f"{call}:recording",
            seq=2,
            call=call,
            tenant=tenant,
            user=user,
            object=grant.object,
            sha256=digest,
            size_bytes=size,
            seconds=made.seconds,
            notice_ended_at=value["notice_ended_at"],
            cut_short=bool(value.get("cut_short")),
        )
