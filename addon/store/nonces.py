"""Things that may happen once."""

from __future__ import annotations

import hashlib

from addon.ports.documents import AlreadyExists, Documents


class Nonces:
    """Spent nonces; the expire job deletes them once they could no longer be used."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def spend(self, scope: str, nonce: str, expires_at: float) -> bool:
        """True the first time, for ever false after."""
        key = hashlib.sha256(f"{scope}\n{nonce}".encode()).hexdigest()
        try:
            self._documents.create(f"{self._root}/nonces/{key}", {"expires_at": expires_at})
        except AlreadyExists:
            return False
        return True
