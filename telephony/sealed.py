"""Last answers of the add-on kept on disk, AES-256-GCM with the entry's name as associated data."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contract.wire import Keys
from telephony.durable import make_folder, replace_file

_NONCE_BYTES = 12


class SealedCache:
    """Named secrets in one directory; what cannot be opened is as good as absent."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        make_folder(folder)
        self._folder = folder
        self._keys = keys

    def _path(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()

    def put(self, name: str, value: bytes) -> None:
        """Keep `value`; a reader sees the old or the new one, never a part."""
        kid, secret = self._keys.current()
        nonce = os.urandom(_NONCE_BYTES)
        sealed = kid.encode() + b"\n" + nonce + AESGCM(secret).encrypt(nonce, value, name.encode())
        replace_file(self._path(name), sealed)

    def get(self, name: str) -> bytes | None:
        """What was put, or None."""
        try:
            kid, _, rest = self._path(name).read_bytes().partition(b"\n")
            secret = self._keys.secrets[kid.decode()]
            return AESGCM(secret).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], name.encode())
        except (OSError, KeyError, ValueError, InvalidTag):
            return None
