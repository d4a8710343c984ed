"""Users, their settings and their consents."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from addon.domain.consent import Consent, ConsentKind
from addon.domain.tenant import Settings, User
from addon.ports.documents import Documents, Transaction
from addon.ports.indexes import CONSENTS_BY_KIND, USERS_BY_EMAIL, USERS_BY_EXTENSION, Query
from contract.numbers import UserId
from contract.wire import from_plain, to_plain


class Stale(Exception):
    """The settings changed since they were shown; show them again."""


class Users:
    """The tenant's people."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def path(self, user: UserId) -> str:
        """Where the user and all that is theirs lives."""
        if not user or "/" in user:
            raise ValueError("not a user id")
        return f"{self._root}/users/{user}"

    def get(self, user: UserId) -> User | None:
        """The user, or None."""
        found = self._documents.get(self.path(user))
        return from_plain(User, found.body) if found else None

    def put(self, user: User) -> None:
        """Create or replace; the address is kept in lower case."""
        self._documents.put(self.path(user.id), to_plain(replace(user, email=user.email.lower())))

    def by_email(self, email: str) -> User | None:
        """The user with that address, in any case."""
        found = self._documents.query(Query(USERS_BY_EMAIL, f"{self._root}/users", (email.lower(),), limit=1))
        return from_plain(User, found[0].body) if found else None

    def by_extension(self, extension: str) -> User | None:
        """The user whose webphone has that extension."""
        found = self._documents.query(Query(USERS_BY_EXTENSION, f"{self._root}/users", (extension,), limit=1))
        return from_plain(User, found[0].body) if found else None

    def all(self) -> list[User]:
        """Every user of the tenant."""
        prefix, after, found = f"{self._root}/users", "", []
        while page := self._documents.list_under(prefix, after=after):
            found += [from_plain(User, d.body) for d in page if d.path.count("/") == 3]
            after = page[-1].path
        return found


class SettingsStore:
    """What each user chose."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def path(self, user: UserId) -> str:
        """Where they stand."""
        return f"{self._root}/users/{user}/settings/calls"

    def get(self, user: UserId) -> Settings:
        """The user's settings, or the defaults."""
        found = self._documents.get(self.path(user))
        return from_plain(Settings, found.body) if found else Settings()

    def save(self, user: UserId, settings: Settings) -> Settings:
        """Store when `settings.rev` is the current one; raises Stale otherwise. The answer has the new rev."""

        def work(transaction: Transaction) -> Settings:
            found = transaction.get(self.path(user))
            current = from_plain(Settings, found.body) if found else Settings()
            if current.rev != settings.rev:
                raise Stale
            saved = replace(settings, rev=current.rev + 1)
            transaction.put(self.path(user), to_plain(saved))
            return saved

        return self._documents.run(work)


class Consents:
    """Decisions: created, never changed; each names the hash of the one before."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _collection(self, user: UserId) -> str:
        return f"{self._root}/users/{user}/consents"

    def head(self, user: UserId, kind: ConsentKind) -> str:
        """Where the last decision stands; written in one transaction with the decision itself."""
        return f"{self._root}/users/{user}/heads/consent-{kind.value}"

    def latest(self, user: UserId, kind: ConsentKind) -> Consent | None:
        """The decision that counts now."""
        found = self._documents.get(self.head(user, kind))
        return from_plain(Consent, found.body) if found else None

    def history(self, user: UserId, kind: ConsentKind) -> list[Consent]:
        """Newest first."""
        found = self._documents.query(Query(CONSENTS_BY_KIND, self._collection(user), (kind.value,), limit=500))
        return [from_plain(Consent, d.body) for d in found]

    def add(self, user: UserId, consent: Consent) -> Consent:
        """Append a decision; its time is moved behind the one before, so that order is never in doubt."""
        head = self.head(user, consent.kind)

        def work(transaction: Transaction) -> Consent:
            found = transaction.get(head)
            link = consent
            if found is not None:
                before = from_plain(Consent, found.body)
                link = replace(consent, previous=digest(before), at=max(consent.at, before.at + 0.001))
            transaction.create(f"{self._collection(user)}/{link.id}", to_plain(link))
            transaction.put(head, to_plain(link))
            return link

        return self._documents.run(work)


def digest(consent: Consent) -> str:
    """SHA-256 of a decision, which the next one carries."""
    return hashlib.sha256(json.dumps(to_plain(consent), sort_keys=True).encode()).hexdigest()


def chain_is_whole(history: list[Consent]) -> bool:
    """Whether no decision of the history (newest first) was changed or removed."""
    links = zip(history, [*history[1:], None], strict=True)
    return all(now.previous == (digest(before) if before else "") for now, before in links)
