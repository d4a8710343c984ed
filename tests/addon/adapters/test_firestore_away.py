"""A Firestore that is frozen or gone is told as Away within three seconds, loses nothing, and is found again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from addon.adapters.firestore_documents import FirestoreDocuments, connect
from addon.ports.documents import Away, Transaction
from addon.ports.indexes import CALLS_BY_START, Query
from tests.peers import firestore

pytestmark = pytest.mark.loopback
LIMIT_SECONDS = 3.0
RETURN_SECONDS = 30.0


@pytest.fixture
def own(tmp_path: Path) -> Iterator[firestore.Emulator]:
    if hint := firestore.missing():
        pytest.skip(hint)
    emulator = firestore.Emulator(tmp_path / "emulator.log")
    yield emulator
    emulator.stop()


def count(transaction: Transaction) -> None:
    found = transaction.get("a/n")
    transaction.put("a/n", {"n": (found.body["n"] if found else 0) + 1})


def every_verb(store: FirestoreDocuments) -> list[Callable[[], object]]:
    return [
        store.ping,
        lambda: store.put("a/b", {}),
        lambda: store.delete("a/b"),
        lambda: store.query(Query(CALLS_BY_START, "a/b/calls")),
        lambda: store.run(count),
    ]


def away(store: FirestoreDocuments) -> None:
    for verb in every_verb(store):
        began = time.monotonic()
        with pytest.raises(Away):
            verb()
        assert time.monotonic() - began < LIMIT_SECONDS


def answers_again(store: FirestoreDocuments) -> None:
    until = time.monotonic() + RETURN_SECONDS
    while True:
        try:
            store.ping()
        except Away:
            assert time.monotonic() < until
        else:
            return


def test_frozen_then_thawed(own: firestore.Emulator) -> None:
    store = connect("frozen", emulator=own.host)
    store.run(count)
    own.freeze()
    away(store)
    own.thaw()
    answers_again(store)
    assert store.list_under("a") and store.get("a/n") is not None


def test_gone_then_started_again(own: firestore.Emulator, tmp_path: Path) -> None:
    store = connect("gone", emulator=own.host)
    store.run(count)
    own.kill()
    away(store)
    again = firestore.Emulator(tmp_path / "again.log", own.port)
    try:
        answers_again(store)
        store.run(count)
        found = store.get("a/n")
        assert found is not None and found.body["n"] == 1
    finally:
        again.stop()
