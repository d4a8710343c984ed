"""Asks and tells Google Cloud: the gcloud program, and Google's REST where gcloud cannot say it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# What gcloud says of something that is not there yet, or whose API is not switched on yet.
_ABSENT = (
    "NOT_FOUND", "not found", "was not found", "does not exist", "SERVICE_DISABLED", "has not been used in project",
    "is not enabled", "not contain an App Engine application", "matched no objects",
)  # fmt: skip
TIMEOUT_SECONDS = 1800
REST = "rest"


@dataclass(frozen=True, slots=True)
class Done:
    """Exit status, standard output, standard error."""

    status: int
    out: str = ""
    err: str = ""


Run = Callable[[Sequence[str], bytes], Done]


class CloudFailed(Exception):
    """A command failed; the text is the command and Google's own words."""


@dataclass(frozen=True, slots=True)
class Command:
    """Words after `gcloud`, or ("rest", METHOD, URL, body); `typed` gives the standard input, which is never shown."""

    words: tuple[str, ...]
    typed: Callable[[], bytes] | None = None

    def shown(self) -> str:
        """As a person would type it."""
        if self.words[0] == REST:
            return " ".join(self.words[1:])
        quoted = (word if word and not set(word) & set(" *(){}'\"<>|&;$\\#") else f"'{word}'" for word in self.words)
        return "gcloud " + " ".join(quoted) + (" < (not shown)" if self.typed else "")


def command(*words: str, typed: Callable[[], bytes] | None = None) -> Command:
    """A command of these words."""
    return Command(words, typed)


@dataclass(frozen=True, slots=True)
class Cloud:
    """One project."""

    project: str
    run: Run

    def _words(self, words: Sequence[str]) -> tuple[str, ...]:
        if words[0] == REST:
            return tuple(words)
        return (*words, f"--project={self.project}", "--format=json", "--quiet")

    def look(self, words: Sequence[str]) -> Any:
        """The JSON that the words print; None for what is not there. Raises CloudFailed."""
        done = self.run(self._words(words), b"")
        if done.status == 0:
            return json.loads(done.out or "null")
        if any(sign in done.err for sign in _ABSENT):
            return None
        raise CloudFailed(f"{Command(tuple(words)).shown()}\n{done.err.strip()}")

    def read(self, words: Sequence[str]) -> str:
        """What the words print, as it is. Raises CloudFailed."""
        done = self.run((*words, f"--project={self.project}", "--quiet"), b"")
        if done.status:
            raise CloudFailed(f"{Command(tuple(words)).shown()}\n{done.err.strip()}")
        return done.out

    def do(self, told: Command) -> None:
        """Raises CloudFailed."""
        done = self.run(self._words(told.words), told.typed() if told.typed else b"")
        if done.status:
            raise CloudFailed(f"{told.shown()}\n{done.err.strip()}")


def run_gcloud(words: Sequence[str], typed: bytes) -> Done:
    """Really ask Google, in the name of whoever is signed in to gcloud."""
    if words[0] == REST:
        return _rest(words[1], words[2], words[3] if len(words) > 3 else "")
    return _program(words, typed)


def _program(words: Sequence[str], typed: bytes) -> Done:
    try:
        done = subprocess.run(  # noqa: S603 -- words of this program's own tables
            ["gcloud", *words],  # noqa: S607 -- the gcloud of who sits here
            input=typed,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return Done(127, err="gcloud is not installed: https://cloud.google.com/sdk/docs/install")
    except subprocess.TimeoutExpired:
        return Done(124, err=f"no end after {TIMEOUT_SECONDS} s")
    return Done(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _rest(method: str, url: str, body: str) -> Done:
    token = _program(("auth", "print-access-token", "--quiet"), b"")
    if token.status:
        return token
    headers = {"Authorization": f"Bearer {token.out.strip()}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body.encode() or None, headers, method=method)  # noqa: S310 -- Google's own https addresses
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 -- the same
            return Done(0, answer.read().decode())
    except urllib.error.HTTPError as error:
        return Done(1, err=error.read().decode(errors="replace"))
    except (urllib.error.URLError, TimeoutError) as error:
        return Done(1, err=str(error))
