"""The object port: recordings as bytes, with a purge date and a hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class ObjectsError(Exception):
    """ObjectsError > NoObject | Held (a hold forbids it) | Changed (the generation is another) | BadUpload (offset or checksum) | ObjectsAway."""


class NoObject(ObjectsError):
    """Nothing under that name."""


class Held(ObjectsError):
    """A hold forbids the deletion."""


class Changed(ObjectsError):
    """The object is of another generation, or exists already."""


class BadUpload(ObjectsError):
    """`received` says how many bytes are stored, so that the sender can go on from there."""

    def __init__(self, text: str, received: int = 0) -> None:
        super().__init__(text)
        self.received = received


class ObjectsAway(ObjectsError):
    """The store cannot be reached."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored object; `purge_at` is Unix seconds, None for never."""

    name: str
    generation: int
    size_bytes: int
    sha256: str
    content_type: str
    purge_at: float | None
    held: bool


class Objects(Protocol):
    """One bucket. Names are made by us: `tenant/user/kind/yyyymm/random`."""

    def start_upload(self, name: str, size_bytes: int, sha256: str, content_type: str, purge_at: float | None) -> str:
        """Open a resumable upload and return its id; one finished object per name."""
        ...

    def received(self, upload: str) -> int:
        """Bytes stored so far; raises NoObject for an unknown upload."""
        ...

    def write(self, upload: str, offset: int, data: bytes) -> Stored | None:
        """Append at `offset`; the finished object when complete, also when asked again.

        A part that is not the last has a multiple of 262,144 bytes. Raises BadUpload on a gap, a bad part or a wrong
        checksum, NoObject for an unknown upload, Changed when the name was taken meanwhile.
        """
        ...

    def stat(self, name: str) -> Stored:
        """Raises NoObject."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """A range of bytes."""
        ...

    def set_purge_at(self, name: str, purge_at: float | None) -> Stored:
        """Change the purge date."""
        ...

    def set_hold(self, name: str, held: bool) -> Stored:
        """Set or lift the hold."""
        ...

    def delete(self, name: str, generation: int) -> None:
        """Raises Held, Changed, NoObject."""
        ...

    def apply_lifecycle(self, now: float) -> int:
        """The backstop: unfinished uploads a week old and objects a day past their purge date go, held ones stay.

        Answers how many went. A bucket has rules of its own for this and answers 0.
        """
        ...

    def ping(self) -> None:
        """Raises ObjectsAway."""
        ...
