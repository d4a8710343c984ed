"""Clicks with an effect carry a nonce bound to user and action, good for ten minutes and one use."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from enum import StrEnum

from addon.store.tenants import TenantStore
from cards.surface import Action

LIFE_SECONDS = 600
PARAMETER = "once"


def _mac(secret: bytes, user: str, action: Action, body: str) -> str:
    return hmac.digest(secret, f"click\n{user}\n{action.value}\n{body}".encode(), "sha256").hex()[:32]


class Spent(StrEnum):
    """What became of a click: it counts, it counted before, or its card is too old or not this user's."""

    NOW = "now"
    BEFORE = "before"
    NEVER = "never"


class Clicks:
    """Signs the buttons of one user's cards and spends them."""

    def __init__(
        self, secret: bytes, tenant: str, user: str, effects: frozenset[Action], new_id: Callable[[], str]
    ) -> None:
        self._secret, self._who, self._effects, self._new_id = secret, f"{tenant}/{user}", effects, new_id

    def sign(self, now: float) -> Callable[[Action, Mapping[str, str]], Mapping[str, str]]:
        """What `Links` calls for each button."""

        def add(action: Action, params: Mapping[str, str]) -> Mapping[str, str]:
            if action not in self._effects:
                return params
            body = f"{int(now) + LIFE_SECONDS}.{self._new_id()}"
            return {**params, PARAMETER: f"{body}.{_mac(self._secret, self._who, action, body)}"}

        return add

    def _nonce(self, action: Action, text: str, now: float) -> tuple[str, int] | None:
        """The nonce and its end, when we signed them for this user's click and it is not too old."""
        body, _, mac = text.rpartition(".")
        until, _, nonce = body.partition(".")
        wanted = _mac(self._secret, self._who, action, body)
        if not hmac.compare_digest(wanted.encode(), mac.encode("utf-8", "replace")):
            return None
        return (nonce, int(until)) if until.isascii() and until.isdigit() and now <= int(until) else None

    def spend(self, action: Action, text: str, store: TenantStore, *, now: float, typed: str = "") -> Spent:
        """NOW once; BEFORE for a repetition; NEVER for a click that is too old, forged or another user's.

        Something else `typed` into the same card is another click.
        """
        if action not in self._effects:
            return Spent.NOW
        found = self._nonce(action, text, now)
        if found is None:
            return Spent.NEVER
        nonce, until = found
        return Spent.NOW if store.nonces.spend("click", f"{nonce}{typed}", until) else Spent.BEFORE

    def give_back(self, action: Action, text: str, store: TenantStore, *, now: float, typed: str = "") -> None:
        """The click had no effect and may be repeated: Google does so once a permission was granted."""
        found = self._nonce(action, text, now) if action in self._effects else None
        if found is not None:
            store.nonces.give_back("click", f"{found[0]}{typed}")
