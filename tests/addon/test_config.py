"""The settings are read whole, every mistake is listed, and what is for a laptop is refused on App Engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from addon.config import GOOGLE_ISSUERS, LOCAL_QUEUE_ISSUER, BadConfig, Config
from addon.wiring import build_app, build_queue
from workbench.supervisor import make_keys

pytestmark = pytest.mark.pure


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
    config = Config.from_env({**env, "GAE_ENV": "standard", "TASKS_SERVICE_ACCOUNT": "q@p.iam.gserviceaccount.com"})
    assert config.queue_key_file is None and config.task_issuers == GOOGLE_ISSUERS
    for build in (build_app, build_queue):
        with pytest.raises(BadConfig, match="App Engine"):
            build(config)
    assert list(Path(env["KEYS_FILE"]).parent.glob("*.pem")) == []


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
