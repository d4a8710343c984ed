"""Who is on this mail, by which numbers, and what happens if I call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import phonenumbers

from addon.domain.dialing import e164_of
from addon.domain.people import FoundNumber, Person, Source, distinct
from addon.domain.spelling import digits_of, public_number
from addon.handlers.request import Request
from addon.ports.google import GoogleAway, Mailbox, ScopeMissing
from addon.ports.recent import Owner
from addon.usecases.place_call import plan_with
from addon.usecases.read_mail import find_person, read_mail
from cards.contact import add_contact_card
from cards.person import person_card, unread_card
from cards.reply import PopThen, Push, Reply, RequestScopes, Update
from cards.surface import SCOPES
from cards.text import plain
from cards.widgets import Card

MAX_NUMBERS = 12
MAX_OTHERS = 5


def _missing(request: Request) -> list[str]:
    granted = request.event.tokens.scopes
    return [s.feature for s in SCOPES if s.optional and s.feature != "insert-numbers" and s.url not in granted]


def _person(request: Request, email: str, name: str) -> tuple[Person | None, bool]:
    """Whom Google knows under the address, and whether Google was silent."""
    try:
        found = find_person(
            email, request.event.tokens, request.user, request.tenant, request.store, request.ports, now=request.now
        )
    except GoogleAway:
        return None, True
    return (found if found is None or found.name else replace(found, name=name)), False


def _card(
    request: Request, email: str, name: str, found: Sequence[FoundNumber], others: list[Person],
    asked: tuple[Person | None, bool] | None = None,
) -> Card:  # fmt: skip
    """`found` are the mail's numbers; what decides about each is read now, whatever was read before.

    A number in a signature is the writer's, one in the text may be anybody's; the address stays the mail's own.
    `asked` is what Google said about the address a moment ago.
    """
    user, tenant, settings, now = request.user, request.tenant, request.settings, request.now
    person, silent = asked or _person(request, email, name)
    numbers = sorted(distinct([*(person.numbers if person else ()), *found]), key=lambda n: n.label == "fax")
    dialled = [e164 for n in numbers[:MAX_NUMBERS] if (e164 := e164_of(n.e164, tenant.region))]
    own = "" if person else next((n.e164 for n in numbers if n.source is Source.SIGNATURE), "")
    before = request.store.before_call(user.id, dialled, now, whose=own)
    if before.owner is not None:
        person = replace(before.owner, source=Source.NUMBER_INDEX, email=email)
    choices = [(n, plan_with(before, n.e164, user, tenant, settings, now=now)) for n in numbers[:MAX_NUMBERS]]
    history = request.store.calls.with_peers(user.id, [n.e164 for n in numbers[:MAX_NUMBERS]])
    return person_card(
        person, email or name, choices, others, history, request.presence(), _missing(request),
        more=len(numbers[MAX_NUMBERS:]), name=name, silent=silent, now=now, texts=request.texts,
    )  # fmt: skip


def message_opened(request: Request) -> Reply:
    """The contextual trigger: sender first, then everybody else on the mail."""
    event = request.event
    asked: dict[str, tuple[Person | None, bool]] = {}

    def known(about: Mailbox) -> Sequence[FoundNumber]:
        person, _ = asked[about.email] = _person(request, about.email, about.name)
        return person.numbers if person else ()

    try:
        mail = read_mail(
            event.message_id, event.tokens, request.user, request.tenant, request.ports, known=known, now=request.now
        )  # fmt: skip
    except ScopeMissing:
        return Push(unread_card(_missing(request), texts=request.texts))
    others = [Person(m.name, m.email, source=Source.HEADER) for m in mail.others[:MAX_OTHERS]]
    about = mail.about
    return Push(_card(request, about.email, about.name, mail.numbers, others, asked.get(about.email)))


def show_person(request: Request) -> Reply:
    """Somebody else of the mail, on a card of their own."""
    return Push(_card(request, request.parameter("email").lower(), request.parameter("name"), [], []))


def _contact_form(request: Request, name: str, email: str, number: str, error: str = "") -> Card:
    numbers = [FoundNumber(number, number, Source.BODY)] if number else []
    return add_contact_card(name, email, numbers, error, texts=request.texts)


def show_add_contact(request: Request) -> Reply:
    """The form, filled with what is known or was typed."""
    asked, typed = request.parameter("email"), request.event.input
    email = asked if "@" in asked else ""
    name = typed("name") or request.parameter("name") or ("" if email else asked)
    number = typed("number") or request.parameter("number")
    return Push(_contact_form(request, name, typed("email") or email, number))


def add_contact(request: Request) -> Reply:
    """Save in the user's Google contacts; a mistake keeps what was typed."""
    name, email = plain(request.event.input("name")), request.event.input("email").strip().lower()
    typed = request.event.input("number")
    number = public_number(digits_of(typed), request.tenant.region)
    if not name or number is None:
        return Update(_contact_form(request, name, email, typed, request.texts.t("contact.error")))
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    try:
        person = request.ports.people.create(request.event.tokens, name, email, e164)
    except ScopeMissing as missing:
        return RequestScopes((missing.scope,))
    except GoogleAway:
        return Update(_contact_form(request, name, email, typed, request.texts.t("problem.away")))
    request.ports.persons.forget(Owner(request.tenant.id, request.user.id))
    request.store.contacts.remember(request.user.id, person)
    return PopThen(_card(request, email, name, list(person.numbers), []), request.texts.t("notice.contact_added"))
