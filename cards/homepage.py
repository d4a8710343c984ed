"""The first card: how calls reach me now, the call that is up, what was missed."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.call_record import CallRecord
from addon.domain.presence import Presence
from addon.domain.tenant import Settings, User
from cards.parts import call_button, call_row, live_row, phone_button, settings_button
from cards.surface import Action
from cards.text import Texts, plain
from cards.widgets import (
    Button,
    ButtonList,
    Card,
    DecoratedText,
    Do,
    Section,
    TextInput,
    TextParagraph,
    Widget,
    section,
)


def _live(presence: Presence | None, texts: Texts) -> Section:
    """The calls that are up; none leaves no section."""
    calls = presence.calls if presence else ()
    if not calls:
        return section()
    rows = [live_row(c, texts, Button(texts.t("call.hang_up"), Do(Action.HANG_UP, {"call": c.call}))) for c in calls]
    refresh = ButtonList((Button(texts.t("home.refresh"), Do(Action.REFRESH)),))
    return section(*rows, refresh, header=texts.t("home.live"))


def _reach(presence: Presence | None, texts: Texts) -> DecoratedText:
    if presence is None:
        words, why, icon = "home.reach_unknown", "home.why_unknown", "CLOCK"
    elif presence.problem:
        words, why, icon = "home.reach_nothing", f"home.problem.{presence.problem}", "CLOCK"
    elif presence.webphone:
        words, why, icon = "home.reach_window", "", "PHONE"
    else:
        words, why, icon = "home.reach_nothing", "home.why_nothing", "CLOCK"
    return DecoratedText(texts.html(words), texts.html("home.reach"), texts.html(why) if why else "", icon)


def _with(user: User, settings: Settings, texts: Texts) -> DecoratedText | None:
    """The device of outgoing calls, when there is a choice."""
    if not user.desk:
        return None
    device = texts.html(f"device.{settings.device.value}")
    change = Button(texts.t("home.change"), Do(Action.CHOOSE_DEVICE))
    return DecoratedText(device, texts.html("home.device"), icon="call-out", button=change)


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
    rows: list[Widget] = [call_row(r, texts.when(r.started_at, now=now), texts=texts) for r in recent[:5]]
    dial = TextInput("to", texts.t("home.dial"), hint=texts.t("home.dial_hint"))
    call = call_button("", settings.device, presence, texts.t("call.call"), primary=True)
    more = ButtonList((Button(texts.t("home.all_calls"), Do(Action.SHOW_RECENT)),))
    return Card(
        "home",
        texts.t("home.title", name=plain(user.name, 40) or user.email),
        (
            _live(presence, texts),
            section(
                _reach(presence, texts),
                _with(user, settings, texts),
                ButtonList((phone_button(texts), settings_button(texts))),
            ),
            section(dial, ButtonList((call,))),
            section(
                *(rows or [TextParagraph(texts.html("recent.none"))]),
                *([more] if rows else []),
                header=texts.t("recent.title"),
            ),
        ),
        texts.t("home.extension", extension=user.extension) if user.extension else texts.t("home.no_extension"),
    )
