"""What is sent to Google: the add-on's folder with its app.yaml, and the telephony host's release; the same bytes for the same code."""

from __future__ import annotations

import functools
import gzip
import hashlib
import io
import string
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ADDON = ("main.py", "requirements.txt", "contract", "cards", "addon", "web")
NOT_ADDON = ("web/workbench/",)
TELEPHONY = ("contract", "telephony")


@dataclass(frozen=True, slots=True)
class Release:
    """A file and its SHA-256 in hex."""

    file: Path
    sha256: str


def _tracked(*paths: str) -> list[str]:
    """Files that git knows: nothing that merely lies about is deployed."""
    asked = ["git", "-C", str(ROOT), "ls-files", "-z", "--", *paths]
    listed = subprocess.run(asked, capture_output=True, check=True)  # noqa: S603 -- words of this module
    return sorted(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())


def app_yaml(values: Mapping[str, str]) -> str:
    """deploy/app.yaml with its ${...} filled in; raises KeyError for a value that is missing."""
    return string.Template((ROOT / "deploy" / "app.yaml").read_text(encoding="utf-8")).substitute(values)


@functools.cache
def _addon_files() -> tuple[tuple[str, bytes], ...]:
    names = (name for name in _tracked(*ADDON) if not name.startswith(NOT_ADDON))
    return tuple((name, (ROOT / name).read_bytes()) for name in names)


def stage_addon(folder: Path, values: Mapping[str, str]) -> str:
    """Fill `folder` with what App Engine gets; the version's name, which the content decides."""
    digest = hashlib.sha256()
    for name, content in [*_addon_files(), ("app.yaml", app_yaml(values).encode())]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        digest.update(f"{name}\n".encode() + hashlib.sha256(content).digest())
    return f"v{digest.hexdigest()[:12]}"


@functools.cache
def _telephony_archive() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in [*_tracked(*TELEPHONY), *_tracked("deploy/host")]:
            content = (ROOT / name).read_bytes()
            entry = tarfile.TarInfo(name.removeprefix("deploy/"))
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def pack_telephony(folder: Path) -> Release:
    """The telephony host's archive: program, `contract` and host files, as root's, without times."""
    packed = _telephony_archive()
    sha256 = hashlib.sha256(packed).hexdigest()
    file = folder / f"telephony-{sha256[:12]}.tar.gz"
    file.write_bytes(packed)
    return Release(file, sha256)
