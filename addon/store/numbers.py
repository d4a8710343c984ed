"""Our own number index: who a number belongs to, by normalised number."""

from __future__ import annotations

from addon.domain.people import Person
from addon.ports.documents import Documents
from addon.ports.indexes import CONTACTS_BY_NUMBER, Query
from contract.numbers import UserId
from contract.wire import from_plain, to_plain


class NumberIndex:
    """Names per number, per user; a person is found by any of their numbers."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _collection(self, user: UserId) -> str:
        return f"{self._root}/users/{user}/contacts"

    def remember(self, user: UserId, person: Person) -> None:
        """Index a person under each number."""
        for number in person.numbers:
            body = {"e164": number.e164, "person": to_plain(person)}
            self._documents.put(f"{self._collection(user)}/{number.e164.lstrip('+')}", body)

    def owner(self, user: UserId, e164: str) -> Person | None:
        """Who has that number."""
        found = self._documents.query(Query(CONTACTS_BY_NUMBER, self._collection(user), (e164,), limit=1))
        return from_plain(Person, found[0].body["person"]) if found else None
