"""Rows and buttons that several cards share."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.dialing import DialPlan
from addon.domain.presence import LiveCall, Presence
from addon.domain.recordings import Recording
from cards.surface import Action
from cards.text import Texts, escaped, sentence, shown_number
from cards.widgets import Button, ButtonList, DecoratedText, Do, Widget
from contract.calls import Device, Direction, Outcome, Party


def party_name(party: Party, texts: Texts) -> str:
    """How a party is named on a card, escaped: name, else number, else "withheld"."""
    return escaped(party.name, 60) or escaped(shown_number(party.address)) or texts.html("call.withheld")


def call_button(
    to: str, device: Device, presence: Presence | None, label: str, *, primary: bool = False, alt: str = ""
) -> Button:
    """Dials at once where the device is ready, otherwise opens the webphone; `to` "" takes what the form says."""
    ready = device is Device.DESK or (presence is not None and presence.webphone)
    params, typed = ({"to": to} if to else {"typed": "yes"}), not to
    action = Action.PLACE_CALL if ready else Action.OPEN_PHONE
    return Button(label, Do(action, params, dynamic=not ready, keep_input=typed), primary=primary, alt=alt)


def way_of(record: CallRecord) -> str:
    """`missed`, `in` or `out`: the key of its words and of its icon."""
    return "missed" if record.missed else ("in" if record.direction is Direction.INBOUND else "out")


def how_it_went(record: CallRecord, texts: Texts) -> str:
    """Escaped: how long they talked, and how it ended when it was not by hanging up."""
    talked = [texts.duration(record.talk_seconds)] if record.talk_seconds else []
    if talked and record.outcome is Outcome.COMPLETED:
        return talked[0]
    lost = bool(talked) and record.outcome is Outcome.MEDIA_FAILED
    end = texts.html("call.missed" if record.missed else f"outcome.{'media-lost' if lost else record.outcome.value}")
    return " · ".join([end, *talked])


def call_row(
    record: CallRecord, when: str, recording: Recording | None = None, *, named: bool = True, texts: Texts
) -> DecoratedText:
    """One earlier call: who or which way, `when`, how it went, and its recording with the day it goes."""
    way = way_of(record)
    title = party_name(record.peer, texts) if named else texts.html(f"call.{way}")
    facts = when if record.missed and not named else f"{when} · {how_it_went(record, texts)}"
    if recording:
        facts += "<br>" + deletion(recording, texts)
    elif record.recording:
        facts += " · " + texts.html("call.has_recording")
    return DecoratedText(
        text=f"<b>{title}</b>" if record.missed else title,
        bottom=facts,
        icon=f"call-{way}",
        icon_alt=texts.t(f"call.{way}"),
        on_click=Do(Action.SHOW_CALL, {"call": record.call}),
        button=play_icon(recording, texts) if recording else None,
    )


def live_row(call: LiveCall, texts: Texts, button: Button | None = None) -> DecoratedText:
    """A call that is up: with whom, how far it is, since when, whether it is recorded."""
    state = texts.html(f"state.{call.state.value}")
    bottom = texts.html("home.recording_now") if call.recording else ""
    top = f"{state} · {texts.duration(call.seconds)}" if call.seconds else state
    way = "call-in" if call.direction is Direction.INBOUND else "call-out"
    return DecoratedText(f"<b>{party_name(call.peer, texts)}</b>", top, bottom, way, button=button)


def play_icon(recording: Recording, texts: Texts) -> Button:
    """An icon that opens the player."""
    alt = texts.t("recording.play_length", length=texts.duration(recording.seconds))
    return Button("", _open(recording), icon="VIDEO_PLAY", alt=alt)


def recording_buttons(recording: Recording, texts: Texts) -> ButtonList:
    """Play, and delete; a legal hold disables deleting."""
    ask = Do(Action.ASK_DELETE_RECORDING, {"call": recording.call})
    delete = Button(texts.t("recording.delete"), ask, disabled=bool(recording.holds))
    return ButtonList((Button(texts.t("recording.play"), _open(recording), primary=True), delete))


def _open(recording: Recording) -> Do:
    return Do(Action.OPEN_RECORDING, {"call": recording.call}, dynamic=True)


def deletion(recording: Recording, texts: Texts) -> str:
    """When the recording goes, or what holds it."""
    if recording.holds:
        return texts.html("recording.held")
    return texts.html("recording.deleted_on", date=texts.date(recording.purge_at))


def recording_rows(recording: Recording, texts: Texts) -> list[Widget]:
    """Length, whether it is whole, deletion date and why, what can be done with it."""
    why = texts.html("recording.why_held" if recording.holds else "recording.why_kept")
    cut = DecoratedText(texts.html("recording.cut_short"), icon="DESCRIPTION")
    return [
        DecoratedText(texts.html("recording.length", length=texts.duration(recording.seconds)), icon="recording"),
        *([cut] if recording.cut_short else []),
        DecoratedText(deletion(recording, texts), bottom=why, icon="CLOCK"),
        recording_buttons(recording, texts),
    ]


def will_rows(plan: DialPlan, texts: Texts) -> list[DecoratedText]:
    """What happens when the call is placed: on which device, recorded or not and why, kept until when."""
    device = texts.html("will.desk" if plan.device is Device.DESK else "will.browser")
    rows = [DecoratedText(device, icon="PHONE")]
    if plan.verdict.value == "emergency":
        rows.append(DecoratedText(texts.html("verdict.emergency"), icon="STAR"))
    elif plan.recording.record:
        language = texts.t(f"language.{plan.recording.notice_language}")
        notice = texts.html("will.notice", language=language, digit=plan.recording.objection_digit)
        rows.append(DecoratedText(texts.html("will.is_recorded"), bottom=notice, icon="recording"))
        rows.append(DecoratedText(texts.counted("will.kept", plan.retention_days), icon="CLOCK"))
    else:
        why = sentence(texts.html(f"rule.{plan.recording.rule.value}"))
        rows.append(DecoratedText(texts.html("will.is_not_recorded"), bottom=why, icon="not-recorded"))
    return rows


def settings_button(texts: Texts) -> Button:
    """Leads to the settings card."""
    return Button(texts.t("home.settings"), Do(Action.SHOW_SETTINGS))


def phone_button(texts: Texts) -> Button:
    """Opens the webphone's window."""
    return Button(texts.t("home.open_phone"), Do(Action.OPEN_PHONE, dynamic=True))
