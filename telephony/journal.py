"""What must survive a kill: a small keyed store in one append-only, checksummed, fsynced file.

One commit may put and drop many keys and is kept whole or not at all, so that "the call is over"
and "its event waits" are one step.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_COMPACT_AFTER = 2000

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


class Journal:
    """Keyed values on disk; `commit` returns after fsync. Safe to call from threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._lock = threading.Lock()
        data = path.read_bytes() if path.exists() else b""
        self._live, intact = _read(data)
        self.torn_bytes = len(data) - intact
        self._rewrite()

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        with open(fresh, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(_line(self._live, ()))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._file = open(self._path, "ab", buffering=0)
        self._lines = 0

    def commit(self, put: Mapping[str, Value] | None = None, drop: Iterable[str] = ()) -> None:
        """Put and drop keys as one durable step."""
        put, drop = put or {}, tuple(drop)
        with self._lock:
            self._file.write(_line(put, drop))
            os.fsync(self._file.fileno())
            self._live.update(put)
            for key in drop:
                self._live.pop(key, None)
            self._lines += 1
            if self._lines >= _COMPACT_AFTER:
                self._file.close()
                self._rewrite()

    def items(self, prefix: str) -> dict[str, Value]:
        """Live keys that begin with `prefix`, oldest first."""
        with self._lock:
            return {key: value for key, value in self._live.items() if key.startswith(prefix)}

    def close(self) -> None:
        """Release the file."""
        self._file.close()
