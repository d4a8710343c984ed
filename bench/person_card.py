"""The add-on's CPU per person card beside a bare Flask view that checks the same two tokens and answers the same bytes.

The product runs with its own adapters: SQLite on disk, Gmail, People and telephony over HTTP from a process beside it.
Certificates, the read message and found contacts are warm; decisions, consent, blocks and last calls are read each time.
Run: `python -m bench.person_card --rounds 60 --batch 20`.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
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
from addon.domain.tenant import Settings, Tenant, User
from addon.ports.documents import Document
from addon.ports.outside import Ports
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


def stand_ins(pem: bytes, port: int) -> None:
    """Google's APIs, its certificates and telephony's presence, in a process of their own."""
    issuer = Issuer(pem)
    application = web.Application()
    application.add_routes(GoogleApis(issuer, load_mails()).routes())

    async def presence(_request: web.Request) -> web.Response:
        return web.json_response(PRESENCE)

    async def certs(_request: web.Request) -> web.Response:
        return web.json_response(issuer.jwks(), headers={"Cache-Control": "public, max-age=20000"})

    application.add_routes([web.get("/presence/acme/alice", presence), web.get("/certs", certs)])
    web.run_app(
        application, host="127.0.0.1", port=port, print=lambda _line: print("ready", flush=True), access_log=None
    )


@contextmanager
def beside(pem: bytes, port: int) -> Iterator[None]:
    """The stand-ins while the block runs."""
    command = [sys.executable, "-m", "bench.person_card", "--stand-ins", "--port", str(port)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(pem)
    child.stdin.close()
    if not child.stdout.readline():
        raise SystemExit(f"the stand-ins did not start; is port {port} free? Choose another: --port")
    try:
        yield
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


def bare_view(config: Config, keys: GoogleKeys, answers: dict[str, bytes]) -> Flask:
    """What a Flask view costs that checks the two tokens as Google's library does and answers bytes that are there."""
    app = Flask("bare", static_folder=None)

    def checked(token: str, audience: str) -> dict[str, Any]:
        certs = {kid: keys.get(kid) for kid in [json.loads(_padded(token.split(".")[0]))["kid"]]}
        return dict(jwt.decode(token, certs=certs, audience=audience, clock_skew_in_seconds=60))

    def view() -> Response:
        event = request.get_json()
        system = checked(request.headers["Authorization"].removeprefix("Bearer "), BASE + PATH)
        user = checked(event["authorizationEventObject"]["userIdToken"], config.oauth_client_id)
        assert system["email"] == config.service_account and user["sub"]
        return Response(answers[event["gmail"]["messageId"]], content_type="application/json")

    app.add_url_rule(PATH, view_func=view, methods=["POST"])
    return app


def _padded(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


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


def measured(sides: Sides, answers: dict[str, bytes], mail: str, rounds: int, batch: int) -> tuple[str, float]:
    """One table row and its ratio."""
    message = next(m.id for m in load_mails().values() if m.mime["Message-ID"] == f"<{mail}@samples.example>")
    event = build_event(sides.issuer, BASE + PATH, Situation(message=message), now=time.time())
    bearer, body = "Bearer " + event["authorizationEventObject"]["systemIdToken"], json.dumps(event).encode()
    cold = cpu_ms(lambda: answers.__setitem__(message, called(sides.product, bearer, body)))
    sides.documents.reads = 0
    answers[message] = called(sides.product, bearer, body)
    reads = sides.documents.reads
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(rounds):
        ours.append(cpu_ms(lambda: called(sides.product, bearer, body), batch))
        bare.append(cpu_ms(lambda: called(sides.bare, bearer, body), batch))
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    row = (
        f"{statistics.median(ours):8.3f} {statistics.median(bare):8.3f} {ratio:6.2f} {cold:8.1f} {reads:6d} "
        f"{len(answers[message]):7d}"
    )
    return row, ratio


def run(port: int, rounds: int, batch: int) -> None:
    """Print the table."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, beside(pem, port):
        config = settled(Path(folder), f"http://127.0.0.1:{port}")
        documents = CountedDocuments(Path(folder) / "addon.sqlite")
        ports = filled(config, documents)
        keys = GoogleKeys(config.certs_url, time.monotonic)
        answers: dict[str, bytes] = {}
        product = create_app(config, ports, build_tenancy(config, ports), keys)
        sides = Sides(product, bare_view(config, keys, answers), documents, Issuer(pem))
        settle_memory()
        print(f"{'mail':24} {'card ms':>8} {'bare ms':>8} {'ratio':>6} {'cold ms':>8} {'reads':>6} {'bytes':>7}")
        for name, mail in MAILS.items():
            row, _ratio = measured(sides, answers, mail, rounds, batch)
            print(f"{name:24} {row}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--port", type=int, default=27080, help="for the stand-ins")
    parser.add_argument("--stand-ins", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.stand_ins:
        stand_ins(sys.stdin.buffer.read(), given.port)
    else:
        run(given.port, given.rounds, given.batch)


if __name__ == "__main__":
    main()
