"""The document port on one SQLite file: the embedded default."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from addon.adapters.document_rules import MAX_PAGE, check_expiry, check_path, encode
from addon.adapters.sqlite_queries import IN_ORDER, index_sql, select
from addon.ports import indexes
from addon.ports.documents import AlreadyExists, Away, Body, Conflict, Document, Refused, Transaction

T = TypeVar("T")
BUSY_TIMEOUT_MS = 10_000
ATTEMPTS = 5

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
  path TEXT PRIMARY KEY, parent TEXT NOT NULL, collection TEXT NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID
"""


def _bodies(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:  # NaN and Infinity, which Firestore keeps and JSON does not know
        return json.loads(text)


def _row(row: tuple[str, str]) -> Document:
    return Document(row[0], json.loads(row[1]))


class _Work:
    """One open transaction; reads must come before writes, as Firestore demands."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._wrote = False

    def get(self, path: str) -> Document | None:
        check_path(path, document=True)
        if self._wrote:
            raise Refused("a transaction reads before it writes")
        row = self._connection.execute("SELECT path, body FROM documents WHERE path = ?", (path,)).fetchone()
        return _row(row) if row else None

    def create(self, path: str, body: Body) -> None:
        self._write("INSERT", path, body)

    def put(self, path: str, body: Body) -> None:
        self._write("INSERT OR REPLACE", path, body)

    def delete(self, path: str) -> None:
        check_path(path, document=True)
        self._wrote = True
        self._connection.execute("DELETE FROM documents WHERE path = ?", (path,))

    def _write(self, verb: str, path: str, body: Body) -> None:
        check_path(path, document=True)
        text = encode(body)
        check_expiry(path, body)
        parent = path.rsplit("/", 1)[0]
        self._wrote = True
        try:
            self._connection.execute(
                f"{verb} INTO documents VALUES (?, ?, ?, ?)",
                (path, parent, parent.rsplit("/", 1)[-1], text),
            )
        except sqlite3.IntegrityError as error:
            raise AlreadyExists(path) from error


class SqliteDocuments:
    """One file, WAL, a connection per thread; safe between processes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = self._open()
        connection.execute(_TABLE)
        for index in indexes.ALL:
            connection.execute(index_sql(index))
        connection.execute(f"CREATE INDEX IF NOT EXISTS paths ON documents ({IN_ORDER})")

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            try:
                connection = sqlite3.connect(self._file, isolation_level=None)
                connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
            except sqlite3.Error as error:
                raise Away(str(error)) from error
            self._local.connection = connection
        return connection

    def _read(self, sql: str, values: Iterable[Any]) -> list[Document]:
        try:
            rows = self._open().execute(sql, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise Away(str(error)) from error
        bodies = _bodies(f"[{','.join([body for _, body in rows])}]")
        return [Document(path, body) for (path, _), body in zip(rows, bodies, strict=True)]

    def get(self, path: str) -> Document | None:
        check_path(path, document=True)
        found = self._read("SELECT path, body FROM documents WHERE path = ?", (path,))
        return found[0] if found else None

    def get_many(self, paths: Iterable[str]) -> list[Document]:
        asked = list(dict.fromkeys(paths))
        for path in asked:
            check_path(path, document=True)
        marks = ",".join("?" * len(asked))
        sql = f"SELECT path, body FROM documents WHERE path IN ({marks})"  # noqa: S608 -- only question marks
        found = {document.path: document for document in self._read(sql, asked)}
        return [found[path] for path in asked if path in found]

    def create(self, path: str, body: Body) -> None:
        self.run(lambda work: work.create(path, body))

    def put(self, path: str, body: Body) -> None:
        self.run(lambda work: work.put(path, body))

    def delete(self, path: str) -> bool:
        def work(transaction: Transaction) -> bool:
            there = transaction.get(path) is not None
            transaction.delete(path)
            return there

        return self.run(work)

    def query(self, query: indexes.Query) -> list[Document]:
        return self._read(*select(query))

    def list_under(self, prefix: str, limit: int = MAX_PAGE, after: str = "") -> list[Document]:
        for segment in prefix.split("/"):
            if not segment:
                raise Refused("an empty path segment")
        low, high = (prefix + "\0").replace("/", "\0"), (prefix + "\1").replace("/", "\0")
        sql = f"SELECT path, body FROM documents WHERE {IN_ORDER} > ? AND {IN_ORDER} < ? ORDER BY {IN_ORDER} LIMIT ?"  # noqa: S608 -- a constant of ours
        return self._read(sql, (max(low, after.replace("/", "\0")), high, limit))

    def run(self, work: Callable[[Transaction], T]) -> T:
        connection = self._open()
        for attempt in range(ATTEMPTS):
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) and "busy" not in str(error):
                    raise Away(str(error)) from error
                time.sleep(0.05 * 2**attempt)
                continue
            try:
                result = work(_Work(connection))
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                connection.execute("ROLLBACK")
                raise Away(str(error)) from error
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            return result
        raise Conflict("the store is busy; try again")

    def ping(self) -> None:
        self._read("SELECT path, body FROM documents LIMIT 1", ())

    def scrub(self) -> None:
        """Fold the write-ahead log into the file, so that deleted bytes are gone from both."""
        try:
            self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise Away(str(error)) from error
