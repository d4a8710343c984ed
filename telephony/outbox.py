"""Events on their way to the add-on: durable, in order per call, at least once, with stable ids."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from contract import wire
from contract.events import Event, LineStatus
from telephony.journal import Journal, Value, commit_at_last

log = logging.getLogger(__name__)
PREFIX = "event/"


class Refused(Exception):
    """The add-on will never take this event."""


def stored(event: Event) -> dict[str, Value]:
    """The journal entry of an event; commit it together with what it reports."""
    group = f"{event.line}/{event.extension}" if isinstance(event, LineStatus) else event.call
    return {PREFIX + event.id: {"group": group, "seq": event.seq, "wire": wire.dumps(event).decode()}}


class Outbox:
    """Delivers what lies in the journal; `send` raises when the add-on did not take the event."""

    def __init__(
        self,
        journal: Journal,
        send: Callable[[bytes], Awaitable[None]],
        *,
        first_wait_seconds: float = 0.5,
        longest_wait_seconds: float = 60.0,
    ) -> None:
        self._journal = journal
        self._send = send
        self._first = first_wait_seconds
        self._longest = longest_wait_seconds
        self._news = asyncio.Event()
        self._busy: set[str] = set()

    async def post(self, event: Event) -> None:
        """Keep the event on disk and start its delivery."""
        await self._journal.keep(stored(event))
        self.wake()

    def wake(self) -> None:
        """There may be new entries."""
        self._news.set()

    def waiting(self) -> int:
        """How many events are not delivered."""
        return len(self._journal.items(PREFIX))

    async def run(self) -> None:
        """Deliver until cancelled: one worker per call, so that one call's trouble holds up only itself."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._news.clear()
                for value in self._journal.items(PREFIX).values():
                    if value["group"] not in self._busy:
                        self._busy.add(value["group"])
                        group.create_task(self._deliver_group(value["group"]))
                await self._news.wait()

    async def _deliver_group(self, group: str) -> None:
        tries = 0
        while True:
            mine = [(v["seq"], k, v) for k, v in self._journal.items(PREFIX).items() if v["group"] == group]
            if not mine:
                self._busy.discard(group)
                return
            _, key, value = min(mine, key=lambda item: (item[0], item[1]))
            if await self._tried(key, value):
                await commit_at_last(self._journal, None, [key])
                tries = 0
                continue
            tries += 1
            wait = min(self._longest, self._first * 2 ** min(tries - 1, 10))
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))

    async def _tried(self, key: str, value: Value) -> bool:
        try:
            await self._send(value["wire"].encode())
        except Refused:
            log.error("the add-on refused an event for good", extra={"event": key})
        except Exception as error:
            log.warning("an event could not be delivered yet", extra={"event": key, "error": type(error).__name__})
            return False
        return True
