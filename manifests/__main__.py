"""`python -m manifests render | check | logo`: the add-on's deployment resource and its pictures."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from manifests.check import check, check_text
from manifests.render import BadBase, render

ICONS = Path(__file__).parents[1] / "web" / "icons"


def _parser(env: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m manifests")
    verbs = parser.add_subparsers(dest="verb", required=True)
    base = env.get("BASE_URL", "")
    make = verbs.add_parser("render", help="print the deployment resource as JSON")
    make.add_argument("--base-url", default=base, help="where Google finds the add-on; default BASE_URL")
    look = verbs.add_parser("check", help="find what is wrong with a deployment resource")
    look.add_argument("file", help="a JSON file, - for standard input")
    look.add_argument("--base-url", default=base, help="our address; default BASE_URL, else that of the first function")
    verbs.add_parser("logo", help="draw the PNG files of web/icons again (needs Pillow)")
    return parser


def _render(base_url: str) -> int:
    try:
        manifest = render(base_url)
    except BadBase as error:
        print(f"error: {error}. Say --base-url https://your.host or set BASE_URL.", file=sys.stderr)
        return 2
    print(json.dumps(manifest, indent=2, ensure_ascii=False))
    problems = check(manifest, base_url)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _check(file: str, base_url: str) -> int:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"error: {file} cannot be read: {error}", file=sys.stderr)
        return 2
    problems = check_text(text, base_url)
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems" if problems else "no problem found", file=sys.stderr)
    return 1 if problems else 0


def _logo() -> int:
    # Pillow is a development package: the other commands run without it.
    from manifests.card_icons import write as write_card_icons
    from manifests.logo import write as write_logo

    for path in [*write_logo(ICONS), *write_card_icons(ICONS)]:
        print(path)
    return 0


def main(words: Sequence[str], env: Mapping[str, str]) -> int:
    """Exit status: 0 good, 1 problems were found, 2 it could not be looked at."""
    arguments = _parser(env).parse_args(words)
    if arguments.verb == "render":
        return _render(arguments.base_url)
    if arguments.verb == "check":
        return _check(arguments.file, arguments.base_url)
    return _logo()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
