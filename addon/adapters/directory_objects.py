"""The object port on a local directory: an index in SQLite, bytes in files whose names are random.

No name of an object ever becomes a path, so that none can leave the directory (OWASP ASVS 5.0 5.3.2).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from addon.adapters.object_rules import check_announced, check_name, check_part, check_range
from addon.ports.objects import BadUpload, Changed, Held, NoObject, ObjectsAway, Stored

BUSY_SECONDS = 10.0
_READ_BYTES = 1 << 20
UPLOAD_SECONDS = 7 * 86_400.0
OVERDUE_SECONDS = 86_400.0

_TABLES = """
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  type TEXT NOT NULL, purge_at REAL, started_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS objects (
  generation INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, upload TEXT NOT NULL UNIQUE,
  size INTEGER NOT NULL, sha256 TEXT NOT NULL, type TEXT NOT NULL, purge_at REAL, held INTEGER NOT NULL DEFAULT 0);
"""
_COLUMNS = "name, generation, size, sha256, type, purge_at, held"


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


class DirectoryObjects:
    """One directory; safe between threads and processes. `now` dates unfinished uploads."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._bytes = folder / "bytes"
        self._index = folder / "index.sqlite"
        self._now = now
        self._bytes.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._connection() as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._index, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise ObjectsAway(type(error).__name__) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _stored(self, connection: sqlite3.Connection, where: str, value: str) -> Stored | None:
        sql = f"SELECT {_COLUMNS} FROM objects WHERE {where} = ?"  # noqa: S608 -- both parts are constants of this file
        row = connection.execute(sql, (value,)).fetchone()
        if row is None:
            return None
        stored_name, generation, size, sha256, content_type, purge_at, held = row
        return Stored(stored_name, generation, size, sha256, content_type, purge_at, bool(held))

    def _must(self, connection: sqlite3.Connection, name: str) -> Stored:
        check_name(name)
        found = self._stored(connection, "name", name)
        if found is None:
            raise NoObject(name)
        return found

    def _file(self, upload: str) -> Path:
        return self._bytes / upload

    def _size(self, upload: str) -> int:
        file = self._file(upload)
        return file.stat().st_size if file.exists() else 0

    def start_upload(self, name: str, size_bytes: int, sha256: str, content_type: str, purge_at: float | None) -> str:
        """Open a resumable upload; raises Changed when the name is taken."""
        check_name(name)
        check_announced(size_bytes, sha256)
        upload = secrets.token_hex(16)
        with self._change() as connection:
            if self._stored(connection, "name", name) is not None:
                raise Changed(name)
            values = (upload, name, size_bytes, sha256, content_type, purge_at, self._now())
            connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        return upload

    def received(self, upload: str) -> int:
        """Bytes stored so far; the whole size when the object is finished."""
        with self._connection() as connection:
            done = self._stored(connection, "upload", upload)
            if done is not None:
                return done.size_bytes
            if connection.execute("SELECT 1 FROM uploads WHERE id = ?", (upload,)).fetchone() is None:
                raise NoObject("no such upload")
            return self._size(upload)

    def write(self, upload: str, offset: int, data: bytes) -> Stored | None:
        """Append at `offset`; a repeated last part of a finished upload answers the object again."""
        with self._change() as connection:
            done = self._stored(connection, "upload", upload)
            if done is not None:
                return done
            row = connection.execute("SELECT name, size, sha256 FROM uploads WHERE id = ?", (upload,)).fetchone()
            if row is None:
                raise NoObject("no such upload")
            self._append(upload, offset, data, int(row[1]))
            if offset + len(data) < row[1]:
                return None
            return self._finish(connection, upload, row[0], row[2])

    def _append(self, upload: str, offset: int, data: bytes, size_bytes: int) -> None:
        check_part(offset, len(data), size_bytes, self._size(upload))
        with open(self._file(upload), "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())

    def _finish(self, connection: sqlite3.Connection, upload: str, name: str, sha256: str) -> Stored:
        if _digest(self._file(upload)) != sha256:
            os.truncate(self._file(upload), 0)
            raise BadUpload("the checksum is another", 0)
        if self._stored(connection, "name", name) is not None:
            raise Changed(name)
        connection.execute(
            "INSERT INTO objects (name, upload, size, sha256, type, purge_at)"
            " SELECT name, id, size, sha256, type, purge_at FROM uploads WHERE id = ?",
            (upload,),
        )
        connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))
        return self._must(connection, name)

    def stat(self, name: str) -> Stored:
        """Raises NoObject."""
        with self._connection() as connection:
            return self._must(connection, name)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """A range of bytes; past the end it is empty."""
        check_range(start, length)
        with self._connection() as connection:
            self._must(connection, name)
            (upload,) = connection.execute("SELECT upload FROM objects WHERE name = ?", (name,)).fetchone()
            with self._file(upload).open("rb") as source:
                source.seek(start)
                return source.read() if length is None else source.read(length)

    def set_purge_at(self, name: str, purge_at: float | None) -> Stored:
        """Change the purge date."""
        with self._change() as connection:
            self._must(connection, name)
            connection.execute("UPDATE objects SET purge_at = ? WHERE name = ?", (purge_at, name))
            return self._must(connection, name)

    def set_hold(self, name: str, held: bool) -> Stored:
        """Set or lift the hold."""
        with self._change() as connection:
            self._must(connection, name)
            connection.execute("UPDATE objects SET held = ? WHERE name = ?", (int(held), name))
            return self._must(connection, name)

    def delete(self, name: str, generation: int) -> None:
        """The bytes go before the row: a crash between them leaves a row that the next try removes."""
        with self._change() as connection:
            found = self._must(connection, name)
            if found.generation != generation:
                raise Changed(name)
            if found.held:
                raise Held(name)
            (upload,) = connection.execute("SELECT upload FROM objects WHERE name = ?", (name,)).fetchone()
            self._file(upload).unlink(missing_ok=True)
            connection.execute("DELETE FROM objects WHERE name = ?", (name,))

    def drop_uploads(self, started_before: float) -> int:
        """Forget unfinished uploads with their bytes; how many there were."""
        with self._change() as connection:
            rows = connection.execute("SELECT id FROM uploads WHERE started_at < ?", (started_before,)).fetchall()
            for (upload,) in rows:
                self._file(upload).unlink(missing_ok=True)
                connection.execute("DELETE FROM uploads WHERE id = ?", (upload,))
            return len(rows)

    def apply_lifecycle(self, now: float) -> int:
        """Unfinished uploads a week old and objects a day past their purge date go; held objects stay."""
        gone = self.drop_uploads(now - UPLOAD_SECONDS)
        with self._change() as connection:
            rows = connection.execute(
                "SELECT generation, upload FROM objects WHERE held = 0 AND purge_at <= ?", (now - OVERDUE_SECONDS,)
            ).fetchall()
            for generation, upload in rows:
                self._file(upload).unlink(missing_ok=True)
                connection.execute("DELETE FROM objects WHERE generation = ?", (generation,))
        return gone + len(rows)

    def ping(self) -> None:
        """Raises ObjectsAway."""
        with self._connection() as connection:
            connection.execute("SELECT 1 FROM objects LIMIT 1").fetchone()
