"""Who is on this mail, by which numbers, and what happens if I call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import phonenumbers

from addon.domain.find_numbers import find
from addon.domain.people import FoundNumber, Person, Source
from addon.domain.spelling import digits_of, public_number
from addon.errors import NoMail
from addon.handlers.request import Request
from addon.ports.google import GoogleAway, GoogleError, Message, ScopeMissing
from addon.usecases.place_call import plan_call
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


def _distinct(numbers: Iterable[FoundNumber]) -> list[FoundNumber]:
    found: dict[str, FoundNumber] = {}
    for number in numbers:
        found.setdefault(number.e164, number)
    return list(found.values())


def _person(request: Request, email: str, name: str) -> Person | None:
    """The first source that knows the address, with the numbers of all of them."""
    people = request.ports.people.find(request.event.tokens, email, request.tenant.region)
    people = [p for p in people if p.email == email]
    if not people:
        return None
    numbers = _distinct(n for p in people for n in p.numbers)
    return replace(people[0], name=people[0].name or name, numbers=tuple(numbers))


def _card(request: Request, email: str, name: str, found: list[FoundNumber], others: list[Person]) -> Card:
    person = _person(request, email, name)
    numbers = sorted(_distinct([*(person.numbers if person else ()), *found]), key=lambda n: n.label == "fax")
    if person is not None:
        request.store.contacts.remember(request.user.id, person)
    elif (own := next((n for n in numbers if n.source is Source.SIGNATURE), None)) is not None:
        # A number in a signature is the writer's; one in the text may be anybody's. The address stays the mail's own.
        known = request.store.contacts.owner(request.user.id, own.e164)
        person = replace(known, source=Source.NUMBER_INDEX, email=email) if known else None
    choices = [
        (n, plan_call(n.e164, request.user, request.tenant, request.settings, request.store, now=request.now))
        for n in numbers[:MAX_NUMBERS]
    ]
    history = sorted(
        (r for n in numbers[:3] for r in request.store.calls.with_peer(request.user.id, n.e164)),
        key=lambda record: -record.started_at,
    )
    presence, missing = request.presence(), _missing(request)
    return person_card(
        person, email or name, choices, others, history[:5], presence, missing,
        name=name, now=request.now, texts=request.texts,
    )  # fmt: skip


def _message(request: Request) -> Message:
    try:
        return request.ports.gmail.message(request.event.tokens, request.event.message_id)
    except ScopeMissing:
        raise
    except GoogleError as error:
        raise NoMail from error


def message_opened(request: Request) -> Reply:
    """The contextual trigger: sender first, then everybody else on the mail."""
    try:
        message = _message(request)
    except ScopeMissing:
        return Push(unread_card(_missing(request), texts=request.texts))
    mine = request.user.email
    everybody = [message.sender, *message.recipients]
    about = next((m for m in everybody if m.email and m.email != mine), message.sender)
    others = [
        Person(m.name, m.email, source=Source.HEADER) for m in everybody if m.email not in {about.email, mine, ""}
    ]
    region = request.tenant.region
    found = find(f"{about.name}\n{message.subject}\n{message.text}", region, about.email.rsplit("@", 1)[-1])
    return Push(_card(request, about.email, about.name, found, others[:MAX_OTHERS]))


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
    request.store.contacts.remember(request.user.id, person)
    return PopThen(_card(request, email, name, list(person.numbers), []), request.texts.t("notice.contact_added"))
