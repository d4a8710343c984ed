"""What is said to be on disk is: synced in time and in order, readable whatever a power loss or a full disk cuts off."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import stat
import subprocess
import sys
import threading
import time
import wave
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import wire
from contract.calls import CallId, Codec, Outcome
from telephony import journal as journal_module
from telephony.calls.switchboard import Switchboard
from telephony.errors import ParseError
from telephony.journal import Journal, commit_at_last
from telephony.leg import Signal
from telephony.media import spool as spool_module
from telephony.media import tones
from telephony.media.frame import Frame
from telephony.media.prompt import encoded
from telephony.media.render import NothingRecorded, render_file
from telephony.media.spool import SpoolTape, Syncer, read_spool
from telephony.sealed import SealedCache
from tests.tally import tried
from tests.telephony.calls.fakes import connected, exchange, place, until

pytestmark = pytest.mark.pure
SPOOL_BYTES = 200_000
HEADER = {"call": "c1", "codecs": {"user": "PCMU", "peer": "PCMU"}}
START = len(spool_module.MAGIC) + 9 + len(json.dumps(HEADER))


class Disk:
    """Every sync and rename of this process, in order, by file name."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, str]] = []
        self.times: dict[str, list[float]] = defaultdict(list)
        fsync, replace, mkdir = os.fsync, os.replace, os.mkdir

        def synced(fd: int) -> None:
            name = os.readlink(f"/proc/self/fd/{fd}")
            kind = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
            fsync(fd)
            self.steps.append((f"sync {kind}", Path(name).name))
            self.times[Path(name).name].append(time.monotonic())

        def replaced(source: Any, target: Any, **more: Any) -> None:
            replace(source, target, **more)
            self.steps.append(("rename", f"{Path(source).name} -> {Path(target).name}"))

        def made(path: Any, *more: Any, **named: Any) -> None:
            mkdir(path, *more, **named)
            self.steps.append(("mkdir", Path(path).name))

        patch.setattr(os, "fsync", synced)
        patch.setattr(os, "replace", replaced)
        patch.setattr(os, "mkdir", made)

    def in_order(self, *wanted: tuple[str, str]) -> bool:
        """True when these steps stand in this order, whatever lies between."""
        steps = iter(self.steps)
        return all(step in steps for step in wanted)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def syncer() -> Iterator[Syncer]:
    made = Syncer()
    yield made
    made.stop()


def test_a_new_journal_and_its_folders_are_named_durably(disk: Disk, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "data" / "journal" / "log")
    assert disk.in_order(
        ("mkdir", "data"), ("sync folder", tmp_path.name), ("mkdir", "journal"), ("sync folder", "data"),
        ("sync file", "log.new"), ("rename", "log.new -> log"), ("sync folder", "journal"),
    )  # fmt: skip
    disk.steps.clear()
    journal.commit({"a": {}})
    assert disk.steps == [("sync file", "log")]


def test_a_compacted_journal_a_sealed_answer_and_a_rendered_file_are_renamed_durably(
    disk: Disk, tmp_path: Path, syncer: Syncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_COMPACT_AFTER", 3)
    journal = Journal(tmp_path / "log")
    disk.steps.clear()
    for number in range(4):
        journal.commit({f"a/{number}": {}})
    assert [step for step in disk.steps if step[0] != "sync file" or step[1] == "log.new"] == [
        ("sync file", "log.new"), ("rename", "log.new -> log"), ("sync folder", tmp_path.name),
    ]  # fmt: skip
    assert len(Journal(tmp_path / "log").items("a/")) == 4
    disk.steps.clear()
    cache = SealedCache(tmp_path / "sealed", wire.Keys({"k": bytes(32)}))
    cache.put("lines", b"x")
    name = cache._path("lines").name
    assert disk.in_order(("mkdir", "sealed"), ("sync folder", tmp_path.name), ("sync file", f"{name}.new"), ("rename", f"{name}.new -> {name}"), ("sync folder", "sealed"))  # fmt: skip
    tape = SpoolTape(tmp_path / "spool" / "c1.spool", HEADER, time.monotonic, syncer)
    tape.write("user", Frame(b"\x80" * 160, 0, 0))
    tape.close()
    assert tape.wait(5)
    assert disk.in_order(("mkdir", "spool"), ("sync folder", tmp_path.name), ("sync folder", "spool"), ("sync file", "c1.spool"))  # fmt: skip
    render_file(tmp_path / "spool" / "c1.spool", tmp_path / "spool" / "c1.wav")
    assert disk.in_order(("sync file", "c1.part"), ("rename", "c1.part -> c1.wav"), ("sync folder", "spool"))


def test_every_tape_is_synced_more_often_than_once_a_second(disk: Disk, tmp_path: Path, syncer: Syncer) -> None:
    tapes = [SpoolTape(tmp_path / f"c{n}.spool", HEADER, time.monotonic, syncer) for n in range(4)]
    began = time.monotonic()
    while (lasted := time.monotonic() - began) < 4:
        for tape in tapes:
            tape.write("user", Frame(bytes(160), 0, 0))
        time.sleep(0.02)
    for number in range(4):
        assert len(disk.times[f"c{number}.spool"]) >= lasted
    for tape in tapes:
        tape.close()
        assert tape.wait(5)


@pytest.fixture
def spool(tmp_path: Path, syncer: Syncer) -> Path:
    """A closed recording of 200 kB: two notes, twelve seconds."""
    path, now = tmp_path / "c1.spool", itertools.count()
    clock = [0.0]
    tape = SpoolTape(path, HEADER, lambda: clock[0], syncer)
    sides = [encoded(tones.sine(hz, 12.0, 8000), 8000, Codec.PCMU) for hz in (440, 650)]
    for count in now:
        clock[0] = count * 0.02
        for side, payloads in zip(("user", "peer"), sides, strict=True):
            tape.write(side, Frame(payloads[count % len(payloads)], count * 160, count & 0xFFFF))
        if count * 2 * 180 > SPOOL_BYTES:
            break
    tape.close()
    assert tape.wait(5) and path.stat().st_size >= SPOOL_BYTES
    return path


def places(size: int, stride: int) -> list[int]:
    """Where to cut: the ends byte by byte, the middle by a stride."""
    return sorted({*range(min(200, size)), *range(0, size, stride), *range(max(0, size - 200), size + 1)})


@pytest.mark.parametrize("stride", [1009, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(3000)])])
def test_a_recording_cut_anywhere_is_readable_up_to_the_cut(
    spool: Path, tmp_path: Path, stride: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data, cut, whole = spool.read_bytes(), tmp_path / "cut", read_spool(spool)
    cuts, unreadable = places(len(data), stride), 0
    for size in cuts:
        cut.write_bytes(data[:size])
        try:
            found = read_spool(cut)
        except ParseError:
            unreadable += 1
            assert size < START
            continue
        assert found.frames == whole.frames[: len(found.frames)]
        assert len(found.frames) >= (size - START) // 180 - 1
    assert unreadable == START
    tried(capsys, len(cuts), 580, "cuts of a 200 kB recording")


def test_a_cut_recording_plays(spool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, cut, dice = spool.read_bytes(), tmp_path / "cut.spool", random.Random(4)
    for size in (sizes := [0, 1, 8, 30, *(dice.randrange(300, len(data)) for _ in range(12))]):
        cut.write_bytes(data[:size])
        if size < 300:
            with pytest.raises(NothingRecorded):
                render_file(cut, tmp_path / "cut.wav")
            continue
        seconds = render_file(cut, tmp_path / "cut.wav")
        with wave.open(str(tmp_path / "cut.wav")) as file:
            assert abs(file.getnframes() / file.getframerate() - seconds) < 0.001
        assert abs(seconds - size / len(data) * (SPOOL_BYTES / 360 * 0.02)) < 0.2
    tried(capsys, len(sizes), 16, "cut recordings rendered")


def test_a_changed_byte_never_becomes_sound(spool: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, flipped, whole = bytearray(spool.read_bytes()), tmp_path / "flipped", read_spool(spool).frames
    for at in (cuts := places(len(data), 2003)[:-1]):
        data[at] ^= 0x10
        flipped.write_bytes(data)
        data[at] ^= 0x10
        try:
            frames = read_spool(flipped).frames
            assert frames == whole[: len(frames)]
        except ParseError:
            assert at < START
    tried(capsys, len(cuts), 480, "changed bytes of a recording")


@pytest.mark.parametrize("stride", [1009, pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(3000)])])
def test_a_journal_cut_anywhere_keeps_every_whole_commit(
    tmp_path: Path, stride: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path, torn = tmp_path / "log", tmp_path / "torn"
    journal = Journal(path)
    states: list[tuple[int, dict[str, Any]]] = [(path.stat().st_size, {})]
    number = 0
    while path.stat().st_size < SPOOL_BYTES:
        number += 1
        journal.commit({f"call/{number}": {"n": number, "x": "é" * (number % 90)}}, [f"call/{number - 3}"])
        states.append((path.stat().st_size, journal.items("")))
    data, at = path.read_bytes(), 0
    cuts = places(len(data), stride)
    for size in cuts:
        while at + 1 < len(states) and states[at + 1][0] <= size:
            at += 1
        torn.write_bytes(data[:size])
        live, intact = journal_module._read(torn.read_bytes())
        assert live == (states[at][1] if size >= states[0][0] else {}) and intact <= size
    for size in cuts[:: max(1, len(cuts) // 40)]:
        torn.write_bytes(data[:size])
        again = Journal(torn)
        again.commit({"later": {}})
        again.close()
        assert "later" in Journal(torn).items("")
    tried(capsys, len(cuts), 580, f"cuts of a journal of {number} commits")


FULL = """
import os, resource, sys
from pathlib import Path
from telephony.journal import Journal
path = Path(sys.argv[1])
journal = Journal(path)
journal.commit({"before": {}})
size = path.stat().st_size
failed = 0
for room in range(1, 120, 7):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, resource.RLIM_INFINITY))
    try:
        journal.commit({"lost": {"x": "y" * 300}})
    except OSError:
        failed += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal.commit({f"after/{room}": {}})
    size = path.stat().st_size
print(failed, len(journal.items("after/")), flush=True)
os._exit(0)
"""


def test_what_a_full_disk_refused_hides_nothing_that_came_later(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    path = tmp_path / "log"
    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    failed, after = map(int, done.stdout.split())
    again = Journal(path)
    assert failed == after == len(again.items("after/")) and "before" in again.items("") and not again.torn_bytes
    assert not again.items("lost")
    tried(capsys, failed, 17, "commits that a full disk cut in the middle")


class Refusing:
    """A disk that takes nothing for a while."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.full, self.refused, honest = False, 0, Journal.commit

        def commit(journal: Journal, *arguments: Any) -> None:
            if self.full:
                self.refused += 1
                raise OSError(28, "No space left on device")
            honest(journal, *arguments)

        patch.setattr(Journal, "commit", commit)


async def test_on_a_full_disk_new_calls_are_refused_and_the_end_of_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, x = Refusing(monkeypatch), exchange(Journal(tmp_path / "log"))
    call, _ = await connected(x)
    disk.full = True
    assert (await x.board.command(place("c2"))).reason == "overloaded" and set(x.board.live) == {"c1"}
    call.hang_up()
    await until(lambda: disk.refused >= 2)
    assert not x.journal.items("event/") and x.board.live
    disk.full = False
    assert (await x.ended("c1"))["outcome"] is Outcome.COMPLETED
    await until(lambda: not x.board.live)
    assert (await x.board.command(place("c2"))).accepted


async def test_a_call_that_is_answered_on_a_full_disk_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, x = Refusing(monkeypatch), exchange(Journal(tmp_path / "log"))
    assert (await x.board.command(place())).accepted
    call = await x.call("c1")
    await until(lambda: call.media == "wanted")
    answer = asyncio.ensure_future(call.take_offer("opus PCMU PCMA"))
    peer = await x.lines.dialled.get()
    disk.full = True
    peer.events.put(Signal.ANSWERED)
    assert await asyncio.wait_for(answer, 5) == "PCMU"
    await until(lambda: disk.refused >= 2)  # the dialog and the answer
    await asyncio.sleep(0.05)
    assert call.state == "active" and x.board.live
    call.hang_up()
    disk.full = False
    assert (await x.ended("c1"))["outcome"] is Outcome.COMPLETED


async def test_an_emergency_call_is_placed_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, x = Refusing(monkeypatch), exchange(Journal(tmp_path / "log"))
    disk.full, x.board.lag_seconds = True, 1.0
    assert not (await x.board.command(place("c0"))).accepted
    call, _ = await connected(x, place(emergency=True))
    call.hang_up()
    disk.full = False
    assert (await x.ended("c1"))["outcome"] is Outcome.COMPLETED


async def test_a_cancelled_commit_is_not_overtaken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, started = Journal(tmp_path / "log"), threading.Event()
    honest = Journal.commit

    def slow(self: Journal, put: Any = None, drop: Any = ()) -> None:
        if put:
            started.set()
            time.sleep(0.2)
        honest(self, put, drop)

    monkeypatch.setattr(Journal, "commit", slow)
    keeping = asyncio.ensure_future(journal.keep({"call/c1": {}}))
    await asyncio.to_thread(started.wait, 5)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    await journal.keep(None, ["call/c1"])
    await asyncio.sleep(0.4)
    assert not Journal(tmp_path / "log").items("call/")


async def test_a_recording_that_a_kill_would_lose_is_not_begun_and_the_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = exchange(Journal(tmp_path / "log"))
    call, peer = await connected(x, place(record=True))
    await until(lambda: call.recording == "announcing")
    disk = Refusing(monkeypatch)
    disk.full = True
    await until(lambda: call.recording == "stopped")
    peer.endpoint.hear(b"voice")
    await asyncio.sleep(0.05)
    assert not x.media.tapes and call.state == "active"
    disk.full = False


async def test_on_a_full_disk_a_recording_still_stops_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = exchange(Journal(tmp_path / "log"))
    call, peer = await connected(x, place(record=True))
    await until(lambda: call.recording == "on")
    peer.endpoint.hear(b"voice")
    disk = Refusing(monkeypatch)
    disk.full = True
    assert call.connection is not None
    call.connection.stop_recording(True)
    peer.endpoint.hear(b"voice")
    assert x.media.tapes[0].closed and not x.media.tapes[0].frames and call.state == "active" and disk.refused == 1
    disk.full = False


async def test_a_call_is_accepted_only_when_a_kill_would_report_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    x = exchange(Journal(path))
    results = await asyncio.gather(*(x.board.command(place(f"c{n}")) for n in range(20)))
    assert all(result.accepted for result in results)
    assert set(Journal(path).items("call/")) == {f"call/c{n}" for n in range(20)}


async def test_fifty_dials_of_one_call_at_once_are_one_call_and_also_after_a_restart(tmp_path: Path) -> None:
    x = exchange(Journal(tmp_path / "log"))
    results = await asyncio.gather(*(x.board.command(place("c1")) for _ in range(50)))
    assert all(result.accepted for result in results) and list(x.board.live) == ["c1"]
    again = exchange(Journal(tmp_path / "again"))
    board: Switchboard = again.board
    board.remember([CallId("c1")])
    assert (await board.command(place("c1"))).accepted and not board.live


async def test_commit_at_last_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "FIRST_WAIT_SECONDS", 0.02)
    disk, journal = Refusing(monkeypatch), Journal(tmp_path / "log")
    disk.full = True
    keeping = asyncio.ensure_future(commit_at_last(journal, {"a": {}}))
    await until(lambda: disk.refused >= 3)
    disk.full = False
    await asyncio.wait_for(keeping, 5)
    assert "a" in Journal(tmp_path / "log").items("")
