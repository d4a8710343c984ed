"""Proves that Google calls us for one of our endpoints, and who the user is (add-on protocol, tokens)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from google.auth import jwt

CLOCK_SKEW_SECONDS = 60
MAX_TOKEN_CHARS = 8192


class NotGoogle(Exception):
    """401: the caller is told nothing more."""


class Keys(Protocol):
    """Public keys by id."""

    def get(self, kid: str) -> bytes | None:
        """PEM, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Claims:
    """A verified user: `subject` is Google's stable id, `domain` the Workspace domain (`hd`), "" for consumers."""

    subject: str
    email: str
    domain: str
    name: str = ""


def _header(token: str) -> Mapping[str, Any]:
    if len(token) > MAX_TOKEN_CHARS or token.count(".") != 2 or not token.isascii():
        raise NotGoogle
    text = token.split(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise NotGoogle from error
    if not isinstance(found, dict):
        raise NotGoogle
    return found


@dataclass(frozen=True, slots=True)
class Verifier:
    """RS256 by a key of Google's own set, exact audience, issuer and e-mail."""

    keys: Keys
    issuers: frozenset[str]
    service_account: str
    client_id: str
    now: Callable[[], float]

    def _claims(self, token: str, audience: str) -> Mapping[str, Any]:
        header = _header(token)
        kid = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(kid, str) or set(header) - {"alg", "kid", "typ"}:
            raise NotGoogle
        pem = self.keys.get(kid)
        if pem is None:
            raise NotGoogle
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, certs=pem, verify=True, clock_skew_in_seconds=CLOCK_SKEW_SECONDS
            )
        except (ValueError, TypeError, KeyError) as error:
            raise NotGoogle from error
        if (
            claims.get("aud") != audience
            or claims.get("iss") not in self.issuers
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
