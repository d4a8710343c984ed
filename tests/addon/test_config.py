"""The settings are read whole, every mistake is listed, and what is for a laptop is refused on App Engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from addon.config import GOOGLE_ISSUERS, LOCAL_QUEUE_ISSUER, BadConfig, Cloud, Config
from addon.wiring import build_app, build_queue
from tests.cast import PEM
from workbench.supervisor import make_keys

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
APP_ENGINE = {
    "GAE_ENV": "standard",
    "GOOGLE_CLOUD_PROJECT": "p",
    "RECORDINGS_BUCKET": "p-recordings",
    "TASKS_QUEUE": "projects/p/locations/us-central1/queues/jobs",
    "TASKS_SERVICE_ACCOUNT": "q@p.iam.gserviceaccount.com",
}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    make_keys(tmp_path / "keys.json")
    return {
        "BASE_URL": "https://addon.example",
        "KEYS_FILE": str(tmp_path / "keys.json"),
        "DATA_DIR": str(tmp_path / "data"),
        "ADDON_SERVICE_ACCOUNT": "service-1@gcp-sa-gsuiteaddons.iam.gserviceaccount.com",
        "OAUTH_CLIENT_ID": "1.apps.googleusercontent.com",
        "WEB_CLIENT_ID": "2.apps.googleusercontent.com",
        "WEB_CLIENT_SECRET": "secret",
    }


def test_outside_app_engine_the_local_queue_signs_with_a_key_beside_the_keys(env: dict[str, str]) -> None:
    config = Config.from_env(env)
    assert config.queue_key_file == Path(env["KEYS_FILE"]).parent / "queue-key.pem"
    assert config.task_issuers == {LOCAL_QUEUE_ISSUER} and config.sweep_seconds == 60
    build_app(config)
    assert config.queue_key_file.stat().st_mode & 0o777 == 0o600


def test_on_app_engine_only_google_signs_and_the_local_queue_is_refused(env: dict[str, str]) -> None:
    with pytest.raises(BadConfig, match="TASKS_SERVICE_ACCOUNT"):
        Config.from_env({**env, "GAE_ENV": "standard"})
    config = Config.from_env({**env, **APP_ENGINE})
    assert config.queue_key_file is None and config.task_issuers == GOOGLE_ISSUERS
    with pytest.raises(BadConfig, match="App Engine"):
        build_queue(config)
    assert list(Path(env["KEYS_FILE"]).parent.glob("*.pem")) == []


def test_app_engine_has_its_cloud_and_nothing_else_does(env: dict[str, str]) -> None:
    assert Config.from_env(env).cloud is None
    assert Config.from_env({**env, **APP_ENGINE}).cloud == Cloud(
        "p", "(default)", "p-recordings", "projects/p/locations/us-central1/queues/jobs"
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("GOOGLE_CLOUD_PROJECT", ""),
        ("RECORDINGS_BUCKET", ""),
        ("RECORDINGS_BUCKET", "gs://bucket"),
        ("RECORDINGS_BUCKET", "Bucket"),
        ("TASKS_QUEUE", ""),
        ("TASKS_QUEUE", "jobs"),
        ("TASKS_QUEUE", "projects/p/locations/l/queues/jobs/tasks/1"),
        ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8080"),
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:4443"),
        ("CLOUD_TASKS_EMULATOR_HOST", "127.0.0.1:8123"),
    ],
)
def test_a_wrong_setting_on_app_engine_stops_the_start(env: dict[str, str], name: str, bad: str) -> None:
    with pytest.raises(BadConfig, match=name):
        Config.from_env({**env, **APP_ENGINE, name: bad})


def test_on_app_engine_the_stores_are_googles_and_a_laptop_loads_none_of_their_packages(
    env: dict[str, str], tmp_path: Path
) -> None:
    """Each in a process of its own: what it imports and which adapters it gets. No call is made, so no network is needed."""
    account = {
        "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": PEM.decode(),
        "client_email": "app@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
    }  # fmt: skip
    (tmp_path / "account.json").write_text(json.dumps(account))
    here = {"PATH": os.environ["PATH"], "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json")}
    script = """
import os, sys
from addon.config import Config
from addon.wiring import build_app, build_ports
config = Config.from_env(os.environ)
build_app(config)
ports = build_ports(config)
print(*(type(store).__name__ for store in (ports.documents, ports.objects, ports.tasks)))
print(*sorted({name for name in sys.modules if name in ("grpc", "google.cloud", "google.api_core", "google_crc32c")}))
"""
    for settings, stores, loaded in (
        ({}, "SqliteDocuments DirectoryObjects LocalTasks", ""),
        (APP_ENGINE, "FirestoreDocuments GcsObjects CloudTasks", "google.api_core google.cloud google_crc32c grpc"),
    ):
        ran = subprocess.run(
            [sys.executable, "-c", script], env={**here, **env, **settings}, cwd=ROOT, capture_output=True, text=True
        )
        assert ran.stdout.splitlines() == [stores, loaded], ran.stderr


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("TASKS_SERVICE_ACCOUNT", ""),
        ("TASKS_SERVICE_ACCOUNT", "queue"),
        ("TASKS_SERVICE_ACCOUNT", "a@b c"),
        ("SWEEP_SECONDS", "0"),
        ("SWEEP_SECONDS", "3601"),
        ("SWEEP_SECONDS", "1.5"),
        ("SWEEP_SECONDS", "²"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("BASE_URL", "http://addon.example"),
        ("KEYS_FILE", "/nowhere/keys.json"),
        ("OAUTH_CLIENT_ID", ""),
    ],
)
def test_a_wrong_setting_is_named(env: dict[str, str], name: str, bad: str) -> None:
    with pytest.raises(BadConfig, match=name):
        Config.from_env({**env, name: bad})


def test_every_mistake_is_listed_at_once(env: dict[str, str]) -> None:
    with pytest.raises(BadConfig) as caught:
        Config.from_env({"PORT": "x", "SWEEP_SECONDS": "x", "TASKS_SERVICE_ACCOUNT": "x", "KEYS_FILE": "/nowhere"})
    said = str(caught.value)
    assert [
        n for n in ("PORT", "SWEEP_SECONDS", "TASKS_SERVICE_ACCOUNT", "KEYS_FILE", "BASE_URL") if n not in said
    ] == []
