"""One call: the one being placed, or a finished one."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.dialing import DialPlan
from addon.domain.presence import Presence
from addon.domain.recordings import Recording
from cards.parts import call_button, party_name
from cards.person import what_happens
from cards.recent_calls import recording_row
from cards.surface import Action
from cards.text import Texts, escaped, plain, shown_number
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, section
from contract.calls import Device


def call_card(
    record: CallRecord,
    recording: Recording | None,
    device: Device,
    presence: Presence | None,
    *,
    now: float,
    texts: Texts,
) -> Card:
    """The facts of a finished call, as the telephony service measured them; `device` is where I call back from."""
    outcome = texts.html(f"outcome.{record.outcome.value}")
    address = escaped(shown_number(record.peer.address)) if record.peer.address else texts.html("call.withheld")
    rule = TextParagraph(texts.html("call.rule", why=texts.t(f"rule.{record.recording_rule.value}")))
    problem = TextParagraph(texts.html("recording.problem")) if record.recording_problem else None
    back = ButtonList((call_button(record.peer.address, device, presence, texts.t("call.back"), primary=True),))
    return Card(
        "call",
        plain(record.peer.name) or plain(shown_number(record.peer.address)) or texts.t("call.withheld"),
        (
            section(
                DecoratedText(address, texts.html("call.number"), icon="PHONE"),
                DecoratedText(outcome, texts.html("call.outcome")),
                DecoratedText(texts.when(record.started_at, now=now), texts.html("call.started"), icon="CLOCK"),
                DecoratedText(texts.duration(record.talk_seconds), texts.html("call.talk")),
                DecoratedText(texts.html(f"device.{record.device.value}"), texts.html("person.device")),
            ),
            section(recording_row(recording, texts) if recording else rule, problem, header=texts.t("recording.title")),
            section(back if record.peer.address else None),
        ),
    )


def calling_card(shown: str, plan: DialPlan, *, texts: Texts, call: str = "") -> Card:
    """What happens now that the number was clicked."""
    lines = [TextParagraph(escaped(line, 300)) for line in what_happens(plan, texts)]
    hang_up = Button(texts.t("call.hang_up"), Do(Action.HANG_UP, {"call": call})) if call else None
    refresh = Button(texts.t("home.refresh"), Do(Action.REFRESH))
    buttons = ButtonList(tuple(b for b in (hang_up, refresh) if b))
    return Card("calling", texts.t("call.calling", who=shown), (section(*lines), section(buttons)))


__all__ = ["call_card", "calling_card", "party_name"]
