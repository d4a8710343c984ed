"""Programs that we did not write: whether they are here, free ports for them, and their end with ours."""

from __future__ import annotations

import contextlib
import glob
import random
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES = {"baresip": "baresip-core", "sipp": "sip-tester", "kamailio": "kamailio"}
FIRST, LAST = 20200, 32000


TLS_MODULE = "/usr/lib/*/kamailio/modules/tls.so"


def missing() -> str:
    """The Debian packages that have to be installed first, "" when all are."""
    absent = [package for program, package in PACKAGES.items() if path_of(program) is None]
    absent += [] if glob.glob(TLS_MODULE) else ["kamailio-tls-modules"]
    return f"missing: apt-get install {' '.join(absent)}" if absent else ""


def path_of(program: str) -> str | None:
    """Where it is, also when a user's PATH leaves out the folder of daemons."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


def free_block(count: int) -> int:
    """The first of `count` ports in a row that are free for TCP and UDP, below the ephemeral range."""
    for _ in range(200):
        first = random.randrange(FIRST, LAST - count)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return first
    raise OSError(f"no {count} free ports in a row")


def start(
    command: Sequence[str], log: Path, *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Run with both outputs appended to `log`; where util-linux is, it gets SIGTERM when we are killed.

    The same when the thread that calls this ends: begin programs in the main one.
    """
    # No code of ours runs between fork and exec: beside gRPC's threads the child would not live to see its program.
    until_death = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with log.open("ab") as out:
        return subprocess.Popen(
            [*until_death, *command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )


def stop(process: subprocess.Popen[bytes] | None, seconds: float = 4.0) -> None:
    """SIGTERM, then SIGKILL, to this process alone."""
    if process is None:
        return
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    if process.poll() is None:
        process.kill()
    process.wait()
