"""`python -m addon admin ...` over the environment's store; `python -m addon indexes` writes Firestore's index file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from addon.adapters.firestore_indexes import render
from addon.admin_cli import VERBS, run
from addon.config import BadConfig, Config
from addon.wiring import build_ports, build_tenancy, read_secret

INDEXES = Path(__file__).parents[1] / "deploy" / "firestore.indexes.json"


def main(words: list[str]) -> int:
    """Exit status of the command."""
    if words == ["indexes"]:
        INDEXES.parent.mkdir(exist_ok=True)
        INDEXES.write_text(render(), encoding="utf-8")
        return 0
    if words[:1] != ["admin"]:
        print(f"usage: python -m addon admin {' | '.join(VERBS)}\n       python -m addon indexes", file=sys.stderr)
        return 2
    try:
        config = Config.from_env(os.environ, read_secret)
    except BadConfig as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ports = build_ports(config)
    return run(words[1:], build_tenancy(config, ports), ports, config.reach, sys.stdin, print)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
