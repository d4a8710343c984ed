"""Starts the whole product as `make run` does, on free ports and an empty data folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Product:
    """A running product: `port` is the add-on's, the workbench is on port + 1, telephony on port + 2."""

    port: int
    data: Path
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bench(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    def health(self) -> dict[str, object]:
        with urllib.request.urlopen(self.base + "/healthz", timeout=5) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    def pid_of(self, words: str) -> int:
        """The child process whose command line holds `words`."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in children:
            if words in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                return int(pid)
        raise LookupError(words)


def family(pid: int) -> list[int]:
    """A process and everything that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in family(int(child)))]


@contextlib.contextmanager
def frozen(product: Product, words: str) -> Iterator[None]:
    """One program of the product stands still meanwhile: its sockets take what is sent, nobody answers."""
    stopped = family(product.pid_of(words))
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def free_block() -> int:
    """A port whose next ten are free too (TCP and UDP)."""
    for start in range(21000 + os.getpid() % 997 * 11, 60000, 11):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(start, start + 11):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    held = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    held.bind(("127.0.0.1", port))
            return start
    raise OSError("no free ports")


def start(data: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> Product:
    port = port or free_block()
    env = {k: v for k, v in os.environ.items() if k != "GAE_ENV"}
    env |= {
        "PORT": str(port),
        "DATA_DIR": str(data / "data"),
        "KEYS_FILE": str(data / "keys.json"),
        "PYTHONUNBUFFERED": "1",
        **(settings or {}),
    }
    log = (data / "run.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "workbench", "run"], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, text=True
    )
    product = Product(port, data, process)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(product.bench + "/", timeout=2).close()
            if product.health().get("status") == "ok":
                return product
        time.sleep(0.3)
    stop(product)
    raise RuntimeError("the product did not start:\n" + (data / "run.log").read_text()[-3000:])


def stop(product: Product) -> None:
    if product.process.poll() is None:
        product.process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            product.process.wait(20)
    if product.process.poll() is None:
        product.process.kill()


@contextlib.contextmanager
def running(data: Path, settings: Mapping[str, str] | None = None) -> Iterator[Product]:
    product = start(data, settings=settings)
    try:
        yield product
    finally:
        stop(product)


def chromium_missing() -> str:
    """Why browser tests skip, "" when they can run."""
    return "" if shutil.which("chromium") else "Chromium is missing: apt-get install chromium"
