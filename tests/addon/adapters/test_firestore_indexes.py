"""Firestore's index file is what the declared queries need, no more and no less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from addon.adapters.firestore_indexes import render
from addon.ports.indexes import ALL, Index

pytestmark = pytest.mark.pure
FILE = Path(__file__).parents[3] / "deploy" / "firestore.indexes.json"


def needs(index: Index) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Collection, scope and sorted fields that serve a query: equalities ascending, then its order."""
    fields = [(field, "ASCENDING") for field in index.equal]
    if index.order is not None:
        fields.append((index.order[0], "DESCENDING" if index.order[1] else "ASCENDING"))
    return index.collection, "COLLECTION_GROUP" if index.group else "COLLECTION", tuple(fields)


def offered(text: str) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """Every index that Firestore would keep after reading the file, in the collections that the file names."""
    found = json.loads(text)
    composites = {
        (i["collectionGroup"], i["queryScope"], tuple((f["fieldPath"], f["order"]) for f in i["fields"]))
        for i in found["indexes"]
    }
    single = {
        (o["collectionGroup"], i["queryScope"], ((o["fieldPath"], i["order"]),))
        for o in found["fieldOverrides"]
        for i in o["indexes"]
    }
    return composites | single


def test_the_file_is_what_the_declared_queries_say() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "python -m addon indexes writes it"


def test_every_declared_query_has_its_index_and_no_index_is_idle() -> None:
    assert len(ALL) >= 10 and offered(render()) == {needs(index) for index in ALL}


def test_fields_that_no_query_reads_are_not_indexed() -> None:
    off = {o["collectionGroup"] for o in json.loads(render())["fieldOverrides"] if o["fieldPath"] == "*"}
    assert off == {index.collection for index in ALL} | {"audit"}
    assert all(not o["indexes"] for o in json.loads(render())["fieldOverrides"] if o["fieldPath"] == "*")


def test_one_field_in_two_orders_is_one_override() -> None:
    up, down = Index("a", "calls", (), ("at", False)), Index("b", "calls", (), ("at", True))
    found = json.loads(render([up, down, up]))
    assert [len(o["indexes"]) for o in found["fieldOverrides"] if o["fieldPath"] == "at"] == [2]
    assert found["indexes"] == []
