"""Every query, declared once: the source of firestore.indexes.json and of the SQLite indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Index:
    """`collection` is the collection's own name; `group` searches all collections of that name.

    `equal` fields are compared for equality, `order` is (field, descending) and may carry a range.
    """

    name: str
    collection: str
    equal: tuple[str, ...] = ()
    order: tuple[str, bool] | None = None
    group: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """Stands for a field's value in a query: any of 1 to 30 (Firestore `in`)."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A call of one declared index; `parent` is the collection's path, "" for a group.

    `equal` holds one value per field of the index; one of them may be `OneOf`.
    `at_most` / `at_least` bound the order field, both inclusive; `after` is (value of the order field, path) of the
    last document of the page before.
    """

    index: Index
    parent: str = ""
    equal: tuple[Any, ...] = ()
    at_most: Any = None
    at_least: Any = None
    after: tuple[Any, str] | None = None
    limit: int = 100


CALLS_BY_START = Index("calls-by-start", "calls", (), ("started_at", True))
CALLS_WITH_PEER = Index("calls-with-peer", "calls", ("peer",), ("started_at", True))
RECORDINGS_BY_START = Index("recordings-by-start", "recordings", (), ("started_at", True))
RECORDINGS_DUE = Index("recordings-due", "recordings", (), ("purge_at", False), group=True)
CONSENTS_BY_KIND = Index("consents-by-kind", "consents", ("kind",), ("at", True))
USERS_BY_EMAIL = Index("users-by-email", "users", ("email",))
USERS_BY_EXTENSION = Index("users-by-extension", "users", ("extension",))


def _expiring(collection: str) -> Index:
    return Index(f"{collection}-expired", collection, (), ("expires_at", False), group=True)


# Every collection whose documents carry `expires_at`: the expire job deletes what is past it.
EXPIRING = (_expiring("nonces"), _expiring("signed"), _expiring("spend"), _expiring("sessions"))

ALL = (
    CALLS_BY_START,
    CALLS_WITH_PEER,
    RECORDINGS_BY_START,
    RECORDINGS_DUE,
    CONSENTS_BY_KIND,
    USERS_BY_EMAIL,
    USERS_BY_EXTENSION,
    *EXPIRING,
)
