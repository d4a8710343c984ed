"""The first card: how calls reach me now, the call that is up, what was missed."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.call_record import CallRecord
from addon.domain.presence import LiveCall, Presence
from addon.domain.tenant import Settings, User
from cards.parts import call_button, call_row, party_name, phone_button, settings_button
from cards.surface import Action
from cards.text import Texts, plain
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextInput, TextParagraph, Widget, section
from contract.calls import Device


def _live(call: LiveCall, texts: Texts) -> DecoratedText:
    state = texts.html(f"state.{call.state.value}")
    bottom = texts.html("home.recording_now") if call.recording else ""
    hang_up = Button(texts.t("call.hang_up"), Do(Action.HANG_UP, {"call": call.call}))
    top = f"{state} · {texts.duration(call.seconds)}" if call.seconds else state
    return DecoratedText(party_name(call.peer, texts), top, bottom, "PHONE", button=hang_up)


def _reach(presence: Presence | None, user: User, settings: Settings, texts: Texts) -> DecoratedText:
    if presence is None:
        words, icon = "home.reach_unknown", "CLOCK"
    elif presence.problem:
        words, icon = f"home.problem.{presence.problem}", "CLOCK"
    elif presence.webphone:
        words, icon = "home.reach_window", "PHONE"
    elif user.desk:
        words, icon = "home.reach_desk", "PHONE"
    else:
        words, icon = "home.reach_nothing", "CLOCK"
    device = texts.html("device.desk" if settings.device is Device.DESK else "device.browser")
    return DecoratedText(
        texts.html(words), texts.html("home.reach"), texts.html("home.device", device=device), icon,
        button=Button(texts.t("home.change"), Do(Action.CHOOSE_DEVICE)) if user.desk else None,
    )  # fmt: skip


def homepage_card(
    user: User,
    presence: Presence | None,
    recent: Sequence[CallRecord],
    settings: Settings,
    *,
    now: float,
    texts: Texts,
) -> Card:
    """Shown when no message is open."""
    live = [_live(call, texts) for call in presence.calls] if presence else []
    rows: list[Widget] = [call_row(record, now=now, texts=texts) for record in recent[:5]]
    dial = TextInput("to", texts.t("home.dial"), hint=texts.t("home.dial_hint"))
    call = call_button("", settings.device, presence, texts.t("call.call"), primary=True)
    more = ButtonList((Button(texts.t("home.all_calls"), Do(Action.SHOW_RECENT)),))
    return Card(
        "home",
        texts.t("home.title", name=plain(user.name, 40) or user.email),
        (
            section(*live, header=texts.t("home.live") if live else ""),
            section(_reach(presence, user, settings, texts), ButtonList((phone_button(texts), settings_button(texts)))),
            section(dial, ButtonList((call,))),
            section(
                *(rows or [TextParagraph(texts.html("recent.none"))]),
                *([more] if rows else []),
                header=texts.t("recent.title"),
            ),
        ),
        texts.t("home.extension", extension=user.extension) if user.extension else texts.t("home.no_extension"),
    )
