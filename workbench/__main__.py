"""`python -m workbench run | admin | site | pbx | event | settings | shots`: the product on one machine, without Google."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from cards.text import LANGUAGES
from workbench import event_command, shots
from workbench.card_check import check_reply
from workbench.cast import CLIENT_ID, PLAYERS
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workbench", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="start the whole product and print its address")
    admin = verbs.add_parser("admin", help="python -m addon admin with the settings of run: another PBX, users")
    admin.add_argument("words", nargs=argparse.REMAINDER)
    verbs.add_parser("site", help="only the workbench's own site (run starts it)")
    pbx = verbs.add_parser("pbx", help="only the demo PBX (run starts it)")
    pbx.add_argument("--port", type=int, required=True)
    event = verbs.add_parser("event", help="sign an event and send it to the running add-on")
    event.add_argument("file", help="JSON file, - for standard input")
    event.add_argument("--to", required=True, help="entry point, for example /on/gmail.message")
    event.add_argument("--user", default="alice", choices=sorted(PLAYERS), help=f"who it is ({CLIENT_ID})")
    verbs.add_parser("settings", help="write docs/CONFIGURATION.md")
    pictures = verbs.add_parser("shots", help="pictures of every card in three languages, light and dark")
    pictures.add_argument("folder", type=Path)
    pictures.add_argument("--locale", choices=LANGUAGES, default="")
    pictures.add_argument("--theme", choices=shots.THEMES, default="")
    return parser


def main() -> int:
    """Dispatch; the exit status."""
    arguments = _parser().parse_args()
    if arguments.verb == "settings":
        FILE.write_text(page(), encoding="utf-8")
        return 0
    try:
        stage = _stage()
        if arguments.verb == "admin":
            command = (sys.executable, "-m", "addon", "admin", *arguments.words)
            return subprocess.call(command, env=stage.environment(os.environ))  # noqa: S603 -- words of who sits here
        if arguments.verb == "pbx":
            return pbx.main(arguments.port)
        if arguments.verb == "event":
            return event_command.run(stage.base, lambda: _issuer(stage), arguments.file, arguments.to, arguments.user)
        if arguments.verb == "shots":
            return shots.main(arguments.folder, arguments.locale, arguments.theme)
        return _run(stage) if arguments.verb == "run" else _site(stage)
    except CannotRun as error:
        if arguments.verb == "event":
            return event_command.refuse(str(error), event_command.MISUSED)
        print(f"Cannot run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
