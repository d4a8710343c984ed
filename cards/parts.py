"""Rows that several cards share."""

from __future__ import annotations

from addon.domain.call_record import CallRecord
from addon.domain.presence import Presence
from cards.surface import Action
from cards.text import Texts, escaped, shown_number
from cards.widgets import Button, DecoratedText, Do
from contract.calls import Device, Direction, Party


def party_name(party: Party, texts: Texts) -> str:
    """How a party is named on a card, escaped: name, else number, else "withheld"."""
    if party.name:
        return escaped(party.name, 60)
    return escaped(shown_number(party.address)) if party.address else texts.html("call.withheld")


def call_button(to: str, device: Device, presence: Presence | None, label: str, *, primary: bool = False) -> Button:
    """Dials at once where the device is ready, otherwise opens the webphone; `to` "" takes what the form says."""
    ready = device is Device.DESK or (presence is not None and presence.webphone)
    params, typed = ({"to": to} if to else {}), not to
    if ready:
        return Button(label, Do(Action.PLACE_CALL, params, keep_input=typed), primary=primary)
    return Button(label, Do(Action.OPEN_PHONE, params, dynamic=True, keep_input=typed), primary=primary)


def call_row(record: CallRecord, *, now: float, texts: Texts) -> DecoratedText:
    """One earlier call: who, how it ended, when and how long."""
    way = "missed" if record.missed else ("in" if record.direction is Direction.INBOUND else "out")
    talk = texts.duration(record.talk_seconds) if record.talk_seconds else texts.t(f"outcome.{record.outcome.value}")
    bottom = texts.html("call.when", when=texts.when(record.started_at, now=now), talk=talk)
    if record.recording:
        bottom += " · " + texts.html("call.has_recording")
    return DecoratedText(
        text=f"<b>{party_name(record.peer, texts)}</b>" if record.missed else party_name(record.peer, texts),
        top=texts.html(f"call.{way}"),
        bottom=bottom,
        icon="PHONE",
        icon_alt=texts.t(f"call.{way}"),
        on_click=Do(Action.SHOW_CALL, {"call": record.call}),
    )


def settings_button(texts: Texts) -> Button:
    """Leads to the settings card."""
    return Button(texts.t("home.settings"), Do(Action.SHOW_SETTINGS))


def phone_button(texts: Texts) -> Button:
    """Opens the webphone's window."""
    return Button(texts.t("home.open_phone"), Do(Action.OPEN_PHONE, dynamic=True))
