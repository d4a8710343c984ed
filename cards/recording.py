"""One recording: play, when it goes and why, delete now."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from cards.parts import party_name, recording_rows
from cards.surface import Action
from cards.text import Texts
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, section


def recording_card(recording: Recording, record: CallRecord | None, *, now: float, texts: Texts) -> Card:
    """Only its owner is shown this."""
    who = DecoratedText(
        party_name(record.peer if record else recording.peer, texts),
        texts.html("recording.with"),
        texts.when(recording.started_at, now=now),
        "PERSON",
    )
    return Card("recording", texts.t("recording.title"), (section(who, *recording_rows(recording, texts)),))


def confirm_delete_card(recording: Recording, *, texts: Texts) -> Card:
    """Says what will be gone before it is."""
    yes = Button(texts.t("recording.delete_now"), Do(Action.DELETE_RECORDING, {"call": recording.call}), danger=True)
    no = Button(texts.t("common.keep"), Do(Action.SHOW_RECORDING, {"call": recording.call}))
    words = texts.html("recording.confirm", length=texts.duration(recording.seconds))
    return Card(
        "delete-recording", texts.t("recording.delete_ask"), (section(TextParagraph(words), ButtonList((yes, no))),)
    )
