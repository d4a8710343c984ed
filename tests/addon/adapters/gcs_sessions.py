"""Sessions that carry a fixed token, as google-auth's carry an account's."""

from __future__ import annotations

from collections.abc import Callable

import requests

TOKEN = "ya29.token-of-a-test"


def carrying(token: str) -> Callable[[], requests.Session]:
    """Made anew for each thread; a proxy is for the world outside."""

    def made() -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {token}"
        return session

    return made
