"""Google's signing keys, cached by us: an outage of theirs is not one of ours (RFC 7517)."""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from addon.ports.google import GoogleAway

DEFAULT_AGE_SECONDS = 3600.0
REFETCH_SECONDS = 1800.0
COLD_SECONDS = 5.0
TIMEOUT_SECONDS = 2.0
log = logging.getLogger("addon.keys")


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _pem(key: Mapping[str, Any]) -> bytes:
    public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _verifies_rs256(key: Mapping[str, Any]) -> bool:
    """RSA, and made for nothing else (RFC 7517 sections 4.2 to 4.4)."""
    return (
        key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", "RS256") == "RS256"
        and "verify" in key.get("key_ops", ["verify"])
    )


class GoogleKeys:
    """RS256 keys by `kid`, safe between threads.

    With keys in hand the host is asked at most every half hour, whatever the reason, and a dead host leaves the last
    good set in use; without any it is asked at most every five seconds. A known key never waits for the network.
    """

    def __init__(self, url: str, monotonic: Callable[[], float], *, asks_at_ping: bool = False) -> None:
        """`asks_at_ping`: a ping asks the host although keys are in hand, as one on this machine is part of the product."""
        self._url, self._monotonic, self._asks_at_ping = url, monotonic, asks_at_ping
        self._keys: dict[str, bytes] = {}
        self._fresh_until = 0.0
        self._asked_at = float("-inf")
        self._fetching = threading.Lock()

    def get(self, kid: str) -> bytes | None:
        """The PEM of a key, or None."""
        known = kid in self._keys
        if self._is_due(kid) and self._fetching.acquire(blocking=not known):
            try:
                if self._is_due(kid):
                    self._fetch()
            finally:
                self._fetching.release()
        return self._keys.get(kid)

    def ping(self) -> None:
        """Raises GoogleAway when there are no keys and none to be had."""
        if self._asks_at_ping:
            try:
                requests.get(self._url, timeout=TIMEOUT_SECONDS, allow_redirects=False).raise_for_status()
            except requests.RequestException as error:
                raise GoogleAway from error
        self.get("")
        if not self._keys:
            raise GoogleAway

    def _is_due(self, kid: str) -> bool:
        now = self._monotonic()
        pause = REFETCH_SECONDS if self._keys else COLD_SECONDS
        return (now >= self._fresh_until or kid not in self._keys) and now - self._asked_at >= pause

    def _fetch(self) -> None:
        """Until it is over the keys count as due, so that whoever needs an unknown one waits for the answer."""
        try:
            answer = requests.get(self._url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            answer.raise_for_status()
            found = {k["kid"]: _pem(k) for k in answer.json()["keys"] if _verifies_rs256(k)}
            age = re.search(r"max-age=(\d{1,9})", answer.headers.get("Cache-Control", ""))
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("Google's keys could not be fetched", extra={"error": type(error).__name__})
            found, age = {}, None
        now = self._monotonic()
        if found:
            self._keys = found
            self._fresh_until = now + (max(REFETCH_SECONDS, float(age.group(1))) if age else DEFAULT_AGE_SECONDS)
        self._asked_at = now
