"""The add-on's settings, read once; every mistake is listed at once."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contract.addresses import Network, Reach, read_networks
from contract.log_lines import FORMATS

PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "web", "lines")
GOOGLE_ISSUERS = frozenset({"https://accounts.google.com", "accounts.google.com"})
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
LOCAL_QUEUE_ISSUER = "urn:cticontrol:local-queue"


# Name, unit, default and meaning of every setting: docs/CONFIGURATION.md is written from it.
SETTINGS = (
    ("BASE_URL", "https URL", "required; `http://127.0.0.1:PORT` with DEV=1", "where Google and browsers find the add-on; every token names it"),
    ("PORT", "port", "`8080`", "where gunicorn listens on this machine; the local queue delivers there"),
    ("DATA_DIR", "folder", "`.data`", "documents, recordings and the local queue; keep it and back it up"),
    ("KEYS_FILE", "file", "`.keys/keys.json`", "JSON: purpose to key id to 32 bytes in base64, 0600, outside DATA_DIR; the first key of a purpose signs, every one opens; the local queue's own key is made beside it"),
    ("KEYS_SECRET", "`projects/P/secrets/S/versions/N`", "empty: `KEYS_FILE`", "the version of the secret that holds what KEYS_FILE holds elsewhere; App Engine keeps no files"),
    ("ADDON_SERVICE_ACCOUNT", "e-mail", "required", "Google's account that calls the add-on: `serviceAccountEmail` of projects.getAuthorization"),
    ("OAUTH_CLIENT_ID", "client id", "required", "the add-on's client: `oauthClientId` of projects.getAuthorization; users' tokens name it"),
    ("WEB_CLIENT_ID", "client id", "required", "the web client of Sign in with Google, for pages that are opened from a bookmark"),
    ("WEB_CLIENT_SECRET", "secret", "required, or the next", "that client's secret"),
    ("WEB_CLIENT_SECRET_VERSION", "`projects/P/secrets/S/versions/N`", "empty: `WEB_CLIENT_SECRET`", "the version of the secret that holds it"),
    ("TASKS_SERVICE_ACCOUNT", "e-mail", "required on App Engine; elsewhere `local-queue@localhost`", "the one account whose tokens start jobs at /tasks/"),
    ("SWEEP_SECONDS", "seconds, 1 to 3600", "`60`", "how often recordings whose day has come are deleted"),
    ("TELEPHONY_URL", "URL", "empty: no calls", "where the add-on reaches the telephony service"),
    ("TELEPHONY_WS_URL", "ws or wss URL", "empty: no webphone", "where browsers reach the telephony service"),
    ("PBX_NETWORKS", "networks", "empty: none", "as telephony's: private networks that a PBX may be in"),
    ("GOOGLE_CERTS_URL", "URL", "`https://www.googleapis.com/oauth2/v3/certs`", "Google's signing keys"),
    ("GOOGLE_AUTH_URL", "URL", "`https://accounts.google.com/o/oauth2/v2/auth`", "Sign in with Google, the page"),
    ("GOOGLE_TOKEN_URL", "URL", "`https://oauth2.googleapis.com/token`", "Sign in with Google, the exchange"),
    ("GMAIL_API_URL", "URL", "`https://gmail.googleapis.com`", "the Gmail API"),
    ("PEOPLE_API_URL", "URL", "`https://people.googleapis.com`", "the People API"),
    ("GOOGLE_ISSUER", "issuer", "empty", "a further issuer of tokens; read with DEV=1 only"),
    ("LOG_FORMAT", "`plain` or `json`", "`plain`; `json` on App Engine", "how log lines are written to standard error: for people, or as Cloud Logging reads them"),
    ("DEV", "1 or empty", "empty", "a laptop: http on loopback, cookies without Secure, a PBX on loopback; refused on App Engine and off loopback"),
    ("GAE_ENV", "set by App Engine", "empty", "nothing is for you to set: it chooses Firestore, Cloud Storage and Cloud Tasks, and forbids DEV=1, the local queue and every emulator"),
    ("GOOGLE_CLOUD_PROJECT", "set by App Engine", "empty", "the project of Firestore; read on App Engine only"),
    ("FIRESTORE_DATABASE", "database id", "`(default)`", "the Firestore database; read on App Engine only"),
    ("RECORDINGS_BUCKET", "bucket name", "required on App Engine", "the Cloud Storage bucket of recordings: no soft delete, no versions, the two lifecycle rules"),
    ("TASKS_QUEUE", "`projects/P/locations/L/queues/Q`", "required on App Engine", "the Cloud Tasks queue that calls /tasks/"),
    ("FIRESTORE_EMULATOR_HOST", "host:port", "empty", "refused on App Engine; elsewhere documents are on SQLite"),
    ("STORAGE_EMULATOR_HOST", "URL", "empty", "refused on App Engine; elsewhere recordings are in a folder"),
    ("CLOUD_TASKS_EMULATOR_HOST", "host:port", "empty", "refused on App Engine; elsewhere the queue is local"),
)  # fmt: skip


EMULATORS = ("FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", re.ASCII)
_QUEUE = re.compile(r"projects/[a-z0-9:.-]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}", re.ASCII)


_SECRET = re.compile(r"projects/[a-z0-9:.-]+/secrets/[A-Za-z0-9_-]{1,255}/versions/[0-9]{1,9}", re.ASCII)


class SecretAway(Exception):
    """A secret cannot be read; the text says why and who has to do what."""


def _no_secrets(_version: str) -> bytes:
    raise SecretAway("no Secret Manager is asked here")


class BadConfig(Exception):
    """What is wrong with the environment, all of it."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where App Engine's add-on keeps what a laptop keeps in a folder; `queue` is the queue's full name."""

    project: str
    database: str
    bucket: str
    queue: str


@dataclass(frozen=True, slots=True)
class Config:
    """`keys` maps a purpose to its live keys (kid -> 32 bytes); `queue_key_file` is None where Cloud Tasks signs."""

    base_url: str
    data_dir: Path
    telephony_url: str
    telephony_ws_url: str
    service_account: str
    oauth_client_id: str
    certs_url: str
    gmail_api_url: str
    people_api_url: str
    auth_url: str
    token_url: str
    web_client_id: str
    web_client_secret: str = field(repr=False)
    issuers: frozenset[str]
    dev: bool
    keys: Mapping[str, Mapping[str, bytes]] = field(repr=False)
    port: int
    tasks_service_account: str
    queue_key_file: Path | None
    sweep_seconds: int
    log_format: str = "plain"
    reach: Reach = field(default_factory=Reach)
    cloud: Cloud | None = None

    @property
    def task_issuers(self) -> frozenset[str]:
        """Who signs for the queue: Google on App Engine, where there is no key of our own, else the local queue."""
        return frozenset({LOCAL_QUEUE_ISSUER}) if self.queue_key_file else GOOGLE_ISSUERS

    @classmethod
    def from_env(cls, env: Mapping[str, str], read_secret: Callable[[str], bytes] = _no_secrets) -> Config:
        """Raises BadConfig. `read_secret` gives the bytes of a secret's version or raises SecretAway."""
        problems: list[str] = []
        dev = env.get("DEV", "") == "1"
        port, keys_file = env.get("PORT", "8080"), env.get("KEYS_FILE", ".keys/keys.json")
        port_number = _whole(env, "PORT", "8080", range(1, 65536), problems)
        base_url = env.get("BASE_URL", f"http://127.0.0.1:{port}" if dev else "").rstrip("/")
        if dev and env.get("GAE_ENV"):
            problems.append("DEV=1 is refused on App Engine")
        if dev and not _is_loopback(base_url):
            problems.append("DEV=1 needs a BASE_URL on loopback")
        if not dev and not base_url.startswith("https://"):
            problems.append("BASE_URL must be https, the address that Google calls")
        for name in ("ADDON_SERVICE_ACCOUNT", "OAUTH_CLIENT_ID"):
            if not env.get(name):
                problems.append(f"{name} is missing: take it from projects.getAuthorization")
        client_secret = env.get("WEB_CLIENT_SECRET", "")
        if version := env.get("WEB_CLIENT_SECRET_VERSION", ""):
            found = _secret("WEB_CLIENT_SECRET_VERSION", version, read_secret, problems)
            client_secret = found.decode(errors="replace").strip() or client_secret
        for name, value in (("WEB_CLIENT_ID", env.get("WEB_CLIENT_ID", "")), ("WEB_CLIENT_SECRET", client_secret)):
            if not value:
                problems.append(f"{name} is missing: make a web client on the console's credentials page")
        account = env.get("TASKS_SERVICE_ACCOUNT", "" if env.get("GAE_ENV") else "local-queue@localhost")
        if not _ADDRESS.fullmatch(account):
            problems.append("TASKS_SERVICE_ACCOUNT must be the address of the account that the task queue signs with")
        cloud = _cloud(env, problems) if env.get("GAE_ENV") else None
        sweep_seconds = _whole(env, "SWEEP_SECONDS", "60", range(1, 3601), problems)
        log_format = env.get("LOG_FORMAT", "json" if env.get("GAE_ENV") else "plain")
        networks = _networks(env, problems)
        if log_format not in FORMATS:
            problems.append(f"LOG_FORMAT must be one of {', '.join(FORMATS)}")
        keys = _live_keys(keys_file, env.get("KEYS_SECRET", ""), read_secret, problems)
        if problems:
            raise BadConfig("; ".join(problems))
        return cls(
            base_url=base_url,
            data_dir=Path(env.get("DATA_DIR", ".data")),
            telephony_url=env.get("TELEPHONY_URL", "").rstrip("/"),
            telephony_ws_url=env.get("TELEPHONY_WS_URL", ""),
            service_account=env["ADDON_SERVICE_ACCOUNT"],
            oauth_client_id=env["OAUTH_CLIENT_ID"],
            certs_url=env.get("GOOGLE_CERTS_URL", "https://www.googleapis.com/oauth2/v3/certs"),
            gmail_api_url=env.get("GMAIL_API_URL", "https://gmail.googleapis.com").rstrip("/"),
            people_api_url=env.get("PEOPLE_API_URL", "https://people.googleapis.com").rstrip("/"),
            auth_url=env.get("GOOGLE_AUTH_URL", "https://accounts.google.com/o/oauth2/v2/auth"),
            token_url=env.get("GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token"),
            web_client_id=env["WEB_CLIENT_ID"],
            web_client_secret=client_secret,
            issuers=GOOGLE_ISSUERS | ({env["GOOGLE_ISSUER"]} if dev and env.get("GOOGLE_ISSUER") else set()),
            dev=dev,
            keys=keys,
            port=port_number,
            tasks_service_account=account,
            queue_key_file=None if env.get("GAE_ENV") else Path(keys_file).parent / "queue-key.pem",
            sweep_seconds=sweep_seconds,
            log_format=log_format,
            reach=Reach(networks, dev),
            cloud=cloud,
        )


def _cloud(env: Mapping[str, str], problems: list[str]) -> Cloud:
    emulators = [name for name in EMULATORS if env.get(name)]
    if emulators:
        problems.append(f"{', '.join(emulators)}: an emulator is refused on App Engine; take it out of app.yaml")
    found = Cloud(
        env.get("GOOGLE_CLOUD_PROJECT", ""), env.get("FIRESTORE_DATABASE", "(default)"),
        env.get("RECORDINGS_BUCKET", ""), env.get("TASKS_QUEUE", ""),
    )  # fmt: skip
    if not found.project:
        problems.append("GOOGLE_CLOUD_PROJECT is missing: App Engine sets it")
    if not _BUCKET.fullmatch(found.bucket):
        problems.append("RECORDINGS_BUCKET must be the name of the bucket of recordings")
    if not _QUEUE.fullmatch(found.queue):
        problems.append("TASKS_QUEUE must be projects/PROJECT/locations/LOCATION/queues/QUEUE")
    return found


def _whole(env: Mapping[str, str], name: str, default: str, allowed: range, problems: list[str]) -> int:
    text = env.get(name, default)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) in allowed:
        return int(text)
    problems.append(f"{name} must be a whole number from {allowed.start} to {allowed.stop - 1}")
    return int(default)


def _networks(env: Mapping[str, str], problems: list[str]) -> tuple[Network, ...]:
    try:
        return read_networks(env.get("PBX_NETWORKS", ""))
    except ValueError as error:
        problems.append(f"PBX_NETWORKS: {error}")
        return ()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(name: str, version: str, read: Callable[[str], bytes], problems: list[str]) -> bytes:
    if not _SECRET.fullmatch(version):
        problems.append(f"{name} must be projects/PROJECT/secrets/SECRET/versions/NUMBER")
        return b""
    try:
        return read(version)
    except SecretAway as error:
        problems.append(f"{name} {version} cannot be read: {error}")
        return b""


def _live_keys(
    file: str, version: str, read: Callable[[str], bytes], problems: list[str]
) -> dict[str, dict[str, bytes]]:
    if version:
        before = len(problems)
        text: str | bytes = _secret("KEYS_SECRET", version, read, problems)
        return {} if len(problems) > before else _keys(text, f"KEYS_SECRET {version}", problems)
    try:
        text = Path(file).read_text()
    except OSError as error:
        problems.append(f"KEYS_FILE {file} cannot be read: {error.strerror}")
        return {}
    except UnicodeDecodeError:
        text = ""
    return _keys(text, f"KEYS_FILE {file}", problems)


def _keys(text: str | bytes, where: str, problems: list[str]) -> dict[str, dict[str, bytes]]:
    try:
        raw = json.loads(text)
        keys = {
            purpose: {k: base64.b64decode(v, validate=True) for k, v in raw[purpose].items()} for purpose in PURPOSES
        }
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        problems.append(f"{where} must hold 32-byte base64 keys for {', '.join(PURPOSES)}")
        return {}
    if any(not live or any(len(key) != 32 for key in live.values()) for live in keys.values()):
        problems.append(f"{where}: every key has 32 bytes and every purpose at least one key")
    return keys
