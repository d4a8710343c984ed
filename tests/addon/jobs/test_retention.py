"""A recording is there until its day and gone with the next run: bytes, row, one audit line; failures stop nobody else."""

from __future__ import annotations

import logging
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from addon.adapters.directory_objects import DirectoryObjects
from addon.adapters.local_tasks import Delivery
from addon.jobs import sweep as sweep_job
from addon.jobs.sweep import sweep
from addon.ports.documents import Away, Document
from addon.ports.objects import ObjectsAway
from addon.store.tenants import TenantStore
from contract.calls import CallId
from contract.numbers import TenantId, UserId
from tests.addon.jobs.seed import seed_recording, sound
from tests.cast import NOW, House

pytestmark = pytest.mark.pure
ALICE, ACME = UserId("alice"), TenantId("acme")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def acme(house: House) -> TenantStore:
    return house.tenancy.of(ACME)


def deleted(store: TenantStore) -> list[str]:
    return [line.target for line in store.audit.lines() if line.act == "recording.deleted"]


def bytes_left(house: House) -> str:
    return "".join(p.read_bytes().decode() for p in (house.folder / "objects" / "bytes").iterdir())


def run_queue(house: House, times: int = 1) -> int:
    """Deliver what the jobs enqueued, each `times` times."""

    def deliver(delivery: Delivery) -> bool:
        for _ in range(times):
            sweep(house.tenancy, house.ports, delivery.body)
        return True

    return house.tasks.run_due(house.now, deliver)


def test_a_recording_goes_on_its_day_not_a_second_before(house: House, acme: TenantStore) -> None:
    seed_recording(acme, house.objects, ALICE, "c1", NOW)
    house.now = NOW - 1
    assert sweep(house.tenancy, house.ports, {}) == 0 and acme.recordings.get(ALICE, CallId("c1"))
    house.now = NOW
    assert sweep(house.tenancy, house.ports, {}) == 1
    record = acme.calls.get(ALICE, CallId("c1"))
    assert acme.recordings.get(ALICE, CallId("c1")) is None and record is not None and record.recording == ""
    assert deleted(acme) == ["c1"] and acme.audit.is_whole() and "c1" not in bytes_left(house)
    assert sweep(house.tenancy, house.ports, {}) == 0 and deleted(acme) == ["c1"]


def test_many_due_recordings_go_page_by_page_and_held_or_broken_ones_keep_nobody(
    house: House, acme: TenantStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_job, "PAGE", 10)
    for number in range(60):
        found = seed_recording(acme, house.objects, ALICE, f"c{number:02d}", NOW - 60 + number // 7)
        if number in range(12):
            acme.recordings.put(ALICE, replace(found, holds=("case-1",)))
        if number in range(12, 24):
            house.documents.put(f"tenants/acme/users/alice/recordings/c{number:02d}", {"purge_at": NOW - 58})
    caplog.set_level(logging.WARNING)
    sweep(house.tenancy, house.ports, {"run": "r1"})
    while run_queue(house, times=2):
        pass
    assert sorted(deleted(acme)) == [f"c{n:02d}" for n in range(24, 60)] and acme.audit.is_whole()
    assert {r.__dict__["call_id"] for r in caplog.records} == {f"c{n:02d}" for n in range(12, 24)}
    for number in range(12):
        assert acme.recordings.get(ALICE, CallId(f"c{number:02d}"))


class TornObjects(DirectoryObjects):
    """A bucket that does not answer for some names."""

    def delete(self, name: str, generation: int) -> None:
        if name.endswith(("c1", "c3")) and self.torn:
            raise ObjectsAway(name)
        super().delete(name, generation)

    torn = True


def test_a_recording_whose_bytes_cannot_be_reached_keeps_its_row_and_goes_later(
    house: House, acme: TenantStore, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        seed_recording(acme, house.objects, ALICE, f"c{number}", NOW - number)
    torn = TornObjects(house.folder / "objects")
    ports = replace(house.ports, objects=torn)
    assert sweep(house.tenancy, ports, {}) == 3
    assert sorted(deleted(acme)) == ["c0", "c2", "c4"] and acme.recordings.get(ALICE, CallId("c3"))
    assert sound("c3").decode() in bytes_left(house)
    assert [(r.__dict__["reason"], r.exc_info) for r in caplog.records] == [("problem.away", None)] * 2
    torn.torn = False
    assert sweep(house.tenancy, ports, {}) == 2 and sorted(deleted(acme)) == [f"c{n}" for n in range(5)]


def test_a_crash_after_the_bytes_ends_in_one_audit_line(house: House, acme: TenantStore) -> None:
    recording = seed_recording(acme, house.objects, ALICE, "c1", NOW)
    house.objects.delete(recording.object, recording.generation)
    assert sweep(house.tenancy, house.ports, {}) == 1 and deleted(acme) == ["c1"]


def test_an_away_store_is_no_failed_item(house: House, acme: TenantStore, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_recording(acme, house.objects, ALICE, "c1", NOW)

    def away(path: str) -> Document | None:
        raise Away(path)

    monkeypatch.setattr(house.documents, "get", away)
    with pytest.raises(Away):
        sweep(house.tenancy, house.ports, {})


def test_runs_that_are_repeated_shuffled_and_at_once_write_one_line_each(house: House, acme: TenantStore) -> None:
    total = 60
    for number in range(total):
        seed_recording(acme, house.objects, ALICE, f"c{number:02d}", NOW - number)
    bodies = [{"run": f"r{n}"} for n in range(6) for _ in range(random.randint(1, 5))]
    random.shuffle(bodies)
    with ThreadPoolExecutor(8) as pool:
        runs = len(list(pool.map(lambda body: sweep(house.tenancy, house.ports, body), bodies)))
    print(f"{runs} runs over {total} recordings")
    assert runs >= 6 and sorted(deleted(acme)) == [f"c{n:02d}" for n in range(total)]
    assert acme.audit.is_whole() and acme.recordings.latest(ALICE) == [] and bytes_left(house) == ""
