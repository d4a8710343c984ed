"""A spool as a stereo WAV file: the user left, the far party right, gaps filled by time.

Run as `python -m telephony.media.render SPOOL WAV`, at the lowest priority, after the call.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from contract.calls import Codec
from telephony.durable import sync_folder
from telephony.errors import MediaError, ParseError
from telephony.media.codecs import Pcm, Resampler, decoder
from telephony.media.spool import SIDES, SpooledFrame, read_spool

MAX_RATE_HZ = 16000
_DRIFT_SECONDS = 0.5
_SNAP_SECONDS = 0.004
_NOTHING_STATUS = 3
_WAV = struct.Struct("<4sI4s4sIHHIIHH4sI")


def _runs(frames: list[SpooledFrame], clock_rate_hz: int) -> Iterator[tuple[float, list[tuple[float, bytes]]]]:
    """Stretches on one timestamp line: arrival in seconds, then (seconds since its start, payload) in order."""
    run: dict[int, bytes] = {}
    arrival = 0.0
    first = 0
    for frame in frames:
        ticks = (frame.timestamp - first + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        expected = arrival + ticks / clock_rate_hz
        if not run or abs(frame.offset_ms / 1000 - expected) > _DRIFT_SECONDS:
            if run:
                yield arrival, [(at / clock_rate_hz, payload) for at, payload in sorted(run.items())]
            run, arrival, first, ticks = {}, frame.offset_ms / 1000, frame.timestamp, 0
        run.setdefault(ticks, frame.payload)
    if run:
        yield arrival, [(at / clock_rate_hz, payload) for at, payload in sorted(run.items())]


def _placed(frames: list[SpooledFrame], codec: Codec, rate_hz: int) -> Iterator[tuple[int, Pcm]]:
    """Decoded pieces of one side with their place in samples."""
    snap = round(_SNAP_SECONDS * rate_hz)
    for arrival, run in _runs(frames, codec.clock_rate_hz):
        work, resampler = decoder(codec), Resampler(codec.sample_rate_hz, rate_hz)
        at = round(arrival * rate_hz)
        for seconds, payload in run:
            wanted = round((arrival + seconds) * rate_hz)
            if abs(wanted - at) > snap:
                at = wanted
            pcm = resampler.feed(work.decode(payload))
            yield at, pcm
            at += len(pcm)


class NothingRecorded(MediaError):
    """There is no sound to keep; trying again cannot help."""


def render_file(spool_path: Path, wav_path: Path) -> float:
    """Write the WAV file whole or not at all; its length in seconds. Raises NothingRecorded."""
    try:
        spool = read_spool(spool_path)
    except ParseError as error:  # the kill came before the first second was on disk
        raise NothingRecorded("nothing was recorded") from error
    if not spool.frames:
        raise NothingRecorded("nothing was recorded")
    codecs = {side: Codec(name) for side, name in spool.header["codecs"].items()}
    rate_hz = min(max(codec.sample_rate_hz for codec in codecs.values()), MAX_RATE_HZ)
    samples = round((max(frame.offset_ms for frame in spool.frames) / 1000 + 0.02) * rate_hz)
    part = wav_path.with_suffix(".part")
    size = samples * 4
    with part.open("wb") as file:
        head = (b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, rate_hz, rate_hz * 4, 4, 16, b"data", size)
        file.write(_WAV.pack(*head))
        file.truncate(_WAV.size + size)
    sound = np.memmap(part, np.int16, "r+", offset=_WAV.size, shape=(samples, 2))
    for channel, side in enumerate(SIDES):
        for at, pcm in _placed([frame for frame in spool.frames if frame.side == side], codecs[side], rate_hz):
            begin, end = max(at, 0), min(at + len(pcm), samples)
            if begin < end:
                sound[begin:end, channel] = pcm[begin - at : end - at]
    sound.flush()
    del sound
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(wav_path)
    sync_folder(wav_path.parent)
    return samples / rate_hz


async def render(spool_path: Path, wav_path: Path) -> float:
    """Render in a process of its own; seconds of the result. Raises MediaError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "telephony.media.render", str(spool_path), str(wav_path), stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode == _NOTHING_STATUS:
        raise NothingRecorded("nothing was recorded")
    if process.returncode != 0:
        raise MediaError(f"rendering failed with status {process.returncode}")
    return float(json.loads(out)["seconds"])


def main(arguments: list[str]) -> int:
    """0, or the status that says that nothing was recorded."""
    os.nice(19)
    try:
        seconds = render_file(Path(arguments[0]), Path(arguments[1]))
    except NothingRecorded:
        return _NOTHING_STATUS
    sys.stdout.write(json.dumps({"seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
