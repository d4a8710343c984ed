"""Local issuer of the tokens that Google would send (OpenID Connect Core 1.0, RFC 7519, RFC 7517)."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from workbench.cast import CLIENT_ID, SERVICE_ACCOUNT, Player

ISSUER = "https://accounts.google.com"
LIFE_SECONDS = 3600
_ACCESS, _MESSAGE = "workbench-access", "workbench-message"


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def private_key_pem(path: Path) -> bytes:
    """The issuer's RSA key in `path`, made with mode 0600 when absent."""
    if path.exists():
        return path.read_bytes()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return pem


@cache
def _public_numbers(pem: bytes) -> rsa.RSAPublicNumbers:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.public_key().public_numbers()


@cache
def _signer(pem: bytes, kid: str) -> crypt.RSASigner:
    return crypt.RSASigner.from_string(pem, key_id=kid)


@cache
def _public_pem(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, password=None)
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs RS256 tokens with one key; `issuer` is the `iss` claim."""

    pem: bytes = field(repr=False)
    issuer: str = ISSUER

    def _numbers(self) -> rsa.RSAPublicNumbers:
        return _public_numbers(self.pem)

    def kid(self) -> str:
        """The key's id: a digest of its modulus."""
        return hashlib.sha256(_b64(self._numbers().n).encode()).hexdigest()[:16]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JWK set (RFC 7517)."""
        numbers = self._numbers()
        key = {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.kid(),
            "n": _b64(numbers.n),
            "e": _b64(numbers.e),
        }
        return {"keys": [key]}

    def sign(self, claims: dict[str, Any], *, now: float) -> str:
        """`claims` with issuer, iat and exp, signed."""
        full = {"iss": self.issuer, "iat": int(now), "exp": int(now) + LIFE_SECONDS, **claims}
        token = jwt.encode(_signer(self.pem, self.kid()), full)
        return str(token.decode())

    def system_token(self, url: str, *, now: float) -> str:
        """Google's proof that it calls exactly `url`."""
        claims = {
            "aud": url,
            "email": SERVICE_ACCOUNT,
            "email_verified": True,
            "sub": "100200300400",
            "azp": SERVICE_ACCOUNT,
        }
        return self.sign(claims, now=now)

    def user_token(self, player: Player, *, now: float, nonce: str = "", client_id: str = CLIENT_ID) -> str:
        """Who the user is; `nonce` only in Sign in with Google."""
        claims: dict[str, Any] = {
            "aud": client_id,
            "azp": client_id,
            "sub": player.sub,
            "email": player.email,
            "email_verified": True,
            "hd": player.hd,
            "name": player.name,
        }
        return self.sign(claims | ({"nonce": nonce} if nonce else {}), now=now)

    def access_token(self, player: Player, scopes: tuple[str, ...], *, now: float) -> str:
        """A bearer for the sample Google APIs."""
        return "ya29." + self.sign({"aud": _ACCESS, "sub": player.sub, "scope": " ".join(scopes)}, now=now)

    def message_token(self, player: Player, message: str, *, now: float) -> str:
        """The token of the one open message."""
        return self.sign({"aud": _MESSAGE, "sub": player.sub, "message": message}, now=now)

    def _opened(self, token: str, audience: str) -> dict[str, Any] | None:
        try:
            return dict(jwt.decode(token, certs=_public_pem(self.pem), audience=audience))
        except ValueError:
            return None

    def opened_access(self, header: str) -> tuple[str, frozenset[str]] | None:
        """Subject and scopes of an Authorization header, None when it is not ours or too old."""
        kind, _, token = header.partition(" ")
        claims = self._opened(token.removeprefix("ya29."), _ACCESS) if kind.lower() == "bearer" else None
        return (claims["sub"], frozenset(claims["scope"].split())) if claims else None

    def opened_message(self, token: str) -> tuple[str, str] | None:
        """Subject and message id of a message token."""
        claims = self._opened(token, _MESSAGE)
        return (claims["sub"], claims["message"]) if claims else None
