"""One call: the one being placed, or a finished one."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.dialing import DialPlan
from addon.domain.presence import LiveCall, Presence
from addon.domain.recordings import Recording
from cards.parts import call_button, how_it_went, live_row, recording_rows, way_of, will_rows
from cards.surface import Action
from cards.text import Texts, escaped, plain, sentence, shown_number
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, Widget, section
from contract.calls import Device, RecordingRule


def _recording(record: CallRecord, recording: Recording | None, texts: Texts) -> list[Widget]:
    """The recording, or why there is none; nothing for a call in which nobody talked."""
    if recording is not None:
        return recording_rows(recording, texts)
    if record.recording_problem:
        return [DecoratedText(texts.html("recording.problem"), icon="not-recorded")]
    if record.recording_rule is not RecordingRule.RECORDED:
        why = sentence(texts.html(f"rule.{record.recording_rule.value}"))
        return [DecoratedText(texts.html("call.not_recorded"), bottom=why, icon="not-recorded")]
    if not record.talk_seconds:
        return []
    return [DecoratedText(texts.html("recording.pending"), icon="CLOCK", button=_follow(record.call, texts))]


def _block(record: CallRecord, blocked: bool | None, texts: Texts) -> list[Widget]:
    """The way to refuse a number, or to take it back."""
    if blocked is None:
        return []
    click = Do(
        Action.UNBLOCK_NUMBER if blocked else Action.BLOCK_NUMBER, {"to": record.peer.address, "call": record.call}
    )
    button = ButtonList((Button(texts.t("block.remove" if blocked else "block.add"), click),))
    return [TextParagraph(texts.html("verdict.blocked")), button] if blocked else [button]


def call_card(
    record: CallRecord,
    recording: Recording | None,
    device: Device,
    presence: Presence | None,
    blocked: bool | None = None,
    *,
    now: float,
    texts: Texts,
) -> Card:
    """The facts of a finished call, as the telephony service measured them; `device` is where I call back from.

    `blocked` None is a party that cannot be blocked: an extension or a withheld number.
    """
    way = way_of(record)
    went = sentence(how_it_went(record, texts))
    used = texts.html(f"device.{record.device.value}")
    facts = DecoratedText(
        texts.when(record.started_at, now=now),
        texts.html(f"call.{way}"),
        "" if record.missed else f"{went} · {used}",
        f"call-{way}",
    )
    back = call_button(record.peer.address, device, presence, texts.t("call.back"), primary=True)
    number = DecoratedText(
        escaped(shown_number(record.peer.address)),
        texts.html("call.number"),
        icon="PHONE",
        button=None if blocked else back,
    )
    return Card(
        "call",
        plain(record.peer.name) or plain(shown_number(record.peer.address)) or texts.t("call.withheld"),
        (
            section(facts, number if record.peer.address else None, *_block(record, blocked, texts)),
            section(*_recording(record, recording, texts), header=texts.t("recording.title")),
        ),
    )


def _follow(call: str, texts: Texts) -> Button:
    return Button(texts.t("home.refresh"), Do(Action.FOLLOW_CALL, {"call": call}))


def _end_or_follow(call: str, texts: Texts) -> ButtonList:
    hang_up = Button(texts.t("call.hang_up"), Do(Action.HANG_UP, {"call": call, "follow": "1"}), danger=True)
    return ButtonList((hang_up, _follow(call, texts)))


def calling_card(shown: str, plan: DialPlan, *, texts: Texts, call: str) -> Card:
    """What happens now that the number was clicked."""
    buttons = _end_or_follow(call, texts)
    return Card("calling", texts.t("call.calling", who=shown), (section(*will_rows(plan, texts)), section(buttons)))


def live_card(call: LiveCall, *, texts: Texts) -> Card:
    """How a call that is up stands now."""
    return Card(
        "live",
        plain(call.peer.name, 60) or plain(shown_number(call.peer.address)) or texts.t("call.withheld"),
        (section(live_row(call, texts)), section(_end_or_follow(call.call, texts))),
    )


def ended_card(call: str, *, texts: Texts) -> Card:
    """A call that is over and whose record is still on the way."""
    words = TextParagraph(texts.html("call.ended"))
    return Card("ended", texts.t("notice.hung_up"), (section(words, ButtonList((_follow(call, texts),))),))
