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
from workbench.events import Situation, build_event, send_event, target_url
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


def _read(file: str) -> dict[str, Any]:
    """The event in the file; raises ValueError whose text says what is wrong with it."""
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no UTF-8 text") from None
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror or type(error).__name__}") from None
    if not text.strip():
        raise ValueError(f"{name} is empty: a JSON object is needed, for example {{}}")
    try:
        given = json.loads(text)
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{name} is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"{name} holds no JSON object")
    return given


def say(status: int, body: Any, problems: list[str]) -> None:
    """The one line on standard output; `status` 0 when nothing was answered."""
    line = json.dumps({"status": status, "body": body, "problems": problems}, ensure_ascii=False)
    print(line.encode("utf-8", "replace").decode())


def refuse(problem: str, exit_status: int) -> int:
    """No answer: the line says why, and so does a sentence for people; gives back the exit status."""
    print(f"event: {problem}".encode("utf-8", "replace").decode(), file=sys.stderr)
    say(0, None, [problem])
    return exit_status


def run(base_url: str, issuer: Callable[[], Issuer], file: str, target: str, player: str) -> int:
    """Prints one JSON line `{"status", "body", "problems"}`, whatever happens; the exit status.

    0 the answer is one that Google takes, 1 it is not, 2 the file or the target is wrong and nothing was sent,
    3 nobody answers.
    """
    try:
        url, given = target_url(base_url, target), _read(file)
    except ValueError as error:
        return refuse(str(error), MISUSED)
    event = with_fresh_tokens(issuer(), url, given, player, now=time.time())
    try:
        answer = asyncio.run(send_event(url, event))
    except (OSError, aiohttp.ClientError) as error:
        why = error or type(error).__name__
        return refuse(f"the add-on at {base_url} does not answer: {why}. Is `make run` up, with this PORT?", AWAY)
    if answer.status == 200:
        problems = check_reply(answer.body, wrapped="/on/" not in url)
    else:
        problems = [f"HTTP {answer.status}"]
    if answer.status == 401:
        problems.append("the add-on does not know this workbench's keys: is KEYS_FILE that of `make run`?")
        print(f"event: {problems[-1]}", file=sys.stderr)
    say(answer.status, answer.body, problems)
    return WRONG if problems else FINE
