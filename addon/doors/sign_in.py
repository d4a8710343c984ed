"""Sign in with Google: the code flow with state, nonce and PKCE (OpenID Connect Core 1.0, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from addon.config import Config
from addon.doors.google import NotGoogle, Verifier
from addon.doors.web_session import Opened, WebSessions
from addon.ports.google import SignIn

ATTEMPT_SECONDS = 600
CALLBACK = "/login/callback"
HOME = "/phone"
_PAGES = re.compile(r"/(phone|settings|recordings/[A-Za-z0-9_\-]{1,64})", re.ASCII)


class Forged(Exception):
    """The answer does not belong to an attempt of this browser."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser keeps, signed, between leaving for Google and coming back."""

    state: str
    nonce: str
    verifier: str
    next: str
    until: int


def page_of(wanted: str) -> str:
    """One of our own pages, whatever was asked for."""
    return wanted if _PAGES.fullmatch(wanted) else HOME


@dataclass(frozen=True, slots=True)
class SignInDoor:
    """Leads to Google and back."""

    config: Config
    verifier: Verifier
    sessions: WebSessions
    google: SignIn

    def _mac(self, body: str) -> str:
        key = next(iter(self.config.keys["web"].values()))
        return hmac.new(key, f"sign-in\n{body}".encode(), hashlib.sha256).hexdigest()

    def start(self, wanted: str, now: float) -> tuple[str, str]:
        """Google's address and the cookie of this attempt."""
        attempt = Attempt(
            secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), page_of(wanted),
            int(now) + ATTEMPT_SECONDS,
        )  # fmt: skip
        parts = [attempt.state, attempt.nonce, attempt.verifier, attempt.next, attempt.until]
        body = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        query = {
            "client_id": self.config.web_client_id,
            "redirect_uri": self.config.base_url + CALLBACK,
            "response_type": "code",
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.config.auth_url}?{urlencode(query)}", f"{body}.{self._mac(body)}"

    def _attempt(self, cookie: str, state: str, now: float) -> Attempt:
        body, _, mac = cookie.partition(".")
        if not hmac.compare_digest(self._mac(body).encode(), mac.encode("utf-8", "replace")):
            raise Forged
        attempt = Attempt(*json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        if now > attempt.until or not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "replace")):
            raise Forged
        return attempt

    def finish(self, cookie: str, state: str, code: str, now: float) -> tuple[Opened, str]:
        """A session and the page that was wanted; raises Forged, GoogleError, UnknownCompany, UnknownUser."""
        attempt = self._attempt(cookie, state, now)
        token = self.google.exchange(code, attempt.verifier, self.config.base_url + CALLBACK)
        try:
            claims = self.verifier.signed_in(token, attempt.nonce)
        except NotGoogle as error:
            raise Forged from error
        return self.sessions.sign_in(claims), attempt.next
