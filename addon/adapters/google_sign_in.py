"""Google's token endpoint for Sign in with Google (OpenID Connect Core 1.0 section 3.1.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

import requests

from addon.ports.google import CodeRefused, GoogleAway

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GoogleSignIn:
    """One web client."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The ID token; raises CodeRefused, GoogleAway."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect_uri,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        try:
            answer = requests.post(self.token_url, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            body = answer.json() if answer.status_code < 500 else {}
        except (requests.RequestException, ValueError) as error:
            raise GoogleAway(type(error).__name__) from error
        if answer.status_code in {400, 401}:
            raise CodeRefused(str(answer.status_code))
        token = body.get("id_token") if answer.status_code == 200 else None
        if not isinstance(token, str):
            raise GoogleAway(str(answer.status_code))
        return token
