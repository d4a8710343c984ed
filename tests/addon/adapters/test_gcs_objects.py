"""Recordings on Cloud Storage outlive a bad network whole and once, go when they are due, and are told as away in time."""

from __future__ import annotations

import asyncio
import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from addon.adapters.gcs_objects import LIFECYCLE, UPLOADS, GcsObjects
from addon.adapters.object_rules import PART_UNIT_BYTES as UNIT
from addon.doors.telephony import TelephonyDoor
from addon.ports.objects import BadUpload, Changed, Held, NoObject, ObjectsAway, Stored
from contract.uploads import UploadGrant
from telephony.media.upload import upload as send
from tests.addon.adapters.gcs_sessions import TOKEN, carrying
from tests.cast import House
from tests.peers import fake_gcs, gcs
from tests.tally import tried

pytestmark = pytest.mark.loopback
NAME = "acme/alice/recordings/202611/x7"
DATA = bytes(range(256)) * 4096
DAY = 86_400.0
LIMIT_SECONDS = 3.0


@pytest.fixture
def bucket() -> gcs.Bucket:
    made = gcs.Bucket("recordings", TOKEN)
    made.lifecycle = LIFECYCLE
    return made


@pytest.fixture
def store(bucket: gcs.Bucket) -> Iterator[GcsObjects]:
    with gcs.serving(bucket) as url:
        yield GcsObjects("recordings", carrying(TOKEN), url)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(store: GcsObjects, name: str = NAME, purge_at: float | None = None, data: bytes = b"sound") -> Stored:
    stored = store.write(store.start_upload(name, len(data), sha(data), "audio/wav", purge_at), 0, data)
    assert stored is not None
    return stored


def recordings(bucket: gcs.Bucket) -> list[str]:
    return sorted(name for name in bucket.objects if not name.startswith(UPLOADS))


def test_thirty_in_a_hundred_requests_fail_and_each_recording_is_there_once_and_whole(
    bucket: gcs.Bucket, store: GcsObjects, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dice, faults = random.Random(7), 0

    def fault(method: str, kind: str) -> str:
        nonlocal faults
        if kind != "upload" or dice.random() >= 0.3:
            return ""
        faults += 1
        return dice.choice(["503", "reset", "short"])

    house = House(tmp_path / "house")
    door = TelephonyDoor(house.config, house.tenancy, replace(house.ports, objects=store))
    uploads, sent = [], 0
    for number in range(12):
        data = dice.randbytes(dice.choice([UNIT // 2, 2 * UNIT, 5 * UNIT + 77]))
        uploads.append((f"{NAME}-{number}", data))

    async def put_part(url: str, body: bytes, content_range: str) -> tuple[int, str]:
        answer = await asyncio.to_thread(door.upload, url, content_range, body)
        return answer.status, dict(answer.headers or {}).get("Range", "")

    bucket.fault = fault
    for name, data in uploads:
        file = tmp_path / "recording.wav"
        file.write_bytes(data)
        sent += len(data)
        id = begun(store, name, data)
        asyncio.run(send(file, UploadGrant(name, id), put_part, tries=60, first_wait_seconds=0.001))
    bucket.fault = lambda method, kind: ""
    tried(capsys, faults, 20, "faults while recordings went to Cloud Storage")
    assert recordings(bucket) == sorted(name for name, _ in uploads)
    for name, data in uploads:
        assert store.read(name) == data and store.stat(name).sha256 == sha(data)


def begun(store: GcsObjects, name: str, data: bytes) -> str:
    for _ in range(50):
        try:
            return store.start_upload(name, len(data), sha(data), "audio/wav", None)
        except ObjectsAway:
            continue
    raise AssertionError("no upload began")


def test_a_lost_last_answer_is_asked_for_and_does_not_become_a_second_object(
    bucket: gcs.Bucket, store: GcsObjects, tmp_path: Path
) -> None:
    house = House(tmp_path)
    for objects in (store, house.objects):
        door = TelephonyDoor(house.config, house.tenancy, replace(house.ports, objects=objects))
        id = objects.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
        assert door.upload(id, f"bytes */{len(DATA)}", b"").status == 308
        assert door.upload(id, f"bytes 0-{UNIT - 1}/{len(DATA)}", DATA[:UNIT]).status == 308
        asked = door.upload(id, f"bytes */{len(DATA)}", b"")
        assert (asked.status, dict(asked.headers or {})) == (308, {"Range": f"bytes=0-{UNIT - 1}"})
        assert door.upload(id, f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA)}", DATA[UNIT:]).status == 200
        assert door.upload(id, f"bytes */{len(DATA)}", b"").status == 200
    assert recordings(bucket) == [NAME]


def test_an_object_that_nobody_checked_is_not_there_until_its_upload_goes_on(
    bucket: gcs.Bucket, store: GcsObjects
) -> None:
    id = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", 5.0)
    store.write(id, 0, DATA[:UNIT])
    bucket.fault = lambda method, kind: "503" if method in ("GET", "PATCH") and len(recordings(bucket)) else ""
    with pytest.raises(ObjectsAway):
        store.write(id, UNIT, DATA[UNIT:])
    bucket.fault = lambda method, kind: ""
    assert recordings(bucket) == [NAME] and store.received(id) == len(DATA)
    for act in (store.stat, store.read, lambda n: store.set_hold(n, True), lambda n: store.delete(n, 1)):
        with pytest.raises(NoObject):
            act(NAME)
    stored = store.write(id, len(DATA), b"")
    assert stored == store.stat(NAME) and store.read(NAME) == DATA


def test_senders_that_race_for_one_upload_leave_one_whole_object(bucket: gcs.Bucket, store: GcsObjects) -> None:
    id = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
    ended: list[object] = []

    def race() -> None:
        for _ in range(60):
            try:
                at = store.received(id)
                if (stored := store.write(id, at, DATA[at : at + UNIT])) is not None:
                    ended.append(stored)
                    return
            except (BadUpload, Changed, ObjectsAway):
                time.sleep(0.01)
        ended.append("gave up")

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert ended == [store.stat(NAME)] * 4 and store.read(NAME) == DATA and recordings(bucket) == [NAME]


def test_the_purge_date_only_goes_forward_in_the_bucket_and_is_exact_for_us(
    bucket: gcs.Bucket, store: GcsObjects
) -> None:
    def custom() -> float | None:
        found = bucket.objects[NAME][0].get("customTime")
        return gcs.moment(found) if found else None

    put(store)
    assert custom() is None
    for asked, backstop in ((100 * DAY, 100 * DAY), (50 * DAY, 100 * DAY), (200.5 * DAY, 200.5 * DAY)):
        assert store.set_purge_at(NAME, asked).purge_at == asked and custom() == backstop
    store.set_purge_at(NAME, None)
    store.set_purge_at(NAME, 1.0)
    bucket.run_lifecycle(4_000 * 365 * DAY)
    assert store.stat(NAME).purge_at == 1.0 and recordings(bucket) == [NAME]


def test_the_buckets_rules_are_the_backstop(bucket: gcs.Bucket, store: GcsObjects) -> None:
    began = bucket.now
    put(store, NAME + "due", 10 * DAY)
    put(store, NAME + "held", 10 * DAY)
    put(store, NAME + "kept")
    store.set_hold(NAME + "held", True)
    half = store.start_upload(NAME + "half", len(DATA), sha(DATA), "audio/wav", None)
    assert bucket.run_lifecycle(11 * DAY - 1) == 0
    assert bucket.run_lifecycle(11 * DAY) == 1 and recordings(bucket) == [NAME + "held", NAME + "kept"]
    assert store.apply_lifecycle(began) == 0 and store.received(half) == 0
    bucket.run_lifecycle(began + 7 * DAY)
    with pytest.raises(NoObject):
        store.received(half)
    assert recordings(bucket) == [NAME + "held", NAME + "kept"]


def test_a_hold_that_comes_between_look_and_deletion_keeps_the_object(bucket: gcs.Bucket, store: GcsObjects) -> None:
    stored = put(store)

    def held_meanwhile(method: str, kind: str) -> str:
        if method == "DELETE":
            bucket.objects[NAME][0]["temporaryHold"] = True
        return ""

    bucket.fault = held_meanwhile
    with pytest.raises(Held):
        store.delete(NAME, stored.generation)
    assert recordings(bucket) == [NAME]


def test_bytes_that_come_back_damaged_are_not_played(bucket: gcs.Bucket, store: GcsObjects) -> None:
    put(store)
    bucket.objects[NAME] = (bucket.objects[NAME][0], b"SOUND")
    with pytest.raises(ObjectsAway):
        store.read(NAME)


def test_without_its_token_nothing_is_read_or_written(bucket: gcs.Bucket) -> None:
    with gcs.serving(bucket) as url:
        store = GcsObjects("recordings", carrying("another"), url)
        for act in (store.ping, lambda: store.stat(NAME), lambda: put(store)):
            with pytest.raises(ObjectsAway):
                act()
    assert bucket.objects == {}


def test_a_store_that_is_frozen_or_gone_is_away_within_three_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}", "http://127.0.0.1:1"]
        for url in urls:
            store = GcsObjects("recordings", carrying(TOKEN), url)
            for act in (store.ping, lambda s=store: s.stat(NAME), lambda s=store: s.set_hold(NAME, True)):
                started = time.monotonic()
                with pytest.raises(ObjectsAway):
                    act()
                assert time.monotonic() - started < LIMIT_SECONDS


def test_a_server_that_others_wrote_agrees_on_uploads_ranges_and_checksums(tmp_path: Path) -> None:
    if hint := fake_gcs.missing():
        pytest.skip(hint)
    with fake_gcs.serving(tmp_path, "recordings") as url:
        store = GcsObjects("recordings", carrying(TOKEN), url)
        store.ping()
        stored = put(store, data=DATA, purge_at=5.0)
        assert store.stat(NAME) == stored and stored.sha256 == sha(DATA) and stored.size_bytes == len(DATA)
        assert store.read(NAME) == DATA and store.read(NAME, 7, 300) == DATA[7:307]
        with pytest.raises(Changed):
            store.start_upload(NAME, 1, sha(b"x"), "audio/wav", None)
        store.delete(NAME, stored.generation)
        with pytest.raises(NoObject):
            store.stat(NAME)
