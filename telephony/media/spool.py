"""Recordings on disk while the call runs: append-only records with checksums, synced within a second.

A record is CRC-32, length, kind and body; the checksum covers length, kind and body. A reader
takes records up to the first one that is torn or wrong: that is all that a kill can lose.
"""

from __future__ import annotations

import json
import logging
import os
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telephony.durable import make_folder, sync_folder
from telephony.errors import ParseError
from telephony.media.frame import Frame

log = logging.getLogger(__name__)
MAGIC = b"CTCSPL1\n"
SYNC_SECONDS = 0.5
MAX_BUFFER_BYTES = 1 << 20
MAX_RECORD_BYTES = 1 << 16
SIDES = ("user", "peer")
_HEAD = struct.Struct("!IIB")
_FRAME = struct.Struct("!IIHB")
_HEADER, _AUDIO, _MARKER, _CLOSED = 1, 2, 3, 4
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class SpooledFrame:
    """One received frame; `offset_ms` is its arrival after the start of the recording."""

    side: str
    offset_ms: int
    timestamp: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened in between: a pause, a gap, a change of party."""

    kind: str
    offset_ms: int


@dataclass(frozen=True, slots=True)
class Spool:
    """What could be read; `closed` is False after a crash."""

    header: Mapping[str, Any]
    frames: tuple[SpooledFrame, ...]
    markers: tuple[Marker, ...]
    closed: bool


def spool_path(directory: Path, call: str) -> Path:
    """Where a call's spool lies; ParseError for an id that is no plain name."""
    if not _NAME.fullmatch(call):
        raise ParseError("a call id that is no plain name")
    return directory / f"{call}.spool"


def _record(kind: int, body: bytes) -> bytes:
    tail = struct.pack("!IB", len(body), kind) + body
    return struct.pack("!I", zlib.crc32(tail)) + tail


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(MAGIC)
    while at + _HEAD.size <= len(data):
        checksum, length, kind = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length
        if length > MAX_RECORD_BYTES or end > len(data) or zlib.crc32(data[at + 4 : end]) != checksum:
            return
        yield kind, data[at + _HEAD.size : end]
        at = end


def read_spool(path: Path) -> Spool:
    """Every whole record; raises ParseError when not even the header is there."""
    data = path.read_bytes()
    records = _records(data) if data.startswith(MAGIC) else iter(())
    kind, body = next(records, (0, b""))
    if kind != _HEADER:
        raise ParseError("the spool has no header")
    header = json.loads(body)
    frames: list[SpooledFrame] = []
    markers: list[Marker] = []
    closed = False
    for kind, body in records:
        if kind == _AUDIO and len(body) > _FRAME.size:
            offset, timestamp, sequence, side = _FRAME.unpack_from(body)
            frames.append(SpooledFrame(SIDES[side & 1], offset, timestamp, sequence, body[_FRAME.size :]))
        elif kind == _MARKER:
            markers.append(Marker(**json.loads(body)))
        closed = closed or kind == _CLOSED
    return Spool(header, tuple(frames), tuple(markers), closed)


class Syncer:
    """One thread that writes and syncs every open tape twice a second."""

    def __init__(self) -> None:
        self._tapes: set[SpoolTape] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def add(self, tape: SpoolTape) -> None:
        """Keep this tape synced until it is closed."""
        with self._lock:
            self._tapes.add(tape)
        self._wake.set()

    def wake(self) -> None:
        """A tape was closed."""
        self._wake.set()

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait(SYNC_SECONDS)
            self._wake.clear()
            stopping = self._stop
            with self._lock:
                tapes = tuple(self._tapes)
            done = {tape for tape in tapes if _synced(tape)}
            with self._lock:
                self._tapes -= done
            if stopping:
                return


def _synced(tape: SpoolTape) -> bool:
    """One tape's trouble is not the others'."""
    try:
        return tape.sync()
    except Exception:
        log.exception("a recording's writer failed")
        return False


class SpoolTape:
    """One recording being written; `write` only fills a buffer and never blocks on the disk."""

    def __init__(self, path: Path, header: Mapping[str, Any], now: Callable[[], float], syncer: Syncer) -> None:
        self.path = path
        self.lost_bytes = 0
        self._now, self._began, self._syncer = now, now(), syncer
        self._lock, self._disk = threading.Lock(), threading.Lock()
        self._buffer = bytearray(MAGIC + _record(_HEADER, json.dumps(dict(header)).encode()))
        self._good = 0
        self._fd: int | None = None
        self._closed = self._discarded = self._failing = False
        self._finished = threading.Event()
        syncer.add(self)

    def _offset_ms(self) -> int:
        return max(0, round((self._now() - self._began) * 1000))

    def write(self, side: str, frame: Frame) -> None:
        """Append one received frame of `user` or `peer`."""
        if self._closed or not frame.payload or len(frame.payload) > MAX_RECORD_BYTES // 2:
            return
        place = _FRAME.pack(self._offset_ms(), frame.timestamp & 0xFFFFFFFF, frame.sequence & 0xFFFF, SIDES.index(side))
        self._append(_record(_AUDIO, place + frame.payload))

    def mark(self, kind: str) -> None:
        """Append a marker."""
        if not self._closed:
            self._append(_record(_MARKER, json.dumps({"kind": kind, "offset_ms": self._offset_ms()}).encode()))

    def close(self) -> None:
        """No byte is written after this."""
        if not self._closed:
            self._append(_record(_CLOSED, b""))
            self._closed = True
            self._syncer.wake()

    def discard(self) -> None:
        """Close and delete."""
        self._closed = self._discarded = True
        with self._lock:
            self._buffer.clear()
        self._syncer.wake()

    def wait(self, timeout_seconds: float) -> bool:
        """Block until a closed tape is on disk, or gone; for threads."""
        return self._finished.wait(timeout_seconds)

    def _append(self, record: bytes) -> None:
        with self._lock:
            if len(self._buffer) + len(record) > MAX_BUFFER_BYTES:
                self.lost_bytes += len(record)
            else:
                self._buffer += record

    def sync(self) -> bool:
        """Write and fsync what is waiting; True when the tape is finished. Only the syncer's thread calls this."""
        with self._disk:
            if self._finished.is_set():
                return True
            closed = self._closed
            try:
                self._flush()
                self._failing = False
                if closed:
                    self._finish()
            except OSError as error:
                self._note(error)
                return False
            return closed

    def _flush(self) -> None:
        with self._lock:
            waiting = bytes(self._buffer)
        if self._discarded or not waiting:
            return
        if self._fd is None:
            make_folder(self.path.parent)
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            sync_folder(self.path.parent)
        written = 0
        while written < len(waiting):
            written += os.pwrite(self._fd, waiting[written:], self._good + written)
        os.fsync(self._fd)
        with self._lock:
            del self._buffer[: len(waiting)]
            self._good += len(waiting)
            if self.lost_bytes:
                gap = {"kind": "gap", "offset_ms": self._offset_ms()}
                self._buffer += _record(_MARKER, json.dumps(gap).encode())
                self.lost_bytes = 0

    def _note(self, error: OSError) -> None:
        if not self._failing:
            log.error("a recording cannot be written", extra={"error": type(error).__name__, "errno": error.errno})
        self._failing = True
        if self._fd is not None:
            os.ftruncate(self._fd, self._good)

    def _finish(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        if self._discarded and self.path.parent.is_dir():
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        self._finished.set()
