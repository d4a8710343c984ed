"""Our own number index: who a number belongs to, by normalised number."""

from __future__ import annotations

from addon.domain.people import Person
from addon.ports.documents import Body, Documents, Transaction
from contract.numbers import UserId, is_e164
from contract.wire import from_plain, to_plain


class NumberIndex:
    """Names per number, per user; a person is found by any of their numbers."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def path(self, user: UserId, e164: str) -> str:
        """Where the owner of an E.164 number stands."""
        return f"{self._root}/users/{user}/contacts/{e164.lstrip('+')}"

    def remember(self, user: UserId, person: Person) -> None:
        """Index a person under each public number; what stands there already is not written again."""
        plain = to_plain(person)
        wanted = {
            self.path(user, n.e164): {"e164": n.e164, "person": plain} for n in person.numbers if is_e164(n.e164)
        }  # fmt: skip
        there = {document.path: document.body for document in self._documents.get_many(wanted)}
        fresh = {path: body for path, body in wanted.items() if there.get(path) != body}
        if not fresh:
            return

        def work(transaction: Transaction) -> None:
            for path, body in fresh.items():
                transaction.put(path, body)

        self._documents.run(work)

    def owner(self, user: UserId, e164: str) -> Person | None:
        """Who has that number."""
        found = self._documents.get(self.path(user, e164))
        return owner_of(found.body) if found else None


def owner_of(body: Body) -> Person:
    """The person behind a document of the index."""
    return from_plain(Person, body["person"])
