"""Web sessions of each user: the cookie holds a secret, the store only its digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from addon.ports.documents import Document, Documents, Transaction
from contract.numbers import UserId

IDLE_SECONDS, ABSOLUTE_SECONDS, TOUCH_SECONDS = 1800.0, 43200.0, 60.0


def digest(secret: str) -> str:
    """What the store and telephony know of a session."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class WebSession:
    """A live session; `opened_at` and `seen_at` are Unix seconds."""

    id: str
    opened_at: float
    seen_at: float


def _body(session: WebSession) -> dict[str, Any]:
    expires_at = min(session.opened_at + ABSOLUTE_SECONDS, session.seen_at + IDLE_SECONDS)
    return {"opened_at": session.opened_at, "seen_at": session.seen_at, "expires_at": expires_at}


def _live(found: Document | None, now: float) -> WebSession | None:
    if found is None or found.body["expires_at"] <= now:
        return None
    return WebSession(found.id, found.body["opened_at"], found.body["seen_at"])


class Sessions:
    """30 minutes idle or 12 hours in all, then the session is gone."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _path(self, user: UserId, session: str) -> str:
        return f"{self._root}/users/{user}/sessions/{session}"

    def open(self, user: UserId, secret: str, now: float) -> WebSession:
        """A new session under a fresh secret."""
        session = WebSession(digest(secret), now, now)
        self._documents.create(self._path(user, session.id), _body(session))
        return session

    def use(self, user: UserId, secret: str, now: float) -> WebSession | None:
        """The live session of that secret, noted as seen; None when it ended or never was."""
        path = self._path(user, digest(secret))
        session = _live(self._documents.get(path), now)
        if session is None or now - session.seen_at < TOUCH_SECONDS:
            return session

        def seen(transaction: Transaction) -> WebSession | None:
            again = _live(transaction.get(path), now)
            if again is not None:
                again = replace(again, seen_at=now)
                transaction.put(path, _body(again))
            return again

        return self._documents.run(seen)

    def close(self, user: UserId, session: str) -> None:
        """End the session of that id; unknown ones are closed already."""
        self._documents.delete(self._path(user, session))
