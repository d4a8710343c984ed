"""One recording: play, when it goes and why, delete now."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from cards.parts import deletion, party_name
from cards.surface import Action
from cards.text import Texts
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, section


def recording_card(recording: Recording, record: CallRecord | None, *, now: float, texts: Texts) -> Card:
    """Only its owner is shown this."""
    play = Button(
        texts.t("recording.play"), Do(Action.OPEN_RECORDING, {"call": recording.call}, dynamic=True), primary=True
    )
    delete = delete_button(recording, texts)
    length = texts.html("recording.length", length=texts.duration(recording.seconds))
    why = texts.html("recording.why_held" if recording.holds else "recording.why_kept")
    cut = DecoratedText(texts.html("recording.cut_short"), icon="DESCRIPTION") if recording.cut_short else None
    return Card(
        "recording",
        texts.t("recording.title"),
        (
            section(
                DecoratedText(
                    party_name(record.peer if record else recording.peer, texts),
                    texts.html("recording.with"),
                    texts.when(recording.started_at, now=now),
                    "PERSON",
                ),
                DecoratedText(length, icon="recording"),
                cut,
                DecoratedText(deletion(recording, texts), bottom=why, icon="CLOCK"),
                ButtonList((play, delete)),
            ),
        ),
    )


def delete_button(recording: Recording, texts: Texts) -> Button:
    """Asks before it deletes; a legal hold disables it."""
    ask = Do(Action.ASK_DELETE_RECORDING, {"call": recording.call})
    return Button(texts.t("recording.delete"), ask, disabled=bool(recording.holds))


def confirm_delete_card(recording: Recording, *, texts: Texts) -> Card:
    """Says what will be gone before it is."""
    yes = Button(texts.t("recording.delete_now"), Do(Action.DELETE_RECORDING, {"call": recording.call}), danger=True)
    no = Button(texts.t("common.keep"), Do(Action.SHOW_RECORDING, {"call": recording.call}))
    words = texts.html("recording.confirm", length=texts.duration(recording.seconds))
    return Card(
        "delete-recording", texts.t("recording.delete_ask"), (section(TextParagraph(words), ButtonList((yes, no))),)
    )
