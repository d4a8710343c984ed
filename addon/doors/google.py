"""Proves that Google calls us for one of our endpoints, and who the user is (add-on protocol, tokens)."""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from google.auth import crypt

CLOCK_SKEW_SECONDS = 60
MAX_TOKEN_CHARS = 8192
# "+", "/" and "=" are no letters of base64url: a space is none of base64 either.
_URL_SAFE = bytes.maketrans(b"-_+/=", b"+/   ")


class NotGoogle(Exception):
    """401: the caller is told nothing more."""


class Keys(Protocol):
    """Public keys by id."""

    def get(self, kid: str) -> bytes | None:
        """PEM, or None."""
        ...


class IssuerKeys(Keys, Protocol):
    """Whose tokens say who a user is: Google's, the workbench's on a laptop."""

    def ping(self) -> None:
        """Raises GoogleAway when no token can be proven."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified user: `subject` is Google's stable id, `domain` the Workspace domain (`hd`), "" for consumers."""

    subject: str
    email: str
    domain: str
    name: str = ""


def _decoded(text: str) -> bytes:
    """Base64url without padding (RFC 7515 section 2) and nothing else."""
    try:
        plain = text.encode("ascii").translate(_URL_SAFE) + b"=" * (-len(text) % 4)
        return binascii.a2b_base64(plain, strict_mode=True)
    except ValueError as error:
        raise NotGoogle from error


def _part(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(text))
    except (ValueError, RecursionError) as error:
        raise NotGoogle from error
    if not isinstance(found, dict):
        raise NotGoogle
    return found


@lru_cache(maxsize=64)
def _kid(header: str) -> str:
    """The key that a token's header names; every token of one key has the same header."""
    found = _part(header)
    kid = found.get("kid")
    if found.get("alg") != "RS256" or not isinstance(kid, str) or set(found) - {"alg", "kid", "typ"}:
        raise NotGoogle
    return kid


@lru_cache(maxsize=64)
def _signature_check(pem: bytes) -> Callable[[bytes, bytes], bool]:
    check: Callable[[bytes, bytes], bool] = crypt.RSAVerifier.from_string(pem).verify
    return check


def _is_current(claims: Mapping[str, Any], now: float) -> bool:
    issued, expires = claims.get("iat"), claims.get("exp")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return False
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        return False
    return issued - CLOCK_SKEW_SECONDS <= now <= expires + CLOCK_SKEW_SECONDS


@dataclass(frozen=True, slots=True)
class Verifier:
    """RS256 by a key of Google's own set, exact audience, issuer and e-mail."""

    keys: Keys
    issuers: frozenset[str]
    service_account: str
    client_id: str
    now: Callable[[], float]

    def _claims(self, token: str, audience: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN_CHARS or token.count(".") != 2:
            raise NotGoogle
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        pem = self.keys.get(_kid(header))
        if pem is None:
            raise NotGoogle
        if not _signature_check(pem)(signed.encode(), _decoded(signature)):
            raise NotGoogle
        claims = _part(payload)
        issuer = claims.get("iss")
        if (
            not _is_current(claims, self.now())
            or claims.get("aud") != audience
            or not isinstance(issuer, str)
            or issuer not in self.issuers
            or claims.get("email_verified") is not True
        ):
            raise NotGoogle
        return claims

    def check_system(self, header: str, endpoint: str) -> None:
        """Raises NotGoogle unless `Authorization` carries the system token for exactly this endpoint URL."""
        kind, _, token = header.partition(" ")
        if kind != "Bearer" or self._claims(token, endpoint).get("email") != self.service_account:
            raise NotGoogle

    def user(self, token: str) -> Claims | None:
        """The user of `userIdToken`; None when there is none, NotGoogle for a bad one."""
        return _user(self._claims(token, self.client_id)) if token else None

    def signed_in(self, token: str, nonce: str) -> Claims:
        """The user of Sign in with Google, for the request that carried `nonce`; raises NotGoogle."""
        claims = self._claims(token, self.client_id)
        if not nonce or claims.get("nonce") != nonce:
            raise NotGoogle
        return _user(claims)


def _user(claims: Mapping[str, Any]) -> Claims:
    subject, email = claims.get("sub"), claims.get("email")
    if not isinstance(subject, str) or not isinstance(email, str) or not subject or "/" in subject:
        raise NotGoogle
    domain, name = claims.get("hd"), claims.get("name")
    return Claims(subject, email, domain if isinstance(domain, str) else "", name if isinstance(name, str) else "")
