"""The add-on's CPU per person card beside a bare Flask view that checks the same two tokens and answers the same bytes.

The product runs with its own adapters: SQLite on disk, Gmail, People and telephony over HTTP from a process beside it.
Certificates, the read message and found contacts are warm; decisions, consent, blocks and last calls are read each time.
Run: `python -m bench.person_card --rounds 300 --batch 3`.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response, request
from google.auth import jwt

from addon.adapters.google_keys import GoogleKeys
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.app import create_app
from addon.config import Config
from addon.domain.call_record import CallRecord
from addon.domain.consent import RECORDING_TEXT_VERSION, Consent, ConsentKind
from addon.domain.presence import Presence
from addon.domain.tenant import Settings, Tenant, User
from addon.ports.documents import Document
from addon.ports.outside import Ports
from addon.ports.recent import Recent
from addon.wiring import build_ports, build_tenancy, settle_memory
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import LineId, TenantId, UserId
from workbench.cast import PLAYERS
from workbench.events import Situation, build_event
from workbench.google_apis import GoogleApis
from workbench.mails import load_mails
from workbench.supervisor import Stage, make_keys
from workbench.tokens import Issuer

PATH = "/on/gmail.message"
BASE = "http://127.0.0.1:8080"
ACME, ALICE = TenantId("acme"), UserId("alice")
MAILS = {"a contact, 2 numbers": "01-ecuador", "a stranger, 5 numbers": "09-many-numbers"}
MAX_RATIO, MAX_READS = 2.0, 6
PRESENCE = {"webphone": True, "registered": True, "calls": [], "problem": ""}


class CountedDocuments(SqliteDocuments):
    """SQLite that counts the reads: each one get, batch or query, as Firestore would make one request of it."""

    reads = 0

    def _read(self, sql: str, values: Any) -> list[Document]:
        self.reads += 1
        return super()._read(sql, values)


@dataclass(frozen=True)
class Sides:
    """The add-on under test and the bare view, both called as WSGI applications."""

    product: Flask
    bare: Flask
    documents: CountedDocuments
    issuer: Issuer
    answers: dict[str, bytes]


def stand_ins(pem: bytes) -> None:
    """Google's APIs, its certificates and telephony's presence, in a process of their own; prints its port."""
    issuer = Issuer(pem)
    application = web.Application()
    application.add_routes(GoogleApis(issuer, load_mails()).routes())

    async def presence(_request: web.Request) -> web.Response:
        return web.json_response(PRESENCE)

    async def certs(_request: web.Request) -> web.Response:
        return web.json_response(issuer.jwks(), headers={"Cache-Control": "public, max-age=20000"})

    application.add_routes([web.get("/presence/acme/{user}", presence), web.get("/certs", certs)])
    door = socket.create_server(("127.0.0.1", 0))
    web.run_app(
        application, sock=door, print=lambda _line: print(door.getsockname()[1], flush=True), access_log=None
    )  # fmt: skip


@contextmanager
def beside(pem: bytes) -> Iterator[str]:
    """The URL of the stand-ins while the block runs."""
    command = [sys.executable, "-m", "bench.person_card", "--stand-ins"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(pem)
    child.stdin.close()
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.terminate()
        child.wait()


def settled(folder: Path, url: str) -> Config:
    """The settings of `make run` with everything outside at `url`."""
    stage = Stage(int(BASE.rsplit(":", 1)[1]), folder, folder / "keys.json", "secret")
    make_keys(stage.keys_file)
    outside = {"TELEPHONY_URL": url, "GOOGLE_CERTS_URL": url + "/certs"}
    google = {"GMAIL_API_URL": url + "/google/gmail", "PEOPLE_API_URL": url + "/google/people"}
    return Config.from_env(stage.environment({}) | outside | google)


def filled(config: Config, documents: CountedDocuments) -> Ports:
    """A tenant of a usual size: consent given, recording on, blocks and a hundred calls."""
    ports = replace(build_ports(config), documents=documents)
    tenancy = build_tenancy(config, ports)
    tenancy.put(Tenant(ACME, "Acme", ("acme.example",), allowed_regions=("US", "CO")))
    store, now = tenancy.of(ACME), time.time()
    for player in PLAYERS.values():
        store.users.put(User(UserId(player.sub), ACME, player.email, player.name, player.extension, "", LineId("pbx")))
    store.settings.save(ALICE, Settings(record_calls=True))
    store.consents.add(ALICE, Consent("c", ConsentKind.RECORDING, RECORDING_TEXT_VERSION, True, now - 60, "card"))
    store.blocks.add(ALICE, "+593222222222", now)
    for number in range(100):
        at, peer = now - 3600 * number, Party("+593991234567" if number % 10 == 0 else f"+5939900000{number:02d}")
        store.calls.add(
            ALICE,
            CallRecord(
                CallId(f"call-{number}"), Direction.OUTBOUND, Device.BROWSER, peer, Outcome.COMPLETED, at, at + 5, at + 95,
                90.0, RecordingRule.RECORDED,
            ),
        )  # fmt: skip
    return ports


def bare_view(config: Config, keys: GoogleKeys, kid: str, answers: dict[str, bytes]) -> Flask:
    """What a Flask view costs that has Google's library check the two tokens and answers bytes that are there."""
    app = Flask("bare", static_folder=None)

    def checked(token: str, audience: str) -> dict[str, Any]:
        return dict(jwt.decode(token, certs={kid: keys.get(kid)}, audience=audience, clock_skew_in_seconds=60))

    def view() -> Response:
        event = request.get_json()
        system = checked(request.headers["Authorization"].removeprefix("Bearer "), BASE + PATH)
        user = checked(event["authorizationEventObject"]["userIdToken"], config.oauth_client_id)
        assert system["email"] == config.service_account and user["sub"]
        return Response(answers[event["gmail"]["messageId"]], content_type="application/json")

    app.add_url_rule(PATH, view_func=view, methods=["POST"])
    return app


def called(app: Flask, bearer: str, body: bytes) -> bytes:
    """One request through the WSGI door; the answer's bytes."""
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8080", "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body), "wsgi.version": (1, 0),
        "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": bearer,
        "wsgi.errors": sys.stderr, "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    status: list[str] = []
    answer = b"".join(app(environ, lambda line, _headers, _exc=None: status.append(line)))  # type: ignore[arg-type]
    if not status[0].startswith("200"):
        raise SystemExit(f"{app.name} answered {status[0]}: {answer[:300]!r}")
    return answer


def cpu_ms(work: Callable[[], object], times: int = 1) -> float:
    """CPU time of this process, all threads, per call."""
    began = time.process_time_ns()
    for _ in range(times):
        work()
    return (time.process_time_ns() - began) / times / 1e6


class AtHand:
    """Telephony whose answer is there already: the add-on's own work alone."""

    def presence(self, tenant: TenantId, user: UserId) -> Presence:
        """A webphone that is open."""
        return Presence(True, True)

    def ping(self) -> None:
        """There."""

    def ping_lines(self) -> None:
        """All up."""


def event_for(issuer: Issuer, mail: str) -> tuple[str, str, bytes]:
    """Message id, bearer and body of the event that Gmail sends when this mail is opened."""
    message = next(m.id for m in load_mails().values() if m.mime["Message-ID"] == f"<{mail}@samples.example>")
    event = build_event(issuer, BASE + PATH, Situation(message=message), now=time.time())
    return message, "Bearer " + event["authorizationEventObject"]["systemIdToken"], json.dumps(event).encode()


def tenth(values: list[float]) -> float:
    """What the calmest tenth stayed under."""
    return sorted(values)[len(values) // 10]


def measured(side: Sides, mail: str, rounds: int, batch: int) -> str:
    """One table row; product and bare view take turns in each round."""
    message, bearer, body = event_for(side.issuer, mail)
    first: list[bytes] = []
    cold = cpu_ms(lambda: first.append(called(side.product, bearer, body)))
    side.documents.reads = 0
    side.answers[message] = called(side.product, bearer, body)
    reads = side.documents.reads
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(cpu_ms(lambda: called(side.product, bearer, body), batch))
        bare.append(cpu_ms(lambda: called(side.bare, bearer, body), batch))
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    return (
        f"{statistics.median(ours):8.3f} {statistics.median(bare):8.3f} {ratio:6.2f} {tenth(ours) / tenth(bare):6.2f} "
        f"{cold:8.1f} {reads:6d} {len(side.answers[message]):6d}"
    )


def run(rounds: int, batch: int) -> None:
    """Print the table."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with tempfile.TemporaryDirectory() as folder, beside(pem) as url:
        config = settled(Path(folder), url)
        documents = CountedDocuments(Path(folder) / "addon.sqlite")
        ports = filled(config, documents)
        keys = GoogleKeys(config.certs_url, time.monotonic)
        answers: dict[str, bytes] = {}
        bare = bare_view(config, keys, Issuer(pem).kid(), answers)
        settle_memory()
        print(
            f"{'mail':22} {'telephony':10} {'card ms':>8} {'bare ms':>8} {'ratio':>6} {'calm':>6} {'cold ms':>8} "
            f"{'reads':>6} {'bytes':>6}"
        )
        for mail_name, mail in MAILS.items():
            for way, telephony in (("at hand", AtHand()), ("over HTTP", ports.telephony)):
                fresh = replace(ports, telephony=telephony, mails=Recent(300.0, 500), persons=Recent(60.0, 1000))
                product = create_app(config, fresh, build_tenancy(config, fresh), keys)
                side = Sides(product, bare, documents, Issuer(pem), answers)
                print(f"{mail_name:22} {way:10} {measured(side, mail, rounds, batch)}", flush=True)
        print(f"aim: a ratio of at most {MAX_RATIO:.0f} with telephony at hand and at most {MAX_READS} store reads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--stand-ins", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stand_ins:
        stand_ins(sys.stdin.buffer.read())
    else:
        run(given.rounds, given.batch)


if __name__ == "__main__":
    main()
