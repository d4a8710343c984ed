"""Secrets at rest: AES-256-GCM with the owner as associated data, several live keys."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class Unreadable(Exception):
    """The sealed text belongs to another owner or key, or was changed."""


class Seal:
    """`keys` maps kid to 32 bytes; the first seals, every one opens."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)

    def close(self, secret: str, owner: str) -> str:
        """`kid.base64(nonce + ciphertext)`; only the same owner opens it."""
        kid, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), owner.encode())
        return f"{kid}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, owner: str) -> str:
        """Raises Unreadable."""
        kid, _, text = sealed.partition(".")
        try:
            data = base64.urlsafe_b64decode(text)
            plain = AESGCM(self._keys[kid]).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], owner.encode())
        except (KeyError, ValueError, InvalidTag) as error:
            raise Unreadable(owner) from error
        return plain.decode()
