"""Earlier calls, newest first, by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from cards.parts import call_row
from cards.text import Texts
from cards.widgets import Card, TextParagraph, section
from contract.calls import CallId

MAX_ROWS = 40


def recent_calls_card(
    records: Sequence[CallRecord], recordings: Mapping[CallId, Recording], *, now: float, texts: Texts
) -> Card:
    """Each day's calls; a recorded one plays from its row and says on which day its recording goes."""
    days = [
        section(
            *(call_row(r, texts.clock(r.started_at), recordings.get(r.call), texts=texts) for r in calls), header=day
        )
        for day, calls in groupby(records[:MAX_ROWS], lambda r: texts.day(r.started_at, now=now))
    ]
    return Card("recent", texts.t("recent.title"), tuple(days) or (section(TextParagraph(texts.html("recent.none"))),))
