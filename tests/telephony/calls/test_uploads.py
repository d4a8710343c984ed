"""A recording is stored, or after a refusal or a week without storage it is gone from here, and the add-on is told which."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contract import wire
from contract.calls import CallId
from contract.events import RecordingFailed, RecordingReady
from contract.uploads import UploadGrant, UploadRequest
from telephony.calls.uploads import Hopeless, Rendered, Uploader
from telephony.journal import Journal
from telephony.outbox import Refused
from tests.tone import until

pytestmark = pytest.mark.pure
WEEK_SECONDS = 7 * 86400.0


class Store:
    """The add-on's storage: grants, refuses or is away."""

    def __init__(self, error: Exception | None) -> None:
        self.error, self.asked = error, 0

    async def grant(self, asked: UploadRequest) -> UploadGrant:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return UploadGrant("o", "/u")


async def fate(
    tmp_path: Path, store: Store, age_seconds: float = 0.0, render_error: Exception | None = None
) -> tuple[Any, list[CallId]]:
    """The event that was stored, and what was forgotten."""
    journal = Journal(tmp_path / "journal" / "log")
    journal.commit({"tape/c1": {"facts": {"tenant": "acme", "user": "alice"}, "notice_ended_at": 1000.0}})
    sound = tmp_path / "c1.wav"
    sound.write_bytes(b"RIFF")
    forgotten: list[CallId] = []

    async def render(_: CallId) -> Rendered:
        if render_error is not None:
            raise render_error
        return Rendered(sound, 1.0)

    async def upload(_path: Path, _grant: UploadGrant) -> None:
        return None

    uploader = Uploader(
        journal, store, render, upload, forgotten.append, lambda _: False, lambda: None, first_wait_seconds=0.01,
        now=lambda: 1000.0 + age_seconds,
    )  # fmt: skip
    running = asyncio.ensure_future(uploader.run())
    try:
        await until(lambda: journal.items("event/") or store.asked > 3)
    finally:
        running.cancel()
    events = [wire.loads(entry["wire"].encode()) for entry in journal.items("event/").values()]
    return (events[0] if events else None), forgotten


async def test_a_stored_recording_is_reported_and_gone_from_here(tmp_path: Path) -> None:
    event, forgotten = await fate(tmp_path, Store(None))
    assert isinstance(event, RecordingReady) and forgotten == ["c1"]


@pytest.mark.parametrize("error", [Refused("404"), Refused("409")])
async def test_a_refused_recording_is_reported_as_failed_and_gone_from_here(tmp_path: Path, error: Exception) -> None:
    event, forgotten = await fate(tmp_path, Store(error))
    assert isinstance(event, RecordingFailed) and forgotten == ["c1"]


async def test_an_empty_recording_is_reported_as_failed_and_gone_from_here(tmp_path: Path) -> None:
    event, forgotten = await fate(tmp_path, Store(None), render_error=Hopeless("nothing-recorded"))
    assert isinstance(event, RecordingFailed) and event.reason == "nothing-recorded" and forgotten == ["c1"]


async def test_storage_that_is_away_is_asked_again_for_a_week_and_no_longer(tmp_path: Path) -> None:
    event, forgotten = await fate(tmp_path / "young", Store(OSError()), WEEK_SECONDS - 1)
    assert event is None and forgotten == []
    event, forgotten = await fate(tmp_path / "old", Store(OSError()), WEEK_SECONDS + 1)
    assert isinstance(event, RecordingFailed) and event.reason == "storage-away" and forgotten == ["c1"]
