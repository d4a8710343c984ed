"""The document port: small JSON documents under slash-separated paths, as Firestore keeps them.

A path has an even number of segments (`tenants/T/users/U`); a collection an odd number. Writes are refused
as Firestore would refuse them: 1 MiB, nesting deeper than 20, arrays in arrays, reserved ids, non-JSON types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from addon.ports.indexes import Query

Body = Mapping[str, Any]
T = TypeVar("T")


class DocumentsError(Exception):
    """DocumentsError > AlreadyExists | NotFound | Conflict (try the transaction again) | Refused (bad document) | Away (the store does not answer)."""


class AlreadyExists(DocumentsError):
    """`create` met an existing document."""


class NotFound(DocumentsError):
    """`update` or `delete(must_exist=True)` met nothing."""


class Conflict(DocumentsError):
    """The transaction lost too many races."""


class Refused(DocumentsError):
    """The document, path or query is not allowed."""


class Away(DocumentsError):
    """The store cannot be reached; trying again later can help."""


@dataclass(frozen=True, slots=True)
class Document:
    """A stored document: its path and body."""

    path: str
    body: Body

    @property
    def id(self) -> str:
        """The last path segment."""
        return self.path.rsplit("/", 1)[-1]


class Transaction(Protocol):
    """Reads first, then writes; all or nothing, serialisable."""

    def get(self, path: str) -> Document | None:
        """Read inside the transaction."""
        ...

    def create(self, path: str, body: Body) -> None:
        """Fails the commit with AlreadyExists when there is one."""
        ...

    def put(self, path: str, body: Body) -> None:
        """Create or replace."""
        ...

    def delete(self, path: str) -> None:
        """Delete; nothing there is no error."""
        ...


class Documents(Protocol):
    """One store."""

    def get(self, path: str) -> Document | None:
        """Read one document."""
        ...

    def get_many(self, paths: Iterable[str]) -> list[Document]:
        """Read several; missing ones are left out."""
        ...

    def create(self, path: str, body: Body) -> None:
        """Raises AlreadyExists."""
        ...

    def put(self, path: str, body: Body) -> None:
        """Create or replace."""
        ...

    def delete(self, path: str) -> bool:
        """True when something was deleted."""
        ...

    def query(self, query: Query) -> list[Document]:
        """Run a declared query; raises Refused for one that `indexes.py` does not declare."""
        ...

    def list_under(self, prefix: str, limit: int = 500, after: str = "") -> list[Document]:
        """Every document whose path starts with `prefix/`, in path order (erasure and export)."""
        ...

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, repeated on races; raises Conflict in the end."""
        ...

    def scrub(self) -> None:
        """Let go of the bytes of what was deleted; a store that keeps no files here has nothing to do."""
        ...

    def ping(self) -> None:
        """Raises Away."""
        ...
