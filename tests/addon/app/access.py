"""Which documents a piece of work touched, read or written: the store's own statements tell."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from addon.adapters.sqlite_documents import SqliteDocuments

_PATH = re.compile(r"'((?:tenants|domains|signed)/[^']*)'")


@contextmanager
def watched(documents: SqliteDocuments) -> Iterator[list[str]]:
    """Every path in a statement of this thread, in order."""
    touched: list[str] = []
    connection: sqlite3.Connection = documents._open()
    connection.set_trace_callback(lambda sql: touched.extend(_PATH.findall(sql)))
    try:
        yield touched
    finally:
        connection.set_trace_callback(None)


def everything(documents: SqliteDocuments, prefix: str) -> dict[str, object]:
    """All documents below a path."""
    found, after = {}, ""
    while page := documents.list_under(prefix, after=after):
        found |= {document.path: document.body for document in page}
        after = page[-1].path
    return found
