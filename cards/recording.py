"""One recording: play, when it goes and why, delete now."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from cards.parts import party_name
from cards.recent_calls import deletion
from cards.surface import Action
from cards.text import Texts
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, section


def recording_card(recording: Recording, record: CallRecord | None, *, now: float, texts: Texts) -> Card:
    """Only its owner is shown this."""
    play = Button(
        texts.t("recording.play"), Do(Action.OPEN_RECORDING, {"call": recording.call}, dynamic=True), primary=True
    )
    delete = Button(texts.t("recording.delete"), Do(Action.ASK_DELETE_RECORDING, {"call": recording.call}))
    cut = TextParagraph(texts.html("recording.cut_short")) if recording.cut_short else None
    return Card(
        "recording",
        texts.t("recording.title"),
        (
            section(
                DecoratedText(party_name(record.peer if record else recording.peer, texts), texts.html("recording.with"), icon="PERSON"),
                DecoratedText(texts.when(recording.started_at, now=now), texts.html("call.started"), icon="CLOCK"),
                DecoratedText(texts.duration(recording.seconds), texts.html("call.talk")),
                DecoratedText(deletion(recording, texts), texts.html("recording.kept"), texts.html("recording.why_kept")),
                cut,
            ),
            section(ButtonList((play, delete))),
        ),
    )  # fmt: skip


def confirm_delete_card(recording: Recording, *, texts: Texts) -> Card:
    """Says what will be gone before it is."""
    yes = Button(texts.t("recording.delete_now"), Do(Action.DELETE_RECORDING, {"call": recording.call}), primary=True)
    no = Button(texts.t("common.keep"), Do(Action.SHOW_RECORDING, {"call": recording.call}))
    words = texts.html("recording.confirm", length=texts.duration(recording.seconds))
    return Card(
        "delete-recording", texts.t("recording.delete"), (section(TextParagraph(words), ButtonList((yes, no))),)
    )
