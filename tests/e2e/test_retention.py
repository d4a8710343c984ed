"""With the real gunicorn and the local queue running, a recording whose day comes disappears; forged tasks do not count."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addon.adapters.directory_objects import DirectoryObjects
from addon.adapters.local_queue import QueueKey
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.ports.tasks import Job
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from addon.store.tenants import TenantStore
from contract.calls import CallId
from contract.numbers import TenantId, UserId
from tests.addon.jobs.seed import seed_recording, sound
from tests.e2e.product import ROOT, free_block, running
from workbench.supervisor import Stage, addon_command, make_keys

pytestmark = pytest.mark.loopback
ALICE = UserId("alice")
PATIENCE_SECONDS = 40.0


def store_of(data: Path) -> tuple[TenantStore, DirectoryObjects]:
    documents = SqliteDocuments(data / "addon.sqlite")
    return Tenancy(documents, Seal({"k": b"x" * 32})).of(TenantId("acme")), DirectoryObjects(data / "objects")


def deleted(store: TenantStore) -> list[str]:
    return sorted(line.target for line in store.audit.lines() if line.act == "recording.deleted")


def wait_until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not true():
        time.sleep(0.2)
    return true()


def post(url: str, headers: dict[str, str]) -> int:
    request = urllib.request.Request(url, b"{}", headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_recording_whose_day_has_come_disappears_while_the_product_runs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    settings = {"SWEEP_SECONDS": "2", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    with running(tmp_path, settings) as product:
        store, objects = store_of(tmp_path / "data")
        folder = tmp_path / "data" / "objects" / "bytes"
        seed_recording(store, objects, ALICE, "later", time.time() + 3600)
        due = time.time() + 5
        seed_recording(store, objects, ALICE, "soon", due)
        assert any(sound("soon") in p.read_bytes() for p in folder.iterdir())
        assert wait_until(lambda: store.recordings.get(ALICE, CallId("soon")) is None) and time.time() >= due
        assert [p for p in folder.iterdir() if sound("soon") in p.read_bytes()] == []
        assert deleted(store) == ["soon"] and store.audit.is_whole()
        assert store.recordings.get(ALICE, CallId("later")) and len(list(folder.iterdir())) == 1
        stranger = QueueKey.of(tmp_path / "stranger.pem")
        forged = stranger.token(f"{product.base}/tasks/sweep", "local-queue@localhost", now=time.time())
        for headers in ({}, {"X-Appengine-Cron": "true"}, {"Authorization": f"Bearer {forged}"}):
            assert {post(f"{product.base}/tasks/{job.value}", headers) for job in Job} == {403}
        assert (tmp_path / "queue-key.pem").stat().st_mode & 0o777 == 0o600
        assert list(home.iterdir()) == []


@contextlib.contextmanager
def three_workers(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The add-on alone, in three processes of eight threads."""
    stage = Stage(port, folder / "data", folder / "keys.json", "secret")
    make_keys(stage.keys_file)
    with (folder / "addon.log").open("wb") as log:
        env = stage.environment({**os.environ, "SWEEP_SECONDS": "1"})
        process = subprocess.Popen(addon_command(port, 3), cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def test_several_processes_delete_each_recording_once(tmp_path: Path) -> None:
    store, objects = store_of(tmp_path / "data")
    now, total = time.time(), 150
    for number in range(total):
        seed_recording(store, objects, ALICE, f"c{number:03d}", now + number * 0.05)
    with three_workers(tmp_path, free_block()) as process:
        assert wait_until(lambda: len(deleted(store)) >= total or process.poll() is not None)
        assert process.poll() is None, (tmp_path / "addon.log").read_text()[-3000:]
        time.sleep(2.5)
        assert deleted(store) == [f"c{n:03d}" for n in range(total)] and store.audit.is_whole()
        assert process.poll() is None
    log = (tmp_path / "addon.log").read_text()
    assert "Traceback" not in log and "was refused" not in log, log[-3000:]
    assert list((tmp_path / "data" / "objects" / "bytes").iterdir()) == []
