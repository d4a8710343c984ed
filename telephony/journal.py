"""What must survive a kill: a small keyed store in one append-only, checksummed, fsynced file.

One commit may put and drop many keys and is kept whole or not at all, so that "the call is over"
and "its event waits" are one step.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from telephony.durable import make_folder, replace_file, write_all

_COMPACT_AFTER = 2000
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
log = logging.getLogger(__name__)

Value = dict[str, Any]


def _line(put: Mapping[str, Value], drop: Iterable[str]) -> bytes:
    body = json.dumps({"put": put, "drop": list(drop)}, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _read(data: bytes) -> tuple[dict[str, Value], int]:
    """Live keys and the length of the intact part; a torn or damaged tail is dropped by its checksum."""
    live: dict[str, Value] = {}
    intact = 0
    for line in data.splitlines(keepends=True):
        checksum, _, body = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
            break
        record = json.loads(body)
        live.update(record["put"])
        for key in record["drop"]:
            live.pop(key, None)
        intact += len(line)
    return live, intact


async def commit_at_last(journal: Journal, put: Mapping[str, Value] | None, drop: Iterable[str] = ()) -> None:
    """Commit, however long a full disk takes; what must not be lost waits for it, and nothing else stops."""
    wait, dropped = FIRST_WAIT_SECONDS, tuple(drop)
    while True:
        try:
            await journal.keep(put, dropped)
            return
        except OSError as error:
            log.error("the journal waits for the disk", extra={"error": type(error).__name__, "errno": error.errno})
            await asyncio.sleep(wait)
            wait = min(LONGEST_WAIT_SECONDS, wait * 2)


class Journal:
    """Keyed values on disk; `commit` returns after fsync. Safe to call from threads.

    A commit that fails, on a full disk say, raises OSError and leaves no trace: what follows it is read again.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path = path
        self._lock = threading.Lock()
        data = path.read_bytes() if path.exists() else b""
        self.alive_at = path.stat().st_mtime if data else None
        self._live, intact = _read(data)
        self.torn_bytes = len(data) - intact
        self._rewrite()

    def _rewrite(self) -> None:
        """A file of nothing but what is live, in the place of the old one."""
        data = _line(self._live, ())
        replace_file(self._path, data)
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size, self._lines, self._torn = len(data), 0, False

    def commit(self, put: Mapping[str, Value] | None = None, drop: Iterable[str] = ()) -> None:
        """Put and drop keys as one durable step; raises OSError when it is not."""
        put, drop = put or {}, tuple(drop)
        with self._lock:
            self._append(_line(put, drop))
            self._live.update(put)
            for key in drop:
                self._live.pop(key, None)
            self._lines += 1
            if self._lines >= _COMPACT_AFTER:
                self._compact()

    async def keep(self, put: Mapping[str, Value] | None = None, drop: Iterable[str] = ()) -> None:
        """`commit` off the event loop; cancelled, it ends only after the commit, which nothing later can overtake."""
        committing = asyncio.ensure_future(asyncio.to_thread(self.commit, put, tuple(drop)))
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError:
            await asyncio.wait({committing})
            if (error := committing.exception()) is not None:
                log.error("a commit failed as its call ended", extra={"error": type(error).__name__})
            raise

    def _append(self, line: bytes) -> None:
        if self._torn:
            os.ftruncate(self._fd, self._size)
        self._torn = True
        write_all(self._fd, line)
        os.fsync(self._fd)
        self._torn = False
        self._size += len(line)

    def _compact(self) -> None:
        """The commit is durable already: when there is no room for a new file, the old one goes on."""
        old = self._fd
        try:
            self._rewrite()
        except OSError as error:
            log.warning("the journal could not be compacted", extra={"error": type(error).__name__})
            self._fd, self._lines = os.open(self._path, os.O_WRONLY | os.O_APPEND), _COMPACT_AFTER // 2
            self._size, self._torn = os.fstat(self._fd).st_size, False
        os.close(old)

    def touch(self) -> None:
        """Leave a sign of life: `alive_at` of the next run is when the last one came."""
        os.utime(self._fd)

    def items(self, prefix: str) -> dict[str, Value]:
        """Live keys that begin with `prefix`, oldest first."""
        with self._lock:
            return {key: value for key, value in self._live.items() if key.startswith(prefix)}

    def close(self) -> None:
        """Release the file."""
        os.close(self._fd)
