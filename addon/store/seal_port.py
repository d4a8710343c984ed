"""What the store needs to keep a secret."""

from __future__ import annotations

from typing import Protocol


class Sealing(Protocol):
    """Seals and opens a secret for one owner."""

    def close(self, secret: str, owner: str) -> str:
        """Sealed text that only the same owner opens."""
        ...

    def open(self, sealed: str, owner: str) -> str:
        """Raises Unreadable."""
        ...
