"""How the local queue calls the tasks door: over HTTP, with an OIDC token of its own key (RFC 7519, RFC 7517)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from addon.adapters.local_tasks import LEASE_SECONDS, Delivery
from addon.config import LOCAL_QUEUE_ISSUER, BadConfig

TOKEN_SECONDS = 300
# Connecting and reading together end before the task's lease does.
TIMEOUT_SECONDS = (5.0, LEASE_SECONDS - 10.0)
log = logging.getLogger("addon.queue")


@dataclass(frozen=True, slots=True)
class QueueKey:
    """The queue's RSA key: signs its tokens; the door reads the public half."""

    _private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> QueueKey:
        """The key in `path`, made with mode 0600 when absent; raises BadConfig when others may read it or it is none."""
        with contextlib.suppress(FileExistsError):
            if not path.exists():
                _make(path)
        try:
            if path.stat().st_mode & 0o077:
                raise BadConfig(f"{path} may be read by others: chmod 600 {path}")
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise BadConfig(f"{path} is not a private key: remove it and a new one is made") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise BadConfig(f"{path} is not an RSA key: remove it and a new one is made")
        return cls(key)

    def public(self) -> bytes:
        """PEM."""
        return self._private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def kid(self) -> str:
        """The key's id, made of the public half."""
        return hashlib.sha256(self.public()).hexdigest()[:16]

    def get(self, kid: str) -> bytes | None:
        """The public PEM when `kid` is this key's."""
        return self.public() if kid == self.kid else None

    def token(self, audience: str, account: str, *, now: float) -> str:
        """What Cloud Tasks would send to `audience` in the name of `account`."""
        claims = {
            "iss": LOCAL_QUEUE_ISSUER,
            "aud": audience,
            "sub": account,
            "email": account,
            "email_verified": True,
            "iat": int(now),
            "exp": int(now) + TOKEN_SECONDS,
        }
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signed: bytes = jwt.encode(crypt.RSASigner.from_string(pem, key_id=self.kid), claims)
        return signed.decode()


def _make(path: Path) -> None:
    """Write a whole key under another name first: a second process sees either nothing or all of it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class HttpDelivery:
    """Delivers a task to the door of the add-on that listens on `port` of this machine."""

    key: QueueKey
    base_url: str
    port: int
    account: str
    now: Callable[[], float]

    def __call__(self, delivery: Delivery) -> bool:
        """True when the door answered 2xx; anything else comes again later."""
        path = f"/tasks/{delivery.job}"
        token = self.key.token(self.base_url + path, self.account, now=self.now())
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy is for the world outside, not for this machine
                answer = session.post(
                    f"http://127.0.0.1:{self.port}{path}",
                    data=json.dumps(dict(delivery.body)),
                    headers=headers,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
        except requests.RequestException as error:
            log.warning("a task was not delivered", extra={"job": delivery.job, "reason": type(error).__name__})
            return False
        if not answer.ok:
            log.warning("a task was refused", extra={"job": delivery.job, "status": answer.status_code})
        return 200 <= answer.status_code < 300
