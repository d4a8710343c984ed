"""Google's signing keys, cached by us: an outage of theirs is not one of ours (RFC 7517)."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

DEFAULT_AGE_SECONDS = 3600.0
REFETCH_SECONDS = 1800.0
TIMEOUT_SECONDS = 2.0


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _pem(key: Mapping[str, Any]) -> bytes:
    public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


class GoogleKeys:
    """RS256 keys by `kid`; an unknown one causes at most one fetch per half hour, a dead host keeps the last good set."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        self._url, self._monotonic = url, monotonic
        self._keys: dict[str, bytes] = {}
        self._fresh_until = 0.0
        self._asked_at = -REFETCH_SECONDS
        self._lock = threading.Lock()

    def get(self, kid: str) -> bytes | None:
        """The PEM of a key, or None."""
        with self._lock:
            now = self._monotonic()
            stale = now >= self._fresh_until
            if (stale or kid not in self._keys) and (
                not self._keys or now - self._asked_at >= REFETCH_SECONDS or (stale and now - self._asked_at >= 60)
            ):
                self._fetch(now)
            return self._keys.get(kid)

    def _fetch(self, now: float) -> None:
        self._asked_at = now
        try:
            answer = requests.get(self._url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            answer.raise_for_status()
            found = {k["kid"]: _pem(k) for k in answer.json()["keys"] if k.get("kty") == "RSA"}
        except (requests.RequestException, ValueError, KeyError, TypeError):
            return
        if found:
            age = re.search(r"max-age=(\d+)", answer.headers.get("Cache-Control", ""))
            self._keys = found
            self._fresh_until = now + (max(REFETCH_SECONDS, float(age.group(1))) if age else DEFAULT_AGE_SECONDS)
