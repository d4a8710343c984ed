"""After a kill: every journaled call ends once as our-error, in one step with its event; then its parties get BYE."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from contract.calls import CallId, Outcome
from telephony import outbox
from telephony.calls.call import ended_event
from telephony.journal import Journal, Value

log = logging.getLogger(__name__)


def recover(journal: Journal, *, now: float) -> None:
    """End what was live, `now` being when the last run was last alive; its dialogs still need their BYE."""
    tapes = journal.items("tape/")
    for key, facts in journal.items("call/").items():
        call = CallId(key.removeprefix("call/"))
        answered = facts["answered_at"]
        talked = max(0.0, now - answered) if answered else 0.0
        put = outbox.stored(ended_event(call, facts, Outcome.OUR_ERROR, now, talked))
        tape = f"tape/{call}"
        if tape in tapes:
            put[tape] = {**tapes[tape], "cut_short": True}
        journal.commit(put, [key])


async def say_byes(journal: Journal, bye: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
    """BYE to every party of the last run, all at once; each is tried until it answers or 32 s have passed."""

    async def say(key: str, dialog: Value) -> None:
        try:
            await bye(dialog)
        except Exception as error:
            log.warning("a dialog of the last run got no BYE", extra={"error": type(error).__name__})
        try:
            await journal.keep(None, [key])
        except OSError as error:
            log.warning("a dialog of the last run is kept", extra={"error": type(error).__name__})

    async with asyncio.TaskGroup() as group:
        for key, dialog in journal.items("dialog/").items():
            group.create_task(say(key, dialog))
