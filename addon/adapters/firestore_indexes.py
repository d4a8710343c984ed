"""deploy/firestore.indexes.json, made of the declared queries (Firebase CLI, firestore.indexes.json reference).

Automatic single-field indexes are off in every collection named here, so that a field costs storage only where a
query reads it; what is not declared is then refused by Firestore too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from addon.ports.indexes import ALL, Index

# Large collections that no query reads: they are listed by path alone.
UNQUERIED = ("audit",)


def _order(descending: bool) -> str:
    return "DESCENDING" if descending else "ASCENDING"


def _scope(index: Index) -> str:
    return "COLLECTION_GROUP" if index.group else "COLLECTION"


def _keys(index: Index) -> list[tuple[str, bool]]:
    return [*((field, False) for field in index.equal), *((index.order,) if index.order else ())]


def _composite(index: Index) -> dict[str, Any]:
    return {
        "collectionGroup": index.collection,
        "queryScope": _scope(index),
        "fields": [{"fieldPath": field, "order": _order(down)} for field, down in _keys(index)],
    }


def _overrides(declared: list[Index]) -> list[dict[str, Any]]:
    single: dict[tuple[str, str], list[dict[str, str]]] = {}
    for collection in {*UNQUERIED, *(index.collection for index in declared)}:
        single[collection, "*"] = []
    for index in declared:
        keys = _keys(index)
        if len(keys) == 1:
            ((field, down),) = keys
            orders = single.setdefault((index.collection, field), [])
            wanted = {"order": _order(down), "queryScope": _scope(index)}
            if wanted not in orders:
                orders.append(wanted)
    return [
        {"collectionGroup": collection, "fieldPath": field, "indexes": single[collection, field]}
        for collection, field in sorted(single)
    ]


def render(declared: Iterable[Index] = ALL) -> str:
    """The file's text; a query of one field needs a single-field index, of several a composite one."""
    declared = list(declared)
    composites = [_composite(index) for index in declared if len(_keys(index)) > 1]
    return json.dumps({"indexes": composites, "fieldOverrides": _overrides(declared)}, indent=2) + "\n"
