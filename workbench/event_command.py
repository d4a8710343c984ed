"""`python -m workbench event`: signs any event JSON, sends it to the running add-on and says what is wrong with the answer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from workbench.card_check import check_reply
from workbench.cast import ALL_SCOPES
from workbench.events import BadTarget, Situation, build_event, send_event, target_url
from workbench.tokens import Issuer

FINE, WRONG, MISUSED, AWAY = 0, 1, 2, 3


def _object(node: Any, key: str) -> dict[str, Any]:
    found = node.get(key)
    return found if isinstance(found, dict) else {}


def _scopes(asked: dict[str, Any]) -> tuple[str, ...]:
    listed = asked.get("authorizedScopes")
    return tuple(s for s in listed if isinstance(s, str)) if isinstance(listed, list) else ALL_SCOPES


def with_fresh_tokens(issuer: Issuer, url: str, given: dict[str, Any], player: str, *, now: float) -> dict[str, Any]:
    """The event with tokens that the running add-on takes; all else is left as it was given, however odd.

    `authorizedScopes` in the file decide what the tokens are good for; without them everything is granted.
    """
    gmail = _object(given, "gmail")
    message = gmail.get("messageId") if isinstance(gmail.get("messageId"), str) else ""
    situation = Situation(
        player=player, message=message or "", scopes=_scopes(_object(given, "authorizationEventObject"))
    )
    signed = build_event(issuer, url, situation, now=now)
    event = {**given, "authorizationEventObject": signed["authorizationEventObject"]}
    if message:
        event["gmail"] = {**gmail, "accessToken": signed["gmail"]["accessToken"]}
    return event


def run(base_url: str, issuer: Callable[[], Issuer], file: str, target: str, player: str) -> int:
    """Prints one JSON line `{"status", "body", "problems"}`; the exit status.

    0 the answer is one that Google takes, 1 it is not, 2 the command is wrong, 3 nobody answers.
    """
    try:
        given = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
        url = target_url(base_url, target)
        if not isinstance(given, dict):
            raise ValueError("a JSON object is needed")
    except (OSError, ValueError, RecursionError, BadTarget) as error:
        print(f"event: {error or type(error).__name__}", file=sys.stderr)
        return MISUSED
    event = with_fresh_tokens(issuer(), url, given, player, now=time.time())
    try:
        answer = asyncio.run(send_event(url, event))
    except (OSError, aiohttp.ClientError) as error:
        why = error or type(error).__name__
        print(
            f"event: the add-on at {base_url} does not answer: {why}. Is `make run` up, with this PORT?",
            file=sys.stderr,
        )
        return AWAY
    if answer.status == 401:
        print(
            "event: the add-on does not know this workbench's keys: is KEYS_FILE that of `make run`?", file=sys.stderr
        )
    problems = (
        check_reply(answer.body, wrapped="/on/" not in url) if answer.status == 200 else [f"HTTP {answer.status}"]
    )
    line = json.dumps({"status": answer.status, "body": answer.body, "problems": problems}, ensure_ascii=False)
    print(line.encode("utf-8", "replace").decode())
    return WRONG if problems else FINE
