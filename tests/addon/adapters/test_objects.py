"""Every object store keeps the same promises about uploads, generations, holds, ranges and names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.adapters.directory_objects import DirectoryObjects
from addon.adapters.gcs_objects import GcsObjects
from addon.adapters.object_rules import PART_UNIT_BYTES as UNIT
from addon.ports.objects import BadUpload, Changed, Held, NoObject, Objects, ObjectsError, Stored
from tests.addon.adapters.gcs_sessions import TOKEN, carrying
from tests.peers import gcs
from tests.tally import same_checks

DIRECTORY = pytest.param("directory", marks=pytest.mark.pure)
CLOUD_STORAGE = pytest.param("cloud-storage", marks=pytest.mark.loopback)
NAME = "acme/alice/recordings/202611/x7"
DATA = bytes(range(256)) * 3000
MIN_CHECKS = 25
RAN: Counter[str] = Counter()
# What is checked of one adapter alone, and why.
EXEMPT = {
    "test_objects_and_half_uploads_survive_a_restart": "directory: only it keeps files here; Cloud Storage has no restart of ours",
    "test_the_backstop_takes_what_is_a_day_overdue_and_uploads_a_week_old": "directory: the bucket has rules of its own, checked in test_gcs_objects.py",
    "test_deleted_and_dropped_bytes_leave_no_file": "directory: only it keeps files here",
}


@pytest.fixture(params=[DIRECTORY, CLOUD_STORAGE])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    RAN[request.param] += 1
    if request.param == "directory":
        yield DirectoryObjects(tmp_path / "objects")
        return
    with gcs.serving(gcs.Bucket("recordings", TOKEN)) as url:
        yield GcsObjects("recordings", carrying(TOKEN), url)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(store: Objects, name: str = NAME, data: bytes = DATA) -> Stored:
    stored = store.write(store.start_upload(name, len(data), sha(data), "audio/wav", 9.0), 0, data)
    assert stored is not None
    return stored


def test_an_upload_in_parts_becomes_one_object(store: Objects) -> None:
    upload = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", 9.0)
    assert store.received(upload) == 0
    assert store.write(upload, 0, DATA[:UNIT]) is None and store.received(upload) == UNIT
    assert store.write(upload, UNIT, b"") is None and store.received(upload) == UNIT
    with pytest.raises(NoObject):
        store.stat(NAME)
    stored = store.write(upload, UNIT, DATA[UNIT:])
    assert stored == store.stat(NAME) and store.received(upload) == len(DATA)
    assert stored is not None
    assert (stored.size_bytes, stored.sha256, stored.content_type, stored.purge_at, stored.held) == (
        len(DATA), sha(DATA), "audio/wav", 9.0, False)  # fmt: skip
    assert store.write(upload, UNIT, DATA[UNIT:]) == stored == store.write(upload, len(DATA), b"")
    assert store.read(NAME) == DATA


@pytest.mark.parametrize("offset", [0, UNIT - 1, UNIT + 1, 2 * UNIT, -1])
def test_a_gap_or_an_overlap_says_where_to_go_on(store: Objects, offset: int) -> None:
    upload = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
    store.write(upload, 0, DATA[:UNIT])
    with pytest.raises(BadUpload) as caught:
        store.write(upload, offset, DATA[:UNIT])
    assert caught.value.received == UNIT and store.received(upload) == UNIT


@pytest.mark.parametrize("count", [1, UNIT - 1, UNIT + 1])
def test_a_part_that_is_not_the_last_has_whole_units(store: Objects, count: int) -> None:
    upload = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
    with pytest.raises(BadUpload):
        store.write(upload, 0, DATA[:count])
    assert store.received(upload) == 0 and store.write(upload, 0, DATA[: 2 * UNIT]) is None


@pytest.mark.parametrize("part", [UNIT, 2 * UNIT, len(DATA)])
def test_a_damaged_upload_begins_anew_and_ends_well(store: Objects, part: int) -> None:
    upload = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
    with pytest.raises(BadUpload) as caught:
        for at in range(0, len(DATA), part):
            store.write(upload, at, b"\xff" + DATA[at + 1 : at + part])
    assert caught.value.received == 0 == store.received(upload)
    for act in (store.stat, store.read):
        with pytest.raises(NoObject):
            act(NAME)
    done = [store.write(upload, at, DATA[at : at + part]) for at in range(0, len(DATA), part)]
    assert done[-1] == store.stat(NAME) and store.read(NAME) == DATA


def test_an_empty_object_is_an_object(store: Objects) -> None:
    stored = put(store, data=b"")
    assert stored.size_bytes == 0 and store.read(NAME) == b"" and store.stat(NAME) == stored


@pytest.mark.parametrize(
    ("size_bytes", "checksum"), [(-1, "0" * 64), (2**32 + 1, "0" * 64), (1, "x"), (1, "A" * 64), (1, "")]
)
def test_an_impossible_announcement_is_refused(store: Objects, size_bytes: int, checksum: str) -> None:
    with pytest.raises(BadUpload):
        store.start_upload(NAME, size_bytes, checksum, "audio/wav", None)


def test_an_upload_is_forgotten_with_its_object(store: Objects) -> None:
    upload = store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None)
    stored = store.write(upload, 0, DATA)
    assert stored is not None
    store.delete(NAME, stored.generation)
    with pytest.raises(NoObject):
        store.received(upload)


def test_more_bytes_than_announced_are_refused(store: Objects) -> None:
    upload = store.start_upload(NAME, 10, sha(DATA[:10]), "audio/wav", None)
    with pytest.raises(BadUpload):
        store.write(upload, 0, DATA[:11])
    assert store.received(upload) == 0


def test_a_wrong_checksum_starts_again_at_zero(store: Objects) -> None:
    upload = store.start_upload(NAME, 10, sha(DATA[:10]), "audio/wav", None)
    with pytest.raises(BadUpload):
        store.write(upload, 0, b"x" * 10)
    assert store.received(upload) == 0
    assert store.write(upload, 0, DATA[:10]) is not None


def test_a_finished_name_is_not_overwritten(store: Objects) -> None:
    late = store.start_upload(NAME, 3, sha(b"abc"), "audio/wav", None)
    put(store)
    with pytest.raises(Changed):
        store.start_upload(NAME, 1, sha(b"x"), "audio/wav", None)
    with pytest.raises(Changed):
        store.write(late, 0, b"abc")
    assert store.read(NAME) == DATA


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, 1), (7, 300), (767_999, 5), (768_000, 5), (800_000, None), (5, 0), (0, 768_000), (1, 900_000)],
)
def test_ranges(store: Objects, start: int, length: int | None) -> None:
    put(store)
    assert store.read(NAME, start, length) == DATA[start : None if length is None else start + length]


def test_a_range_before_the_beginning_is_refused(store: Objects) -> None:
    put(store)
    with pytest.raises(ObjectsError):
        store.read(NAME, -1)


def test_a_hold_keeps_the_object_and_a_wrong_generation_does_too(store: Objects) -> None:
    stored = put(store)
    assert store.set_hold(NAME, True).held
    with pytest.raises(Held):
        store.delete(NAME, stored.generation)
    assert not store.set_hold(NAME, False).held
    with pytest.raises(Changed):
        store.delete(NAME, stored.generation + 1)
    store.delete(NAME, stored.generation)
    for act in (lambda: store.stat(NAME), lambda: store.read(NAME), lambda: store.delete(NAME, stored.generation)):
        with pytest.raises(NoObject):
            act()


def test_the_same_name_gets_a_new_generation(store: Objects) -> None:
    first = put(store)
    store.delete(NAME, first.generation)
    assert put(store).generation > first.generation


def test_the_purge_date_changes(store: Objects) -> None:
    first = put(store)
    for purge_at in (12.5, None, 12.5, 3.25, 1_900_000_000.123, 5.0, None, None):
        changed = store.set_purge_at(NAME, purge_at)
        assert changed.purge_at == purge_at and changed == store.stat(NAME) and changed.generation == first.generation


def test_a_held_object_keeps_its_hold_when_its_purge_date_changes(store: Objects) -> None:
    put(store)
    store.set_hold(NAME, True)
    assert store.set_purge_at(NAME, 2.0).held and store.set_hold(NAME, True).held and store.stat(NAME).purge_at == 2.0


def test_what_is_not_there_is_no_object(store: Objects) -> None:
    for act in (store.stat, store.read, lambda n: store.set_hold(n, True), lambda n: store.set_purge_at(n, 1.0)):
        with pytest.raises(NoObject):
            act(NAME)
    store.ping()


def test_an_unknown_upload_is_no_object(store: Objects) -> None:
    for upload in ("", "../x", "0" * 32):
        with pytest.raises(NoObject):
            store.received(upload)
        with pytest.raises(NoObject):
            store.write(upload, 0, b"x")


def hostile_names() -> list[str]:
    """Path traversal in many dresses."""
    steps = ["..", ".", "%2e%2e", "..%2f", "..\\", "\x00", "~", "....//", "\u2024\u2024", "..;", "%c0%ae", "C:", " ", "\n", "*", "a\x00b", "-x", ".h", "\uff0e\uff0e", "\u202ea"]  # fmt: skip
    shapes = ["{s}", "/{s}", "{s}/", "a/{s}", "a/{s}/b", "{s}/{s}", "a/b/{s}/etc/passwd", "{s}/etc/passwd", "a//{s}", "/a/{s}", "a/b/{s}\n", "\\{s}\\b", "file:///{s}", "a/{s}/../../b", "//{s}/a"]  # fmt: skip
    return [shape.format(s=step) for step in steps for shape in shapes] + [
        "",
        "a",
        "/",
        "a/" * 20 + "b",
        "a/" + "b" * 200,
    ]


def test_hostile_names_never_reach_a_path(store: Objects, tmp_path: Path) -> None:
    names = hostile_names()
    assert len(names) >= 300
    before = {p for p in tmp_path.parent.iterdir()}
    for name in names:
        with pytest.raises(NoObject):
            store.start_upload(name, 1, sha(b"x"), "audio/wav", None)
        for act in (store.stat, store.read):
            with pytest.raises(NoObject):
                act(name)
    assert {p for p in tmp_path.parent.iterdir()} == before


@pytest.mark.pure
def test_objects_and_half_uploads_survive_a_restart(tmp_path: Path) -> None:
    first = DirectoryObjects(tmp_path)
    stored = put(first)
    upload = first.start_upload(NAME + "b", len(DATA), sha(DATA), "audio/wav", None)
    first.write(upload, 0, DATA[:UNIT])
    second = DirectoryObjects(tmp_path)
    assert second.stat(NAME) == stored and second.received(upload) == UNIT
    assert second.write(upload, UNIT, DATA[UNIT:]) is not None


@pytest.mark.pure
def test_the_backstop_takes_what_is_a_day_overdue_and_uploads_a_week_old(tmp_path: Path) -> None:
    clock = [1000.0]
    store, day = DirectoryObjects(tmp_path, now=lambda: clock[0]), 86_400.0
    put(store)
    put(store, NAME + "held")
    store.set_hold(NAME + "held", True)
    put(store, NAME + "kept")
    store.set_purge_at(NAME + "kept", None)
    upload = store.start_upload(NAME + "half", len(DATA), sha(DATA), "audio/wav", 9.0)
    store.write(upload, 0, DATA[:UNIT])
    assert store.apply_lifecycle(9.0 + day - 0.1) == 0 and store.stat(NAME)
    assert store.apply_lifecycle(9.0 + day) == 1
    with pytest.raises(NoObject):
        store.stat(NAME)
    assert store.received(upload) == UNIT
    assert store.apply_lifecycle(1000.1 + 7 * day) == 1
    with pytest.raises(NoObject):
        store.received(upload)
    assert store.stat(NAME + "held") and store.stat(NAME + "kept") and len(list((tmp_path / "bytes").iterdir())) == 2


@pytest.mark.pure
def test_deleted_and_dropped_bytes_leave_no_file(tmp_path: Path) -> None:
    store = DirectoryObjects(tmp_path, now=lambda: 100.0)
    store.delete(NAME, put(store).generation)
    store.write(store.start_upload(NAME, len(DATA), sha(DATA), "audio/wav", None), 0, DATA[:UNIT])
    assert store.drop_uploads(100.0) == 0 and store.drop_uploads(100.5) == 1
    assert list((tmp_path / "bytes").iterdir()) == []


@pytest.mark.pure
def test_every_adapter_passes_the_same_checks(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    same_checks(request, capsys, RAN, EXEMPT, MIN_CHECKS, "object")
