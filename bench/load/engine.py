"""The media engine `rtpload.c`: built once, spoken to by text lines; a pair of legs is one call.

Leg 2k is call k's browser, leg 2k+1 its RTP party; both send 50 packets a second once `go` is said.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("rtpload.c")
BUILT = Path(__file__).parents[2] / ".data" / "bench"
PACKAGES = "gcc libc6-dev libsrtp2-dev libssl-dev"


class CannotBuild(Exception):
    """The engine's compiler or libraries are missing; the text names the packages."""


def built(source: Path, *flags: str) -> Path:
    """The program or library made of one C file, made anew when its text changed; raises CannotBuild."""
    compiler = shutil.which("cc")
    name = hashlib.sha256(source.read_bytes() + " ".join(flags).encode()).hexdigest()[:16]
    made = BUILT / f"{source.stem}-{name}"
    if made.exists():
        return made
    if compiler is None:
        raise CannotBuild(f"no C compiler: apt install {PACKAGES}")
    BUILT.mkdir(parents=True, exist_ok=True)
    part = made.with_suffix(f".{os.getpid()}")
    done = subprocess.run([compiler, "-O2", "-o", part, source, *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"{source.name} does not build: apt install {PACKAGES}\n{done.stderr[:400]}")
    part.rename(made)
    return made


def placed(cpu: int | None, niceness: int) -> list[str]:
    """What goes before a command so that it stays on one CPU with one priority; nothing on a machine with one CPU."""
    pinned = ["taskset", "-c", str(cpu)] if cpu is not None and cpu in os.sched_getaffinity(0) else []
    return [*(["nice", "-n", str(niceness)] if niceness else []), *pinned]


class Engine:
    """The running engine."""

    def __init__(self, process: Process, fingerprint: str) -> None:
        self._process, self.fingerprint = process, fingerprint
        self._waiting: dict[tuple[Any, ...], asyncio.Future[Any]] = {}
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def start(cls, cpu: int | None, niceness: int) -> Engine:
        """Build and run it; raises CannotBuild."""
        program = built(SOURCE, "-lsrtp2", "-lssl", "-lcrypto", "-lm")
        process = await asyncio.create_subprocess_exec(*placed(cpu, niceness), program, stdin=PIPE, stdout=PIPE)
        assert process.stdout is not None
        ready = (await process.stdout.readline()).decode().split()
        return cls(process, ready[1].removeprefix("fp="))

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            words = line.split(None, 3)
            key, value = _answered(words, line)
            waiting = self._waiting.pop(key, None)
            if waiting is not None and not waiting.done():
                if isinstance(value, Exception):
                    waiting.set_exception(value)
                else:
                    waiting.set_result(value)
            elif words[0] == "err" or words[:2] == ["ev", "fail"]:
                print("engine:", line.strip(), file=sys.stderr)
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(RuntimeError("the engine ended"))

    def say(self, line: str) -> None:
        """One command that has no answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    def _expect(self, *key: Any) -> asyncio.Future[Any]:
        self._waiting[key] = made = asyncio.get_running_loop().create_future()
        return made

    async def leg(self, number: int, **settings: Any) -> tuple[int, int]:
        """A new leg's UDP port and SSRC."""
        answer = self._expect("leg", number)
        self.say(f"leg id={number} " + " ".join(f"{key}={value}" for key, value in settings.items()))
        fields = dict(word.split("=") for word in (await asyncio.wait_for(answer, 10)).split())
        return int(fields["port"]), int(fields["ssrc"])

    def connected(self, number: int) -> asyncio.Future[str]:
        """Done when the browser leg's ICE and DTLS are up: the SRTP profile."""
        return self._expect("up", number)

    async def window(self, number: int) -> None:
        """From now on packets are of this window; 0 is none."""
        answer = self._expect("win")
        self.say(f"win n={number}")
        await answer

    async def counted(self, number: int) -> dict[str, Any]:
        """What was sent and received of a window."""
        answer = self._expect("stat")
        self.say(f"stat n={number}")
        return dict(await answer)

    async def stop(self) -> None:
        """End it."""
        self.say("quit")
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except TimeoutError:
            self._process.kill()
        await self._reading


def _answered(words: list[str], line: str) -> tuple[tuple[Any, ...], Any]:
    match words:
        case ["ok", "leg", number, settings]:
            return ("leg", int(number)), settings
        case ["err", "leg", number, *_]:
            return ("leg", int(number)), RuntimeError(line.strip())
        case ["ev", "up", number, facts]:
            return ("up", int(number)), facts.split()[0]
        case ["ev", "fail", number, *_]:
            return ("up", int(number)), RuntimeError(line.strip())
        case ["stat", *_]:
            return ("stat",), json.loads(line.split(None, 1)[1])
        case ["ok", "win", *_]:
            return ("win",), None
    return (), None
