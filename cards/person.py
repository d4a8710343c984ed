"""Who a person is, their numbers, and what will happen if I call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from addon.domain.call_record import CallRecord
from addon.domain.dialing import DialPlan
from addon.domain.people import FoundNumber, Person
from addon.domain.presence import Presence
from addon.domain.tenant import Settings
from cards.parts import call_button, call_row, phone_button, settings_button
from cards.surface import Action
from cards.text import Texts, escaped, plain
from cards.widgets import Button, ButtonList, Card, DecoratedText, Divider, Do, Section, TextParagraph, Widget, section
from contract.calls import Device

MAX_NUMBERS = 12
MAX_OTHERS = 5


def what_happens(plan: DialPlan, texts: Texts) -> list[str]:
    """Sentences: device, recording and its rule, notice and how long it is kept, or why the call is refused."""
    if not plan.may_call:
        return [texts.t(f"verdict.{plan.verdict.value}", region=plan.region)]
    lines = [texts.t("will.desk" if plan.device is Device.DESK else "will.browser")]
    if plan.verdict.value == "emergency":
        lines.append(texts.t("verdict.emergency"))
    if plan.recording.record:
        language = texts.t(f"language.{plan.recording.notice_language}")
        lines.append(texts.t("will.recorded", language=language, digit=plan.recording.objection_digit))
        lines.append(texts.counted("will.kept", plan.retention_days))
    else:
        lines.append(texts.t("will.not_recorded", why=texts.t(f"rule.{plan.recording.rule.value}")))
    return lines


def _number_rows(
    number: FoundNumber, plan: DialPlan, presence: Presence | None, texts: Texts, first: bool
) -> Iterator[Widget]:
    label = texts.html(f"label.{number.label}") if number.label else ""
    source = texts.html(f"source.{number.source.value}")
    shown = escaped(plan.shown or number.shown)
    if number.extension:
        shown += " " + texts.html("person.ext", extension=number.extension)
    yield DecoratedText(
        shown,
        " · ".join(part for part in (label, source) if part),
        "<br>".join(escaped(line, 300) for line in what_happens(plan, texts)),
        "PHONE",
        button=call_button(number.e164, plan.device, presence, texts.t("call.call"), primary=first)
        if plan.may_call
        else None,
    )


def _who(person: Person | None, asked: str, choices: Sequence[tuple[FoundNumber, DialPlan]], texts: Texts) -> Section:
    if person is not None:
        source = texts.html(f"source.{person.source.value}") if person.source else ""
        about = DecoratedText(escaped(person.name) or escaped(asked), source, escaped(person.organisation), "PERSON")
        mail = DecoratedText(escaped(person.email), texts.html("person.email"), icon="EMAIL") if person.email else None
        return section(about, mail)
    first = choices[0][0].e164 if choices else ""
    add = Button(texts.t("contact.add"), Do(Action.SHOW_ADD_CONTACT, {"email": plain(asked, 200), "number": first}))
    return section(TextParagraph(texts.html("person.nobody", asked=asked)), ButtonList((add,)))


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
    settings: Settings,
    presence: Presence | None,
    missing: Sequence[str],
    *,
    now: float,
    texts: Texts,
) -> Card:
    """The card beside an open message; `missing` names features whose permission was not given."""
    numbers: list[Widget] = []
    for place, (number, plan) in enumerate(choices[:MAX_NUMBERS]):
        numbers += [Divider()] if numbers else []
        numbers += _number_rows(number, plan, presence, texts, place == 0)
    if not numbers:
        numbers = [TextParagraph(texts.html("person.no_numbers"))]
    hidden = len(choices) - MAX_NUMBERS
    if hidden > 0:
        numbers.append(TextParagraph(texts.counted("person.more_numbers", hidden)))
    earlier: list[Widget] = [call_row(record, now=now, texts=texts) for record in history]
    gaps = [TextParagraph(texts.html(f"missing.{feature}")) for feature in missing]
    device = texts.html("device.desk" if settings.device is Device.DESK else "device.browser")
    return Card(
        "person",
        (plain(person.name, 60) if person else "") or plain(asked, 60) or texts.t("call.withheld"),
        (
            _who(person, asked, choices, texts),
            section(*numbers, header=texts.t("person.numbers")),
            section(
                *(earlier or [TextParagraph(texts.html("person.no_calls"))]), header=texts.t("person.calls"), shown=3
            ),
            _others(others, texts),
            section(*gaps),
            section(
                DecoratedText(device, texts.html("person.device")),
                ButtonList((phone_button(texts), settings_button(texts))),
            ),
        ),
        plain(person.organisation, 60) if person else "",
    )
