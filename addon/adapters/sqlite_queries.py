"""Declared queries as SQL over the documents table (`path`, `parent`, `collection`, `body` as JSON text)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from addon.adapters.document_rules import check_query
from addon.ports import indexes

# Paths in Firestore's order: segment by segment, not letter by letter ("a/b" before "a-b").
IN_ORDER = "replace(path, '/', char(0))"


def _field(name: str) -> str:
    return f"json_extract(body, '$.{name}')"


def _has_number(name: str) -> str:
    """As in Firestore, a document without the field that orders is not found; SQLite drops this where an index says it."""
    return f"json_type(body, '$.{name}') IN ('integer', 'real')"


def index_sql(index: indexes.Index) -> str:
    """What creates an index; its last column breaks ties, so that no query along it sorts."""
    columns = ["collection" if index.group else "parent", *(_field(f) for f in index.equal)]
    where, way = f"collection = '{index.collection}'", " DESC" if index.order and index.order[1] else ""
    if index.order:
        columns.append(_field(index.order[0]) + way)
        where += f" AND {_has_number(index.order[0])}"
    columns.append("path" + way)
    return f'CREATE INDEX IF NOT EXISTS "{index.name}" ON documents ({", ".join(columns)}) WHERE {where}'


@lru_cache(maxsize=256)
def _statement(index: indexes.Index, low: bool, high: bool, after: bool, limit: int, ways: int) -> str:
    """`ways` selects, one per value of a OneOf: each runs along the index and reads no more than it can show."""
    where = [f"collection = '{index.collection}'"] + ([] if index.group else ["parent = ?"])
    where += [f"{_field(name)} = ?" for name in index.equal]
    field, sign, way = "path", ">", "ASC"
    if index.order:
        field, (sign, way) = _field(index.order[0]), ("<", "DESC") if index.order[1] else (">", "ASC")
        where.append(_has_number(index.order[0]))
        where += [f"{field} >= ?"] * low + [f"{field} <= ?"] * high + [f"({field}, path) {sign} (?, ?)"] * after
    rows = f"FROM documents WHERE {' AND '.join(where)} ORDER BY {field} {way}, path {way} LIMIT {limit}"
    if ways == 1:
        return f"SELECT path, body {rows}"
    one = f"SELECT * FROM (SELECT path, body, {field} AS place {rows})"  # noqa: S608 -- the same
    merged = " UNION ALL ".join([one] * ways)
    return f"SELECT path, body FROM ({merged}) ORDER BY place {way}, path {way} LIMIT {limit}"  # noqa: S608 -- the same


def select(query: indexes.Query) -> tuple[str, list[Any]]:
    """The statement and its values; raises Refused for a query that is not declared or has the wrong values."""
    check_query(query)
    many = [value.values for value in query.equal if isinstance(value, indexes.OneOf)] or [("",)]
    low, high, after = query.at_least is not None, query.at_most is not None, query.after is not None
    values: list[Any] = []
    for one in many[0]:
        values += [] if query.index.group else [query.parent]
        values += [one if isinstance(value, indexes.OneOf) else value for value in query.equal]
        values += [bound for bound in (query.at_least, query.at_most) if bound is not None]
        values += query.after or ()
    return _statement(query.index, low, high, after, query.limit, len(many[0])), values
