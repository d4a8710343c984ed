"""`python -m deploy.pins`: writes deploy/host/constraints.txt, the exact versions that the telephony host installs."""

from __future__ import annotations

import re
from importlib import metadata

from packaging.requirements import Requirement

from deploy.render import ROOT

WANTED = ROOT / "telephony" / "requirements.txt"
FILE = ROOT / "deploy" / "host" / "constraints.txt"
HEAD = "# What the telephony host installs, exactly: the versions that the tests run with. python -m deploy.pins writes it.\n"


def installed(requirements: str) -> dict[str, str]:
    """Every package that these lines need, directly or not, with the version that is installed here."""
    todo = [line for line in requirements.splitlines() if line.strip()]
    found: dict[str, str] = {}
    while todo:
        wanted = Requirement(todo.pop())
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        package = metadata.distribution(wanted.name)
        found[name] = package.version
        todo += package.requires or []
    return found


def page() -> str:
    """The file's text."""
    pins = installed(WANTED.read_text(encoding="utf-8"))
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
