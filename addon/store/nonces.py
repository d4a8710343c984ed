"""Things that may happen once."""

from __future__ import annotations

import hashlib

from addon.ports.documents import AlreadyExists, Documents


class Nonces:
    """Spent nonces; the expire job deletes them once they could no longer be used."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _path(self, scope: str, nonce: str) -> str:
        digest = hashlib.sha256(f"{scope}\n{nonce}".encode()).hexdigest()
        return f"{self._root}/nonces/{digest}"

    def spend(self, scope: str, nonce: str, expires_at: float) -> bool:
        """True the first time, for ever false after."""
        try:
            self._documents.create(self._path(scope, nonce), {"expires_at": expires_at})
        except AlreadyExists:
            return False
        return True

    def give_back(self, scope: str, nonce: str) -> None:
        """It may be spent again."""
        self._documents.delete(self._path(scope, nonce))
