"""After a kill: every journaled call ends once as our-error, in one step with its event."""

from __future__ import annotations

from typing import Any

from contract.calls import CallId, Outcome
from telephony import outbox
from telephony.calls.call import ended_event
from telephony.journal import Journal


def recover(journal: Journal, *, now: float) -> list[dict[str, Any]]:
    """End what was live; the returned dialogs still need their BYE and are dropped by `said_bye`."""
    for key, facts in journal.items("call/").items():
        call = CallId(key.removeprefix("call/"))
        answered = facts["answered_at"]
        talked = max(0.0, now - answered) if answered else 0.0
        put = outbox.stored(ended_event(call, facts, Outcome.OUR_ERROR, now, talked))
        for tape, value in journal.items(f"tape/{call}").items():
            put[tape] = {**value, "cut_short": True}
        journal.commit(put, [key])
    return [{"key": key, **value} for key, value in journal.items("dialog/").items()]


def said_bye(journal: Journal, dialogs: list[dict[str, Any]]) -> None:
    """The dialogs are over."""
    if dialogs:
        journal.commit(None, [dialog["key"] for dialog in dialogs])
