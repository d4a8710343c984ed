"""What is on disk survives torn writes, and what is reported arrives in order."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from pathlib import Path

import pytest

from contract import wire
from contract.calls import CallId
from contract.events import RecordingFailed
from contract.numbers import TenantId, UserId
from contract.uploads import UploadGrant, UploadRequest
from telephony.api import SpentNonces
from telephony.calls.uploads import Rendered, Uploader
from telephony.config import BadConfig, read_config
from telephony.journal import Journal
from telephony.outbox import Outbox, Refused, stored
from telephony.sealed import SealedCache

pytestmark = pytest.mark.pure


def _event(call: str, seq: int) -> RecordingFailed:
    return RecordingFailed(f"{call}:{seq}", seq, CallId(call), TenantId("acme"), UserId("alice"), "r")


def test_journal_cut_at_every_byte_keeps_whole_commits(tmp_path: Path) -> None:
    path = tmp_path / "log"
    journal = Journal(path)
    for number in range(5):
        journal.commit({f"a/{number}": {"n": number}}, [f"a/{number - 1}"])
    data = path.read_bytes()
    for cut in range(len(data)):
        torn = tmp_path / "torn"
        torn.write_bytes(data[:cut])
        assert len(Journal(torn).items("a/")) <= 1
    flipped = bytearray(data)
    flipped[-5] ^= 1
    (tmp_path / "flipped").write_bytes(bytes(flipped))
    assert list(Journal(tmp_path / "flipped").items("a/")) == ["a/3"]


async def test_outbox_delivers_in_order_again_and_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log")
    for event in (_event("a", 2), _event("a", 1), _event("b", 1)):
        journal.commit(stored(event))
    got: list[str] = []
    fails = 3

    async def send(body: bytes) -> None:
        nonlocal fails
        event = wire.loads(body, RecordingFailed)
        if event.call == "a" and fails:
            fails -= 1
            raise ConnectionError
        if event.call == "b":
            got.append(event.id)
            raise Refused("400")
        got.append(event.id)

    box = Outbox(Journal(tmp_path / "log"), send, first_wait_seconds=0.01)
    task = asyncio.ensure_future(box.run())
    for _ in range(200):
        if not box.waiting():
            break
        await asyncio.sleep(0.01)
    task.cancel()
    assert got == ["b:1", "a:1", "a:2"] and box.waiting() == 0
    assert not Journal(tmp_path / "log").items("event/")


class _Store:
    def __init__(self, fails: int, refuses: bool = False) -> None:
        self.fails, self.refuses = fails, refuses

    async def grant(self, asked: UploadRequest) -> UploadGrant:
        if self.refuses:
            raise Refused("404")
        if self.fails:
            self.fails -= 1
            raise ConnectionError
        return UploadGrant("acme/o1", "/telephony/uploads/1")


@pytest.mark.parametrize("refused", [True, False])
async def test_recording_is_retried_and_its_fate_told_before_it_is_forgotten(tmp_path: Path, refused: bool) -> None:
    journal = Journal(tmp_path / "log")
    value = {"facts": {"tenant": "acme", "user": "alice"}, "notice_ended_at": time.time(), "cut_short": True}
    journal.commit({"tape/c1": value})
    (tmp_path / "c1.wav").write_bytes(b"RIFF")
    steps: list[str] = []

    async def render(call: CallId) -> Rendered:
        return Rendered(tmp_path / "c1.wav", 2.5)

    async def upload(path: Path, grant: UploadGrant) -> None:
        steps.append("uploaded")

    done = asyncio.Event()
    up = Uploader(
        journal,
        _Store(2, refused),
        render,
        upload,
        lambda _: steps.append("forgotten"),
        lambda _: False,
        done.set,
        0.01,
    )
    task = asyncio.ensure_future(up.run())
    await asyncio.wait_for(done.wait(), 3)
    task.cancel()
    (entry,) = journal.items("event/").values()
    event = wire.loads(entry["wire"].encode())
    assert type(event).__name__ == ("RecordingFailed" if refused else "RecordingReady")
    assert steps == (["forgotten"] if refused else ["uploaded", "forgotten"])
    assert refused or event.cut_short


def test_sealed_cache_opens_only_under_its_name_and_key(tmp_path: Path) -> None:
    keys = wire.Keys({"k": secrets.token_bytes(32)})
    cache = SealedCache(tmp_path, keys)
    cache.put("plan/acme/1001", b"secret words")
    assert cache.get("plan/acme/1001") == b"secret words" and cache.get("plan/acme/1002") is None
    (file,) = tmp_path.iterdir()
    assert b"secret" not in file.read_bytes()
    file.rename(cache._path("plan/zeta/1001"))
    assert cache.get("plan/zeta/1001") is None
    assert SealedCache(tmp_path, wire.Keys({"k": secrets.token_bytes(32)})).get("plan/acme/1001") is None


def test_config_lists_every_mistake(tmp_path: Path) -> None:
    env = {"TELEPHONY_PORT": "x", "BIND": "0.0.0.0", "DEV": "1", "KEYS_FILE": str(tmp_path / "none")}
    with pytest.raises(BadConfig) as caught:
        read_config(env)
    assert [p.split(":")[0] for p in caught.value.problems] == [
        "ADDON_URL",
        "ALLOWED_ORIGIN",
        "DEV",
        "TELEPHONY_PORT",
        "KEYS_FILE",
    ]
    key = {"k1": base64.b64encode(bytes(32)).decode()}
    names = ("addon-to-telephony", "telephony-to-addon", "tickets", "lines")
    (tmp_path / "keys").write_text(json.dumps({name: key for name in names}))
    good = {
        "ADDON_URL": "http://127.0.0.1:1/",
        "ALLOWED_ORIGIN": "http://127.0.0.1:1",
        "DEV": "1",
        "KEYS_FILE": str(tmp_path / "keys"),
    }
    assert read_config(good).addon_url == "http://127.0.0.1:1"
    with pytest.raises(BadConfig):
        read_config({**good, "GAE_ENV": "standard"})


def test_nonce_is_spent_once() -> None:
    nonces = SpentNonces()
    assert nonces.spend("n", 0.0) and not nonces.spend("n", 100.0) and nonces.spend("n", 1000.0)
