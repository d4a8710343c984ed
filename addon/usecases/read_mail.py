"""Who is on an open mail, by which numbers, and who somebody is: asked from Google, then known for a short while."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from addon.domain.find_numbers import find
from addon.domain.people import FoundNumber, Person, distinct
from addon.domain.tenant import Tenant, User
from addon.errors import NoMail
from addon.event import UserTokens
from addon.ports.google import GoogleError, Mailbox, OpenMail, ScopeMissing
from addon.ports.outside import Ports
from addon.ports.recent import Owner
from addon.store.tenants import TenantStore


def read_mail(
    message_id: str, tokens: UserTokens, user: User, tenant: Tenant, ports: Ports, *,
    known: Callable[[Mailbox], Iterable[FoundNumber]] = lambda _: (), now: float,
) -> OpenMail:  # fmt: skip
    """Its people, the first that is not the reader in front, and its numbers; raises ScopeMissing, NoMail.

    `known` gives the numbers that somebody has elsewhere: they tell in which country the mail's are to be read.
    """
    owner, key = Owner(tenant.id, user.id), (message_id, user.email, tenant.region, tokens.scopes)
    recent = ports.mails.get(owner, key, now=now)
    if recent is not None:
        return recent
    try:
        message = ports.gmail.message(tokens, message_id)
    except ScopeMissing:
        raise
    except GoogleError as error:
        raise NoMail from error
    everybody = [message.sender, *message.recipients]
    about = next((m for m in everybody if m.email and m.email != user.email), message.sender)
    others = tuple(m for m in everybody if m.email not in {about.email, user.email, ""})
    text = f"{about.name}\n{message.subject}\n{message.text}"
    numbers = find(text, tenant.region, about.email, [n.e164 for n in known(about)])
    mail = OpenMail(about, others, tuple(numbers))
    ports.mails.put(owner, key, mail, now=now)
    return mail


def find_person(
    email: str, tokens: UserTokens, user: User, tenant: Tenant, store: TenantStore, ports: Ports, *, now: float
) -> Person | None:
    """The first source that knows the address, with the numbers of all, which go into our own number index.

    Raises GoogleAway when a source is silent and no other knows anybody: that is not remembered.
    """
    owner, key = Owner(tenant.id, user.id), (email, tenant.region, tokens.scopes)
    recent = ports.persons.get(owner, key, now=now)
    if recent is not None:
        return next(iter(recent), None)
    found = [p for p in ports.people.find(tokens, email, tenant.region) if p.email == email]
    person = None
    if found:
        name = next((p.name for p in found if p.name), "")
        person = replace(found[0], name=name, numbers=tuple(distinct(n for p in found for n in p.numbers)))
        store.contacts.remember(user.id, person)
    ports.persons.put(owner, key, (person,) if person else (), now=now)
    return person
