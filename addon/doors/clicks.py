"""Clicks with an effect carry a nonce bound to user and action, good for ten minutes and one use."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping

from addon.store.tenants import TenantStore
from cards.surface import Action

LIFE_SECONDS = 600
PARAMETER = "once"


def _mac(secret: bytes, user: str, action: Action, body: str) -> str:
    return hmac.new(secret, f"click\n{user}\n{action.value}\n{body}".encode(), hashlib.sha256).hexdigest()[:32]


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

    def spend(self, action: Action, text: str, store: TenantStore, *, now: float) -> bool:
        """True once; False for a click that is too old, forged, another user's or spent."""
        if action not in self._effects:
            return True
        body, _, mac = text.rpartition(".")
        until, _, nonce = body.partition(".")
        if not hmac.compare_digest(
            _mac(self._secret, self._who, action, body).encode(), mac.encode("utf-8", "replace")
        ):
            return False
        return (
            until.isascii() and until.isdigit() and now <= int(until) and store.nonces.spend("click", nonce, int(until))
        )
