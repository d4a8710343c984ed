"""Recordings survive cuts at every byte, a kill and a full disk, and sound as they were: each party on its own side."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contract.calls import CallId, Codec
from telephony.errors import MediaError, ParseError
from telephony.media import tones
from telephony.media.codecs import encoder
from telephony.media.frame import Frame
from telephony.media.prompt import encoded
from telephony.media.render import render_file
from telephony.media.spool import Spool, SpoolTape, Syncer, read_spool, spool_path
from telephony.media.studio import Studio
from tests.tone import hears

pytestmark = pytest.mark.pure


@pytest.fixture
def syncer() -> Iterator[Syncer]:
    made = Syncer()
    yield made
    made.stop()


class Minutes:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def write_call(
    path: Path,
    codec: Codec,
    syncer: Syncer,
    seconds: float = 2.0,
    drop: int = 0,
    pause: float = 0.0,
    theirs: Codec | None = None,
) -> Spool:
    clock, theirs = Minutes(), theirs or codec
    tape = SpoolTape(path, {"call": "c1", "codecs": {"user": codec.value, "peer": theirs.value}}, clock, syncer)
    ticks = codec.clock_rate_hz // 50
    user = encoded(tones.sine(440, seconds, codec.sample_rate_hz), codec.sample_rate_hz, codec)
    peer = encoded(tones.sine(650, seconds, theirs.sample_rate_hz), theirs.sample_rate_hz, theirs)
    for count, (left, right) in enumerate(zip(user, peer, strict=True)):
        clock.now = 100 + count * 0.02 + (pause if count >= len(user) // 2 else 0)
        if not drop or count % drop:
            tape.write("user", Frame(left, 4294960000 + count * ticks & 0xFFFFFFFF, count))
        tape.write("peer", Frame(right, 77 + count * ticks, count))
    tape.mark("pause")
    tape.close()
    assert tape.wait(5)
    return read_spool(path)


def test_what_is_written_is_read(tmp_path: Path, syncer: Syncer) -> None:
    spool = write_call(tmp_path / "c1.spool", Codec.PCMU, syncer)
    assert spool.closed and spool.header["codecs"]["user"] == "PCMU" and len(spool.frames) == 220
    assert [marker.kind for marker in spool.markers] == ["pause"]
    assert (spool.frames[3].side, spool.frames[3].offset_ms, spool.frames[3].sequence) == ("peer", 20, 1)
    assert (tmp_path / "c1.spool").stat().st_mode & 0o777 == 0o600


def test_discarded_recordings_are_gone_and_names_are_checked(tmp_path: Path, syncer: Syncer) -> None:
    tape = SpoolTape(tmp_path / "c2.spool", {"codecs": {"user": "PCMU", "peer": "PCMU"}}, time.monotonic, syncer)
    tape.write("user", Frame(b"secret" * 20, 0, 0))
    time.sleep(0.7)
    assert (tmp_path / "c2.spool").exists()
    tape.discard()
    assert tape.wait(5) and not (tmp_path / "c2.spool").exists()
    tape.write("user", Frame(b"more", 0, 0))
    for name in ("../x", "a/b", "", "x" * 200, "a\0b"):
        with pytest.raises(ParseError):
            spool_path(tmp_path, name)


WRITER = """
import sys, time
from pathlib import Path
from telephony.media.frame import Frame
from telephony.media.spool import SpoolTape, Syncer
tapes = [SpoolTape(Path(sys.argv[1]) / f"c{n}.spool", {"codecs": {"user": "PCMU", "peer": "PCMU"}}, time.monotonic, Syncer()) for n in range(4)]
for count in range(10000):
    for tape in tapes:
        tape.write("user", Frame(bytes(160), count * 160, count))
    print(count, flush=True)
    time.sleep(0.02)
"""


def test_a_kill_loses_at_most_a_second_of_each_recording(tmp_path: Path) -> None:
    for moment in (1.1, 1.7):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        written = len(out.splitlines())
        for number in range(4):
            frames = read_spool(tmp_path / f"c{number}.spool").frames
            assert written - len(frames) <= 50 and written > 20
            assert [frame.sequence for frame in frames] == list(range(len(frames)))


FULL = """
import resource, sys, time
from pathlib import Path
from telephony.media.frame import Frame
from telephony.media.spool import SpoolTape, Syncer
tape = SpoolTape(Path(sys.argv[1]), {"codecs": {"user": "PCMU", "peer": "PCMU"}}, time.monotonic, Syncer())
time.sleep(0.2)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
for count in range(8000):
    tape.write("user", Frame(bytes(160), count * 160, count & 0xFFFF))
time.sleep(1.2)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
time.sleep(0.7)
tape.write("user", Frame(b"again", 0, 0))
tape.close()
print(tape.wait(5))
"""


def test_a_full_disk_stops_nothing_and_leaves_a_marked_gap(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "c")], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "True", done.stderr
    spool = read_spool(tmp_path / "c")
    assert spool.closed and [marker.kind for marker in spool.markers] == ["gap"]
    assert spool.frames[-1].payload == b"again" and 5000 < len(spool.frames) < 8000


def channels(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        return sound[:, 0], sound[:, 1], file.getframerate()


@pytest.mark.parametrize("codec", list(Codec))
def test_the_user_is_left_and_the_far_party_right_at_their_own_pitch(
    tmp_path: Path, syncer: Syncer, codec: Codec
) -> None:
    write_call(tmp_path / "c1.spool", codec, syncer)
    seconds = render_file(tmp_path / "c1.spool", tmp_path / "c1.wav")
    left, right, rate = channels(tmp_path / "c1.wav")
    assert abs(seconds - 2.2) < 0.1 and rate == min(16000, codec.sample_rate_hz)
    middle = slice(rate // 2, 3 * rate // 2)
    assert hears(left[middle], 440, rate, 0.9) and hears(right[middle], 650, rate, 0.9)


def test_two_parties_of_two_codecs_are_each_heard_at_their_own_pitch(tmp_path: Path, syncer: Syncer) -> None:
    write_call(tmp_path / "c1.spool", Codec.PCMU, syncer, theirs=Codec.G722)
    render_file(tmp_path / "c1.spool", tmp_path / "c1.wav")
    left, right, rate = channels(tmp_path / "c1.wav")
    middle = slice(rate // 2, 3 * rate // 2)
    assert rate == 16000 and hears(left[middle], 440, rate, 0.9) and hears(right[middle], 650, rate, 0.9)


def test_loss_and_pauses_keep_both_sides_aligned(tmp_path: Path, syncer: Syncer) -> None:
    write_call(tmp_path / "c1.spool", Codec.PCMU, syncer, drop=5, pause=3.0)
    seconds = render_file(tmp_path / "c1.spool", tmp_path / "c1.wav")
    left, right, rate = channels(tmp_path / "c1.wav")
    assert abs(seconds - 5.2) < 0.1
    for side in (left, right):
        assert not np.any(side[int(1.4 * rate) : int(3.9 * rate)]) and np.any(side[int(4.2 * rate) : int(4.9 * rate)])
    assert hears(right[int(4.2 * rate) : int(4.9 * rate)], 650, rate, 0.9)


def test_a_spool_without_audio_is_no_recording(tmp_path: Path, syncer: Syncer) -> None:
    tape = SpoolTape(tmp_path / "c", {"codecs": {"user": "PCMU", "peer": "PCMU"}}, time.monotonic, syncer)
    tape.close()
    assert tape.wait(5)
    with pytest.raises(MediaError):
        render_file(tmp_path / "c", tmp_path / "c.wav")


async def test_the_studio_records_renders_and_forgets(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "spool", time.monotonic)
    tape = studio.tape(CallId("call-1"), Codec.PCMU, Codec.PCMU, 1.0)
    work = encoder(Codec.PCMU)
    for count in range(50):
        tape.write("user", Frame(work.encode(np.full(160, 1000, np.int16)), count * 160, count))
    tape.close()
    path, seconds = await studio.render(CallId("call-1"))
    assert path.exists() and seconds > 0
    await asyncio.to_thread(studio.forget, CallId("call-1"))
    assert list((tmp_path / "spool").iterdir()) == []
    with pytest.raises(MediaError):
        await studio.render(CallId("call-1"))
    studio.close()
