"""Earlier calls, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from cards.parts import call_row
from cards.surface import Action
from cards.text import Texts
from cards.widgets import Card, DecoratedText, Do, TextParagraph, Widget, section
from contract.calls import CallId

MAX_ROWS = 40


def recent_calls_card(
    records: Sequence[CallRecord], recordings: Mapping[CallId, Recording], *, now: float, texts: Texts
) -> Card:
    """Each call and, under it, its recording with the day it goes."""
    rows: list[Widget] = []
    for record in records[:MAX_ROWS]:
        rows.append(call_row(record, now=now, texts=texts))
        if found := recordings.get(record.call):
            rows.append(recording_row(found, texts))
    return Card("recent", texts.t("recent.title"), (section(*(rows or [TextParagraph(texts.html("recent.none"))])),))


def recording_row(recording: Recording, texts: Texts) -> DecoratedText:
    """Length and deletion date; leads to the recording's card."""
    return DecoratedText(
        texts.html("recording.length", length=texts.duration(recording.seconds)),
        bottom=deletion(recording, texts),
        icon="VIDEO_PLAY",
        on_click=Do(Action.SHOW_RECORDING, {"call": recording.call}),
    )


def deletion(recording: Recording, texts: Texts) -> str:
    """When the recording goes, or what holds it."""
    if recording.holds:
        return texts.html("recording.held")
    return texts.html("recording.deleted_on", date=texts.date(recording.purge_at))
