"""What Firestore refuses, refused by every adapter: paths, ids, types, nesting and size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from addon.ports.documents import Refused
from addon.ports.indexes import ALL, EXPIRING, OneOf, Query

MAX_BYTES = 1_048_576
MAX_DEPTH = 20
MAX_ID_BYTES = 1500
MAX_PAGE, MAX_ONE_OF = 500, 30
_INT64 = 2**63
_EXPIRING = frozenset(index.collection for index in EXPIRING)
_RESERVED = re.compile(r"__.*__")
# Ids as we make them: short, ASCII, not reserved; the long way round finds the same.
_ORDINARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9@.+_-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9@.+_-]{0,199})*")


def check_id(segment: str) -> None:
    """Raises Refused for an id that Firestore does not take."""
    if not segment or segment in {".", ".."} or _RESERVED.fullmatch(segment):
        raise Refused(f"bad path segment {segment[:40]!r}")
    try:
        size = len(segment.encode())
    except UnicodeEncodeError as error:
        raise Refused("a path segment is not UTF-8") from error
    if size > MAX_ID_BYTES:
        raise Refused("a path segment is longer than 1500 bytes")


def check_path(path: str, *, document: bool) -> None:
    """Raises Refused unless `path` names a document (even number of segments) or a collection (odd)."""
    if not _ORDINARY.fullmatch(path):
        for segment in path.split("/"):
            check_id(segment)
    if (path.count("/") % 2 == 1) is not document:
        raise Refused(f"{'a document' if document else 'a collection'} path has the wrong number of segments")


def check_expiry(path: str, body: Mapping[str, Any]) -> None:
    """Raises Refused for an `expires_at` that the expire job would never see."""
    collection = path.split("/")[-2]
    if "expires_at" in body and collection not in _EXPIRING:
        raise Refused(f"{collection} carries expires_at: declare it in EXPIRING of ports/indexes.py")


def check_query(query: Query) -> None:
    """Raises Refused unless the query is declared, has its values and asks for a page of its own collection."""
    index = query.index
    if index not in ALL:
        raise Refused(f"the query {index.name} is not declared")
    if len(query.equal) != len(index.equal) or not 1 <= query.limit <= MAX_PAGE:
        raise Refused(f"the query {index.name} has the wrong values")
    if not index.group:
        check_path(query.parent, document=False)
        if query.parent.rsplit("/", 1)[-1] != index.collection:
            raise Refused(f"{index.name} is not an index of {query.parent}")
    many = [value.values for value in query.equal if isinstance(value, OneOf)]
    if len(many) > 1 or any(not 1 <= len(values) <= MAX_ONE_OF for values in many):
        raise Refused(f"the query {index.name} takes one OneOf of 1 to {MAX_ONE_OF} values")


def _check_value(value: Any, depth: int, in_list: bool) -> None:
    if depth > MAX_DEPTH:
        raise Refused("nested deeper than 20")
    if value is None or isinstance(value, bool | str | float):
        return
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise Refused("an integer beyond 64 bits")
    elif isinstance(value, list):
        if in_list:
            raise Refused("an array inside an array")
        for item in value:
            _check_value(item, depth + 1, True)
    elif isinstance(value, Mapping):
        _check_map(value, depth)
    else:
        raise Refused(f"a {type(value).__name__} is not a document value")


def _check_map(body: Mapping[str, Any], depth: int) -> None:
    for key, item in body.items():
        if not isinstance(key, str) or not key or _RESERVED.fullmatch(key):
            raise Refused("a field name must be text, not empty and not __reserved__")
        _check_value(item, depth + 1, False)


def encode(body: Mapping[str, Any]) -> str:
    """The body as JSON text; raises Refused for what Firestore would refuse."""
    if not isinstance(body, Mapping):
        raise Refused("a document is a map")
    _check_map(body, 0)
    try:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=True)
        size = len(text.encode())
    except (UnicodeEncodeError, RecursionError) as error:
        raise Refused("a text is not UTF-8") from error
    if size > MAX_BYTES:
        raise Refused("a document is larger than 1 MiB")
    return text
