"""Person cards at a steady rate through the real gunicorn: how long each takes, and what it reads.

The add-on runs as `deploy/app.yaml` has it run, with SQLite on disk; Gmail, People and telephony answer over HTTP from a
process beside it. Events come at fixed moments, whether the ones before were answered or not; an answer's time counts from
its moment, so that a queue is seen. Run: `python -m bench.card_load --rate 200 --seconds 30`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import mmap
import re
import secrets
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from addon.adapters.google_keys import GoogleKeys
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.app import create_app
from addon.ports.documents import Document
from addon.wiring import build_ports, build_tenancy, settle_memory
from bench.person_card import BASE, MAX_READS, PATH, CountedDocuments, beside, filled, settled
from contract import log_lines
from workbench.events import Situation, build_event
from workbench.mails import load_mails
from workbench.tokens import Issuer

PLAYERS = ("alice", "bob")
CONNECTIONS = 64
WARM_UP_RATE = 100.0
START_SECONDS = 30.0
ANSWER_SECONDS = 20.0
AIM_P99_MS = 300.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n")


class TalliedDocuments(SqliteDocuments):
    """SQLite whose reads are counted in a file of this process: each one get, batch or query."""

    def __init__(self, file: Path, tally: Path) -> None:
        tally.write_bytes(bytes(8))
        with tally.open("r+b") as opened:
            self._tally = mmap.mmap(opened.fileno(), 8)
        self._count = itertools.count(1)
        super().__init__(file)

    def _read(self, sql: str, values: Any) -> list[Document]:
        struct.pack_into("q", self._tally, 0, next(self._count))
        return super()._read(sql, values)


def site(folder: str, url: str) -> Flask:
    """What gunicorn loads in each worker: the add-on as `main.py` makes it, but for the counted store and the queue."""
    where = Path(folder)
    config = settled(where, url)
    log_lines.set_up(
        log_lines.handler(sys.stderr, "json"), ("addon", "cards", "contract"), logging.INFO, logging.WARNING
    )
    documents = TalliedDocuments(where / "addon.sqlite", where / f"reads-{secrets.token_hex(8)}")
    ports = replace(build_ports(config), documents=documents)
    app = create_app(config, ports, build_tenancy(config, ports), GoogleKeys(config.certs_url, time.monotonic))
    settle_memory()
    return app


def reads_of(folder: Path) -> int:
    """What all workers read until now."""
    return sum(struct.unpack("q", tally.read_bytes())[0] for tally in folder.glob("reads-*"))


@contextmanager
def served(folder: Path, url: str, workers: int) -> Iterator[int]:
    """gunicorn with the settings of `deploy/app.yaml` while the block runs; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(
            sys.executable,
            "-m",
            "gunicorn",
            f'bench.card_load:site("{folder}", "{url}")',
            "--bind",
            f"127.0.0.1:{port}",
        ),
        *("--workers", str(workers), "--threads", "8", "--timeout", "60", "--graceful-timeout", "20"),
        "--no-control-socket",
    ]
    with (folder / "gunicorn.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port, child, folder, workers)
        yield port
    finally:
        child.terminate()
        child.wait()


def wait_for(port: int, child: subprocess.Popen[bytes], folder: Path, workers: int) -> None:
    """Until every worker has loaded the add-on and the port answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and child.poll() is None:
        if len(list(folder.glob("reads-*"))) == workers:
            try:
                socket.create_connection(("127.0.0.1", port), 1.0).close()
            except OSError:
                pass
            else:
                return
        time.sleep(0.1)
    raise SystemExit("gunicorn does not start:\n" + (folder / "gunicorn.log").read_text()[-2000:])


def requests_for(issuer: Issuer) -> list[bytes]:
    """An HTTP request per reader and mail, each with its own tokens."""
    made = []
    for player, mail in itertools.product(PLAYERS, load_mails().values()):
        event = build_event(issuer, BASE + PATH, Situation(player=player, message=mail.id), now=time.time())
        body = json.dumps(event).encode()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {event['authorizationEventObject']['systemIdToken']}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


@dataclass
class Tally:
    """Statuses (0: no answer) and the times of all answers, in milliseconds from the moment when each was due."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """The time that this share of the answers stayed under."""
        return sorted(self.milliseconds)[min(len(self.milliseconds) - 1, int(len(self.milliseconds) * share))]


class Caller:
    """One kept connection; a new one where the server has closed the old."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """The status of the answer."""
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = _STATUS.match(head), _LENGTH.search(head.lower())
        if status is None or length is None:
            raise ValueError("no HTTP answer")
        await reader.readexactly(int(length[1]))
        return int(status[1])

    async def status(self, request: bytes) -> int:
        """The same; a connection that was closed in between is opened once more, 0 for no answer."""
        for _ in range(2):
            try:
                return await asyncio.wait_for(self.ask(request), ANSWER_SECONDS)
            except (OSError, EOFError, ValueError):
                self.close()
        return 0

    def close(self) -> None:
        """Idempotent."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def load(port: int, requests: list[bytes], rate: float, count: int) -> Tally:
    """Send `count` requests, `rate` a second, and wait for every answer."""
    tally = Tally()
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def call() -> None:
        caller = Caller(port)
        try:
            while True:
                moment, request = await due.get()
                tally.statuses[await caller.status(request)] += 1
                tally.milliseconds.append((time.monotonic() - moment) * 1000)
                due.task_done()
        finally:
            caller.close()

    async with asyncio.TaskGroup() as group:
        callers = [group.create_task(call()) for _ in range(CONNECTIONS)]
        began = time.monotonic()
        for number in range(count):
            moment = began + number / rate
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            due.put_nowait((moment, requests[number % len(requests)]))
        await due.join()
        for caller in callers:
            caller.cancel()
    return tally


def run(rate: float, seconds: float, workers: int) -> None:
    """Print the table."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.TemporaryDirectory() as name, beside(pem) as url:
        folder = Path(name)
        filled(settled(folder, url), CountedDocuments(folder / "addon.sqlite"))
        requests = requests_for(Issuer(pem))
        with served(folder, url, workers) as port:
            # The workers meet the mails before the count begins; the first cards of a process are another table's.
            asyncio.run(load(port, requests, WARM_UP_RATE, 2 * workers * len(requests)))
            before = reads_of(folder)
            tally = asyncio.run(load(port, requests, rate, int(rate * seconds)))
            reads = (reads_of(folder) - before) / len(tally.milliseconds)
    failed = sum(count for status, count in tally.statuses.items() if status == 0 or status >= 500)
    refused = len(tally.milliseconds) - failed - tally.statuses[200]
    print(
        f"{'cards/s':>8} {'cards':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8} {'reads':>6} {'5xx or none':>12} {'other':>6}"
    )
    print(
        f"{rate:8.0f} {len(tally.milliseconds):6d} {tally.at(0.5):8.1f} {tally.at(0.99):8.1f} {tally.at(1.0):8.1f} "
        f"{reads:6.2f} {failed:12d} {refused:6d}"
    )
    print(f"aim: p99 at most {AIM_P99_MS:.0f} ms, at most {MAX_READS} reads a card, nothing but 200")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=200.0, help="cards a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    run(given.rate, given.seconds, given.workers)


if __name__ == "__main__":
    main()
