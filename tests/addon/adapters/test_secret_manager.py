"""Secrets come from Secret Manager whole or not at all, and every way to fail says who has to do what."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import google_crc32c
import pytest
import requests

from addon.adapters.secret_manager import TRIES, read_secret
from addon.config import BadConfig, Config, SecretAway
from tests.addon.test_config import APP_ENGINE
from workbench.supervisor import make_keys

pytestmark = pytest.mark.loopback
VERSION = "projects/p/secrets/addon-keys/versions/3"


class Vault:
    """Answers as projects.secrets.versions.access does: data in base64 and its CRC32C as a decimal string."""

    def __init__(self) -> None:
        self.status, self.asked = 200, list[str]()
        self.body: Any = None
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vault.asked.append(self.path)
                body = json.dumps(vault.body).encode() if not isinstance(vault.body, bytes) else vault.body
                self.send_response(vault.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.holds(b"value")

    def holds(self, data: bytes, **changed: str) -> None:
        whole = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(google_crc32c.value(data))}
        self.body = {"name": VERSION, "payload": {**whole, **changed}}

    def read(self) -> bytes:
        return read_secret(VERSION, requests.Session, f"http://127.0.0.1:{self.server.server_port}")


@pytest.fixture
def vault() -> Iterator[Vault]:
    found = Vault()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_version_is_read_once_and_whole(vault: Vault) -> None:
    assert vault.read() == b"value" and vault.asked == [f"/v1/{VERSION}:access"]


@pytest.mark.parametrize(
    ("status", "why", "tries"),
    [(403, "secretAccessor", 1), (401, "secretAccessor", 1), (404, "no such version", 1), (503, "HTTP 503", TRIES)],
)
def test_a_refusal_says_who_has_to_do_what(vault: Vault, status: int, why: str, tries: int) -> None:
    vault.status = status
    with pytest.raises(SecretAway, match=why):
        vault.read()
    assert len(vault.asked) == tries


@pytest.mark.parametrize("body", [b"", b"<html>", [], {"payload": 7}, {"payload": {"data": "*", "dataCrc32c": "1"}}])
def test_nonsense_is_no_secret(vault: Vault, body: Any) -> None:
    vault.body = body
    with pytest.raises(SecretAway, match="unreadable"):
        vault.read()


def test_damaged_bytes_are_no_secret(vault: Vault) -> None:
    vault.holds(b"value", dataCrc32c="1")
    with pytest.raises(SecretAway, match="damaged"):
        vault.read()


def test_the_settings_take_both_secrets_by_version_and_name_what_is_wrong(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys.json")
    web = "projects/p/secrets/web-client/versions/1"
    held = {VERSION: (tmp_path / "keys.json").read_bytes(), web: b"from the vault\n"}
    env = APP_ENGINE | {
        "BASE_URL": "https://addon.example",
        "ADDON_SERVICE_ACCOUNT": "service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com",
        "OAUTH_CLIENT_ID": "1.apps.googleusercontent.com",
        "WEB_CLIENT_ID": "2.apps.googleusercontent.com",
        "KEYS_FILE": "/nowhere",
        "KEYS_SECRET": VERSION,
        "WEB_CLIENT_SECRET_VERSION": web,
    }
    config = Config.from_env(env, held.__getitem__)
    assert config.web_client_secret == "from the vault" and set(config.keys) >= {"web", "lines"}

    def away(_version: str) -> bytes:
        raise SecretAway("there is no such version")

    for changed, read, said in (
        ({"KEYS_SECRET": "latest"}, held.__getitem__, "KEYS_SECRET must be"),
        ({"KEYS_SECRET": VERSION[:-1] + "latest"}, held.__getitem__, "KEYS_SECRET must be"),
        (
            {},
            away,
            "WEB_CLIENT_SECRET_VERSION .* cannot be read: there is no such version.*KEYS_SECRET .* cannot be read",
        ),
        ({}, lambda _: b"{}", "KEYS_SECRET .* must hold"),
    ):
        with pytest.raises(BadConfig, match=said):
            Config.from_env(env | changed, read)
