"""Alice calls, Bob is on her team, Charlie is another tenant's and must see nothing; and the add-on around them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from addon.adapters.directory_objects import DirectoryObjects
from addon.adapters.google_keys import _pem
from addon.adapters.local_queue import QueueKey
from addon.adapters.local_tasks import LocalTasks
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.app import create_app
from addon.config import Config
from addon.domain.people import Person, Source
from addon.domain.presence import Presence
from addon.domain.tenant import Tenant, User
from addon.event import UserTokens
from addon.ports.documents import Document
from addon.ports.google import CodeRefused, GoogleAway, Mailbox, Message, ScopeMissing
from addon.ports.indexes import Query
from addon.ports.outside import Ports
from addon.ports.telephony import LinesDown, TelephonyAway
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from contract.commands import Command, CommandResult
from contract.numbers import LineId, TenantId, UserId
from workbench.cast import ALL_SCOPES as SCOPES
from workbench.cast import CLIENT_ID, PLAYERS, SERVICE_ACCOUNT, WEB_CLIENT_ID
from workbench.tokens import Issuer

NOW = 1_795_500_000.0
_AUTH = "https://www.googleapis.com/auth/"
CONTACTS, OTHERS, DIRECTORY = _AUTH + "contacts", _AUTH + "contacts.other.readonly", _AUTH + "directory.readonly"
METADATA, READ = (_AUTH + f"gmail.addons.current.message.{kind}" for kind in ("metadata", "readonly"))
BASE = "https://addon.example"
TASKS_ACCOUNT = "queue@project.iam.gserviceaccount.com"
KEYS = {
    p: {"k1": p.ljust(32, ".")[:32].encode()}
    for p in ("addon-to-telephony", "telephony-to-addon", "tickets", "web", "lines")
}
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = _KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
ISSUER = Issuer(PEM)


PUBLIC = {k["kid"]: _pem(k) for k in ISSUER.jwks()["keys"]}


class CountedDocuments(SqliteDocuments):
    """SQLite that counts and names its reads; a batch is one, as it is one request to Firestore."""

    reads: list[str]

    def __init__(self, file: Path) -> None:
        self.reads = []
        super().__init__(file)

    def get(self, path: str) -> Document | None:
        self.reads.append(path)
        return super().get(path)

    def get_many(self, paths: Iterable[str]) -> list[Document]:
        asked = list(paths)
        self.reads.append(" ".join(asked))
        return super().get_many(asked)

    def query(self, query: Query) -> list[Document]:
        self.reads.append(query.parent or query.index.collection)
        return super().query(query)


@dataclass
class Switchboard:
    """The telephony port, in memory: what it was told, and whether it answers."""

    away: bool = False
    maybe_done: bool = False
    answer: CommandResult = field(default_factory=lambda: CommandResult(True))
    presence_now: Presence = field(default_factory=lambda: Presence(True, True))
    told: list[Command] = field(default_factory=list)
    lines: str = "ok"

    def send(self, command: Command) -> CommandResult:
        if self.away:
            raise TelephonyAway(maybe_done=self.maybe_done)
        self.told.append(command)
        return self.answer

    def presence(self, tenant: TenantId, user: UserId) -> Presence:
        if self.away:
            raise TelephonyAway
        return self.presence_now

    def ping(self) -> None:
        if self.away:
            raise TelephonyAway

    def ping_lines(self) -> None:
        self.ping()
        if self.lines != "ok":
            raise LinesDown(self.lines)


class Mail:
    """Gmail and People, in memory."""

    def __init__(self) -> None:
        self.text = "Call me: +593 98 765 4321\n"
        self.known: list[Person] = []
        self.sender = Mailbox("ana@quito.example", "Ana")

    def message(self, tokens: UserTokens, message_id: str) -> Message:
        """As Google: nothing without a permission for the message, no text without the one to read it."""
        if not {METADATA, READ} & tokens.scopes:
            raise ScopeMissing(METADATA)
        text = self.text if READ in tokens.scopes else ""
        return Message(message_id, self.sender, (Mailbox("alice@acme.example"),), "Hi", text)

    def find(self, tokens: UserTokens, query: str, region: str = "") -> list[Person]:
        """Only sources that were granted; a person without a source is everybody's."""
        scopes = {Source.CONTACTS: CONTACTS, Source.OTHER_CONTACTS: OTHERS, Source.DIRECTORY: DIRECTORY}
        return [p for p in self.known if p.email == query and scopes.get(p.source, CONTACTS) in tokens.scopes]

    def create(self, tokens: UserTokens, name: str, email: str, number: str) -> Person:
        if CONTACTS not in tokens.scopes:
            raise ScopeMissing(CONTACTS)
        person = Person(name, email)
        self.known.append(person)
        return person


class Google:
    """The token endpoint, in memory: an ID token for each code, and what was asked."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.asked: list[tuple[str, str, str]] = []

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        self.asked.append((code, verifier, redirect_uri))
        if code not in self.tokens:
            raise CodeRefused
        return self.tokens[code]


class FixedKeys:
    """The issuer's key set."""

    away = False

    def get(self, kid: str) -> bytes | None:
        return PUBLIC.get(kid)

    def ping(self) -> None:
        if self.away:
            raise GoogleAway


@dataclass
class House:
    """A whole add-on on a folder; the clock stands at `now`. With a `queue_key` its queue is the local one."""

    folder: Path
    now: float = NOW
    telephony: Switchboard = field(default_factory=Switchboard)
    mail: Mail = field(default_factory=Mail)
    google: Google = field(default_factory=lambda: Google())
    queue_key: QueueKey | None = None
    app: Flask = field(init=False)
    config: Config = field(init=False)

    def __post_init__(self) -> None:
        self.documents = CountedDocuments(self.folder / "d.sqlite")
        self.objects = DirectoryObjects(self.folder / "objects", now=lambda: self.now)
        self.tasks = LocalTasks(self.folder / "t.sqlite", now=lambda: self.now)
        ids = iter(range(10**9))
        self.ports = Ports(
            self.documents, self.objects, self.tasks, self.telephony, self.mail, self.mail,
            self.google,
            lambda: self.now, lambda: f"{next(ids):032x}",
        )  # fmt: skip
        self.tenancy = Tenancy(self.documents, Seal(KEYS["lines"]))
        for player in PLAYERS.values():
            tenant = TenantId(player.tenant)
            self.tenancy.put(Tenant(tenant, player.tenant, (player.hd,), allowed_regions=("US",)))
            user = User(
                UserId(player.sub), tenant, player.email, player.name, player.extension, player.desk, LineId("pbx")
            )
            self.tenancy.of(tenant).users.put(user)
        self.config = Config(
            base_url=BASE,
            data_dir=self.folder,
            telephony_url="",
            telephony_ws_url="wss://phone.example/phone",
            service_account=SERVICE_ACCOUNT,
            oauth_client_id=CLIENT_ID,
            certs_url="",
            gmail_api_url="",
            people_api_url="",
            auth_url="https://accounts.google.com/o/oauth2/v2/auth",
            token_url="",
            web_client_id=WEB_CLIENT_ID,
            web_client_secret="CANARY-web-secret",
            issuers=frozenset({"https://accounts.google.com"}),
            dev=False,
            keys=KEYS,
            port=8080,
            tasks_service_account=TASKS_ACCOUNT,
            queue_key_file=self.folder / "queue-key.pem" if self.queue_key else None,
            sweep_seconds=60,
        )
        self.app = create_app(self.config, self.ports, self.tenancy, FixedKeys(), self.queue_key)

    def event(self, player: str = "alice", **changes: Any) -> dict[str, Any]:
        """A real-shaped event of one person."""
        common: dict[str, Any] = {
            "hostApp": "GMAIL",
            "userLocale": changes.get("locale", "en"),
            "timeZone": {"id": "America/Guayaquil", "offset": "-1.8E7"},
        }
        common["parameters"] = changes.get("parameters", {})
        common["formInputs"] = {k: {"stringInputs": {"value": [v]}} for k, v in changes.get("inputs", {}).items()}
        auth = {
            "userIdToken": ISSUER.user_token(PLAYERS[player], now=self.now),
            "userOAuthToken": "CANARY-oauth",
            "authorizedScopes": list(SCOPES),
        }
        return {
            "commonEventObject": common,
            "authorizationEventObject": auth,
            "gmail": {"messageId": "msg-f:1", "accessToken": "CANARY-gmail"},
        }

    def post(
        self, path: str, event: Any = None, token: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Send an event as Google does."""
        token = ISSUER.system_token(BASE + path, now=self.now) if token is None else token
        body = json.dumps(self.event() if event is None else event)
        sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
        return self.app.test_client().post(path, data=body, headers=sent)


def buttons(node: Any, base: str = BASE) -> list[tuple[str, dict[str, str]]]:
    """Every click of a reply: (path, parameters)."""
    found: list[tuple[str, dict[str, str]]] = []
    if isinstance(node, dict):
        if "function" in node:
            found.append(
                (node["function"].removeprefix(base), {p["key"]: p["value"] for p in node.get("parameters", [])})
            )
        for value in node.values():
            found += buttons(value, base)
    elif isinstance(node, list):
        for item in node:
            found += buttons(item, base)
    return found


def click(node: Any, path: str, base: str = BASE) -> dict[str, str]:
    """The parameters of the first button that leads to `path`."""
    return next(params for where, params in buttons(node, base) if where == path)
