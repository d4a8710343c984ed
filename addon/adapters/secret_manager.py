"""Secrets of Secret Manager, read once at start (REST reference, projects.secrets.versions.access)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import google.auth
import google_crc32c
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from addon.config import SecretAway

URL = "https://secretmanager.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_SECONDS, TRIES = 5.0, 3


def _own_session() -> requests.Session:
    credentials, _ = google.auth.default(scopes=(SCOPE,))
    session: requests.Session = AuthorizedSession(credentials)
    return session


def read_secret(version: str, session: Callable[[], requests.Session] = _own_session, url: str = URL) -> bytes:
    """The bytes of `projects/P/secrets/S/versions/N`; raises SecretAway, whose text says who has to do what."""
    why = ""
    for _ in range(TRIES):
        try:
            answer = session().get(f"{url}/v1/{version}:access", timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except (requests.RequestException, GoogleAuthError) as error:
            why = type(error).__name__
            continue
        if answer.status_code == 200:
            return _payload(answer)
        if answer.status_code in {401, 403}:
            raise SecretAway("this service account may not read it: roles/secretmanager.secretAccessor is needed")
        if answer.status_code == 404:
            raise SecretAway("there is no such version")
        why = f"HTTP {answer.status_code}"
    raise SecretAway(f"Secret Manager does not answer: {why}")


def _payload(answer: requests.Response) -> bytes:
    try:
        payload = answer.json()["payload"]
        data = base64.b64decode(payload["data"], validate=True)
        whole = google_crc32c.value(data) == int(payload["dataCrc32c"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise SecretAway("the answer is unreadable") from None
    if not whole:
        raise SecretAway("the answer came damaged")
    return data
