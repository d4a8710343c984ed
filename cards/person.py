"""Who a person is, their numbers, and what will happen if I call."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.call_record import CallRecord
from addon.domain.dialing import LIMITS, DialPlan, Verdict
from addon.domain.people import FoundNumber, Person
from addon.domain.presence import Presence
from cards.parts import call_button, call_row, phone_button, settings_button, will_rows
from cards.surface import Action
from cards.text import Texts, escaped, plain, sentence
from cards.widgets import Button, ButtonList, Card, DecoratedText, Divider, Do, Section, TextParagraph, Widget, section
from contract.calls import Device

MAX_NUMBERS = 12
MAX_OTHERS = 5
CONTACT_SOURCES = ("contacts", "other-contacts", "directory")


def what_happens(plan: DialPlan, texts: Texts) -> list[str]:
    """Sentences: device, recording and its rule, notice and how long it is kept, or why the call is refused."""
    if not plan.may_call:
        return [texts.t(f"verdict.{plan.verdict.value}", region=plan.region)]
    lines = [texts.t("will.desk" if plan.device is Device.DESK else "will.browser")]
    if plan.verdict is Verdict.EMERGENCY:
        return [*lines, texts.t("verdict.emergency")]
    if plan.recording.record:
        language = texts.t(f"language.{plan.recording.notice_language}")
        lines.append(texts.t("will.recorded", language=language, digit=plan.recording.objection_digit))
        lines.append(texts.counted("will.kept", plan.retention_days))
    else:
        lines.append(texts.t("will.not_recorded", why=texts.t(f"rule.{plan.recording.rule.value}")))
    return lines


def _fate(plan: DialPlan) -> tuple[object, ...]:
    """What a call by this plan would do; equal for numbers that need no sentence of their own."""
    return (plan.device, plan.verdict, plan.recording, plan.retention_days)


def _number_row(
    number: FoundNumber, plan: DialPlan, presence: Presence | None, texts: Texts, *, first: bool, told: bool
) -> DecoratedText:
    label = texts.html(f"label.{number.label}") if number.label else ""
    source = texts.html(f"source.{number.source.value}")
    shown = escaped(plan.shown or number.shown)
    if number.extension:
        shown += " " + texts.html("person.ext", extension=number.extension).replace(" ", "\u00a0")
    lines = [] if told else what_happens(plan, texts)
    return DecoratedText(
        f"<b>{shown}</b>" if plan.may_call else shown,
        sentence(" · ".join(part for part in (label, source) if part)),
        "<br>".join(escaped(line, 300) for line in lines),
        "PHONE",
        button=_click(number, plan, presence, texts, first=first),
    )


def _click(
    number: FoundNumber, plan: DialPlan, presence: Presence | None, texts: Texts, *, first: bool
) -> Button | None:
    """Call; also where only a limit stands in the way now, for it passes. A blocked number can be taken back."""
    if plan.verdict is Verdict.BLOCKED:
        return Button(texts.t("block.remove"), Do(Action.UNBLOCK_NUMBER, {"to": number.e164}))
    if not plan.may_call and plan.verdict not in LIMITS:
        return None
    alt = texts.t("call.to", who=plan.shown)
    return call_button(number.e164, plan.device, presence, texts.t("call.call"), primary=first, alt=alt)


def _numbers(
    choices: Sequence[tuple[FoundNumber, DialPlan]], more: int, presence: Presence | None, texts: Texts
) -> tuple[Section, Section]:
    """The numbers, and what a call does: said once when it is the same for all of them."""
    shown = choices[:MAX_NUMBERS]
    callable_plans = [plan for _, plan in shown if plan.may_call]
    same = len({_fate(plan) for plan in callable_plans}) == 1
    rows: list[Widget] = []
    primary = next((at for at, (n, p) in enumerate(shown) if p.may_call and n.label != "fax"), None)
    for place, (number, plan) in enumerate(shown):
        rows += [Divider()] if rows and not same else []
        first = place == primary
        rows.append(_number_row(number, plan, presence, texts, first=first, told=same and plan.may_call))
    if not rows:
        rows = [TextParagraph(texts.html("person.no_numbers"))]
    hidden = more + len(choices[MAX_NUMBERS:])
    if hidden:
        rows.append(TextParagraph(texts.counted("person.more_numbers", hidden)))
    will = will_rows(callable_plans[0], texts) if same else []
    return section(*rows, header=texts.t("person.numbers")), section(
        *(will + _doubts(presence, texts) if callable_plans else []), header=texts.t("person.will")
    )


def _doubts(presence: Presence | None, texts: Texts) -> list[DecoratedText]:
    """Why a call may fail right now."""
    if presence is None:
        return [DecoratedText(texts.html("home.why_unknown"), icon="CLOCK")]
    return [DecoratedText(texts.html(f"home.problem.{presence.problem}"), icon="CLOCK")] if presence.problem else []


def _nobody(asked: str, missing: Sequence[str], silent: bool, texts: Texts) -> list[TextParagraph]:
    """Why nobody is named: where it was looked, and where it could not be."""
    if not asked:
        return [TextParagraph(texts.html("person.no_sender"))]
    looked = ["number-index"] if silent else [p for p in (*CONTACT_SOURCES, "number-index") if p not in missing]
    places = ", ".join(texts.t(f"source.{place}") for place in looked)
    said = [TextParagraph(texts.html("person.nobody", asked=asked, places=places))]
    return [*said, TextParagraph(texts.html("person.silent"))] if silent else said


def _who(
    person: Person | None,
    asked: str,
    choices: Sequence[tuple[FoundNumber, DialPlan]],
    missing: Sequence[str],
    silent: bool,
    name: str,
    texts: Texts,
) -> Section:
    if person is not None:
        source = sentence(texts.html(f"source.{person.source.value}")) if person.source else ""
        known = DecoratedText(
            escaped(person.email or person.name or asked), source, icon="EMAIL" if person.email else "PERSON"
        )
        return section(known)
    first = choices[0][0].e164 if choices else ""
    filled = {"email": plain(asked, 200), "name": plain(name), "number": first}
    add = Button(texts.t("contact.add"), Do(Action.SHOW_ADD_CONTACT, filled))
    return section(*_nobody(asked, missing, silent, texts), ButtonList((add,)))


def _others(others: Sequence[Person], texts: Texts) -> Section:
    rows = [
        DecoratedText(
            escaped(other.name or other.email),
            bottom=escaped(other.email),
            icon="PERSON",
            on_click=Do(Action.SHOW_PERSON, {"email": plain(other.email, 200), "name": plain(other.name)}),
        )
        for other in others[:MAX_OTHERS]
    ]
    return section(*rows, header=texts.t("person.others"))


def person_card(
    person: Person | None,
    asked: str,
    choices: Sequence[tuple[FoundNumber, DialPlan]],
    others: Sequence[Person],
    history: Sequence[CallRecord],
    presence: Presence | None,
    missing: Sequence[str],
    *,
    more: int = 0,
    name: str = "",
    silent: bool = False,
    now: float,
    texts: Texts,
) -> Card:
    """The card beside an open message about `asked`, a mail address, whose mail calls them `name`.

    `missing` names features without permission, `more` counts numbers not shown, `silent` is a Google that did not answer.
    """
    numbers, will = _numbers(choices, more, presence, texts)
    earlier: list[Widget] = [
        call_row(record, texts.when(record.started_at, now=now), named=False, texts=texts) for record in history
    ]
    return Card(
        "person",
        (plain(person.name, 60) if person else "") or plain(name, 60) or plain(asked, 60) or texts.t("call.withheld"),
        (
            _who(person, asked, choices, missing, silent, name, texts),
            numbers,
            will,
            section(
                *(earlier or [TextParagraph(texts.html("person.no_calls"))]), header=texts.t("person.calls"), shown=3
            ),
            _others(others, texts),
            _gaps(missing, texts),
            section(ButtonList((phone_button(texts), settings_button(texts)))),
        ),
        plain(person.organisation, 60) if person else "",
    )


def _gaps(missing: Sequence[str], texts: Texts) -> Section:
    """What is off because it was not permitted, and the way to permit it."""
    if not missing:
        return section()
    off = TextParagraph("<br>".join(texts.html(f"missing.{feature}") for feature in missing))
    give = Button(texts.t("permission.give"), Do(Action.ASK_PERMISSION, {"missing": ",".join(missing)}))
    return section(off, ButtonList((give,)), header=texts.t("person.gaps"))


def unread_card(missing: Sequence[str], *, texts: Texts) -> Card:
    """Beside a mail that may not be read: what that means, and what works all the same."""
    buttons = ButtonList((phone_button(texts), settings_button(texts)))
    why = TextParagraph(texts.html("person.unread"))
    return Card("unread", texts.t("person.unread_title"), (section(why), _gaps(missing, texts), section(buttons)))
