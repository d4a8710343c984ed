"""`python -m workbench run | site | pbx | event | settings | shots`: the product on one machine, without Google."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from workbench import shots
from workbench.card_check import check_reply
from workbench.cast import CLIENT_ID, PLAYERS
from workbench.events import BadTarget, Situation, build_event, send_event, target_url
from workbench.pbx import program as pbx
from workbench.server import Bench, make_app
from workbench.settings_page import FILE, page
from workbench.supervisor import CannotRun, Stage, Supervisor, run
from workbench.tokens import Issuer, private_key_pem


def _stage() -> Stage:
    text = os.environ.get("PORT", "8080")
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65500):
        raise CannotRun(f"PORT={text}: a number from 1024 to 65500 is needed")
    data = Path(os.environ.get("DATA_DIR", ".data")).absolute()
    keys = Path(os.environ.get("KEYS_FILE", ".keys/keys.json")).absolute()
    return Stage(int(text), data, keys, os.environ.get("WEB_CLIENT_SECRET", "workbench-client"))


def _issuer(stage: Stage) -> Issuer:
    return Issuer(private_key_pem(stage.issuer_key))


def _run(stage: Stage) -> int:
    print(f"CTiContRol on http://127.0.0.1:{stage.port} .. {stage.port + 2}, data in {stage.data}", flush=True)
    private_key_pem(stage.issuer_key)
    supervisor = Supervisor(stage, stage.environment(os.environ), lambda text: print(text, flush=True))
    return asyncio.run(run(supervisor))


def _checked(body: Any, wrapped: bool) -> list[str]:
    return check_reply(body, wrapped=wrapped)


def _site(stage: Stage) -> int:
    app = make_app(Bench(_issuer(stage), stage.base, stage.client_secret, _checked))
    web.run_app(app, host="127.0.0.1", port=stage.port + 1, print=None, access_log=None)
    return 0


def _with_fresh_tokens(stage: Stage, url: str, given: dict[str, Any], player: str) -> dict[str, Any]:
    gmail = given.get("gmail") or {}
    situation = Situation(player=player, message=str(gmail.get("messageId", "")), thread=str(gmail.get("threadId", "")))
    signed = build_event(_issuer(stage), url, situation, now=time.time())
    event = dict(given)
    asked = given.get("authorizationEventObject") or {}
    fresh = signed["authorizationEventObject"]
    event["authorizationEventObject"] = fresh | (
        {"authorizedScopes": asked["authorizedScopes"]} if "authorizedScopes" in asked else {}
    )
    if "gmail" in signed:
        event["gmail"] = gmail | {"accessToken": signed["gmail"]["accessToken"]}
    return event


def _event(stage: Stage, arguments: argparse.Namespace) -> int:
    try:
        text = sys.stdin.read() if arguments.file == "-" else Path(arguments.file).read_text()
        given = json.loads(text)
        url = target_url(stage.base, arguments.to)
    except (OSError, ValueError, BadTarget) as error:
        print(f"event: {error}", file=sys.stderr)
        return 2
    if not isinstance(given, dict):
        print("event: a JSON object is needed", file=sys.stderr)
        return 2
    event = _with_fresh_tokens(stage, url, given, arguments.user)
    try:
        answer = asyncio.run(send_event(url, event))
    except OSError as error:
        print(f"event: the add-on at {stage.base} does not answer: {error}", file=sys.stderr)
        return 3
    wrapped = "/on/" not in url
    problems = check_reply(answer.body, wrapped=wrapped) if answer.status == 200 else [f"HTTP {answer.status}"]
    print(json.dumps({"status": answer.status, "body": answer.body, "problems": problems}, ensure_ascii=False))
    return 0 if answer.status == 200 and not problems else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="start the whole product and print its address")
    verbs.add_parser("site", help="only the workbench's own site (run starts it)")
    pbx = verbs.add_parser("pbx", help="only the demo PBX (run starts it)")
    pbx.add_argument("--port", type=int, required=True)
    event = verbs.add_parser("event", help="sign an event and send it to the running add-on")
    event.add_argument("file", help="JSON file, - for standard input")
    event.add_argument("--to", required=True, help="entry point, for example /on/gmail.message")
    event.add_argument("--user", default="alice", choices=sorted(PLAYERS), help=f"who it is ({CLIENT_ID})")
    verbs.add_parser("settings", help="write docs/CONFIGURATION.md")
    shots = verbs.add_parser("shots", help="pictures of every card in three languages, light and dark")
    shots.add_argument("folder", type=Path)
    return parser


def main() -> int:
    """Dispatch; the exit status."""
    arguments = _parser().parse_args()
    if arguments.verb == "settings":
        FILE.write_text(page(), encoding="utf-8")
        return 0
    try:
        stage = _stage()
        if arguments.verb == "pbx":
            return pbx.main(arguments.port)
        if arguments.verb == "event":
            return _event(stage, arguments)
        if arguments.verb == "shots":
            return shots.main(arguments.folder)
        return _run(stage) if arguments.verb == "run" else _site(stage)
    except CannotRun as error:
        print(f"Cannot run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
