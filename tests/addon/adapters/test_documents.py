"""Every document store keeps the same promises; the count of checks is printed per adapter."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from addon.adapters.firestore_documents import connect
from addon.adapters.sqlite_documents import SqliteDocuments
from addon.ports.documents import AlreadyExists, Documents, Refused, Transaction
from addon.ports.indexes import (
    ALL,
    CALLS_BY_START,
    CALLS_WITH_PEER,
    RECORDINGS_DUE,
    USERS_BY_EMAIL,
    Index,
    OneOf,
    Query,
)
from tests.peers.firestore import Emulator
from tests.tally import same_checks

SQLITE = pytest.param("sqlite", marks=pytest.mark.pure)
FIRESTORE = pytest.param("firestore", marks=pytest.mark.loopback)
CALLS = "tenants/t/users/u/calls"
# A busy machine is slow, not away; what the deadline is for has a test of its own.
PATIENT_SECONDS = 60.0
MIN_CHECKS = 50
RAN: Counter[str] = Counter()
# What is checked of one adapter alone, and why.
EXEMPT = {
    "test_racing_processes_lose_no_update": "SQLite: a hundred updates from four processes",
    "test_racing_threads_lose_no_update": "Firestore: the emulator's locks take seconds, so four updates from two threads",
    "test_deleted_bytes_are_gone_from_the_file": "SQLite: only it keeps a file here",
}


@pytest.fixture(params=[SQLITE, FIRESTORE])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    if request.param == "sqlite":
        made: Documents = SqliteDocuments(tmp_path / "d.sqlite")
    else:
        emulator = request.getfixturevalue("firestore_emulator")
        made = connect(f"p{uuid.uuid4().hex[:12]}", emulator=emulator.host, deadline_seconds=PATIENT_SECONDS)
    RAN[request.param] += 1
    return made


def test_what_was_put_is_read_back_with_every_type(store: Documents) -> None:
    body = {"s": "ñ\u2068", "i": -(2**63), "f": 0.5, "n": None, "b": True, "l": [1, {"x": [2]}], "m": {"k": {}}}
    store.put("a/b", body)
    found = store.get("a/b")
    assert found is not None and found.body == body and found.id == "b" and store.get("a/c") is None


def test_create_refuses_a_second_time_and_keeps_the_first(store: Documents) -> None:
    store.create("a/b", {"n": 1})
    with pytest.raises(AlreadyExists):
        store.create("a/b", {"n": 2})
    found = store.get("a/b")
    assert found is not None and found.body == {"n": 1}


def test_delete_says_whether_something_was_there(store: Documents) -> None:
    store.put("a/b", {})
    assert store.delete("a/b") is True and store.delete("a/b") is False and store.get("a/b") is None


def test_get_many_leaves_missing_ones_out(store: Documents) -> None:
    store.put("a/b", {})
    store.put("a/d", {})
    assert [d.path for d in store.get_many(["a/b", "a/c", "a/d"])] == ["a/b", "a/d"]


def deep(levels: int) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for _ in range(levels):
        body = {"x": body}
    return body


@pytest.mark.parametrize(
    "body",
    [
        {"x": [[1]]},
        {"x": 2**63},
        {"x": "a" * 1_048_577},
        deep(25),
        {"": 1},
        {"__x__": 1},
        {"x": b"bytes"},
        {"x": {1: 2}},
        {"x": "\ud800"},
        {"x": {1, 2}},
        {"x": object()},
    ],
)
def test_a_body_that_firestore_refuses_is_refused(store: Documents, body: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        store.put("a/b", body)
    assert store.get("a/b") is None


@pytest.mark.parametrize(
    "path", ["", "a", "a/b/c", "a//b", "/a/b", "a/b/", "a/.", "a/..", "a/__id__", "a/" + "x" * 1501, "a/\ud800"]
)
def test_a_path_that_firestore_refuses_is_refused(store: Documents, path: str) -> None:
    for act in (lambda: store.get(path), lambda: store.put(path, {}), lambda: store.delete(path)):
        with pytest.raises(Refused):
            act()


def test_a_query_is_ordered_bounded_limited_and_stays_in_its_parent(store: Documents) -> None:
    for at in (3, 1, 2, 5, 4):
        store.put(f"{CALLS}/{at}", {"started_at": float(at), "peer": "p" if at % 2 else "q"})
    store.put("tenants/t/users/other/calls/9", {"started_at": 9.0, "peer": "p"})
    store.put(f"{CALLS}/undated", {"peer": "p"})
    ids = [d.id for d in store.query(Query(CALLS_BY_START, CALLS))]
    assert ids == ["5", "4", "3", "2", "1"]
    assert [d.id for d in store.query(Query(CALLS_BY_START, CALLS, at_most=4, at_least=2, limit=2))] == ["4", "3"]
    assert [d.id for d in store.query(Query(CALLS_WITH_PEER, CALLS, equal=("p",)))] == ["5", "3", "1"]


def test_many_are_read_in_the_order_asked_without_the_missing(store: Documents) -> None:
    for n in range(5):
        store.put(f"a/{n}", {"n": n, "text": f'"],[{n}'})
    asked = ["a/3", "a/9", "a/0", "a/3", "a/4"]
    assert [(d.path, d.body["n"]) for d in store.get_many(asked)] == [("a/3", 3), ("a/0", 0), ("a/4", 4)]
    assert store.get_many([]) == [] and store.get_many(["a/9"]) == []
    assert len(store.get_many(f"a/{n}" for n in range(500))) == 5
    with pytest.raises(Refused):
        store.get_many(["a/1", "a"])


def test_one_of_several_values_is_merged_in_order(store: Documents) -> None:
    for at in range(20):
        store.put(f"{CALLS}/{at:02}", {"started_at": float(at % 10), "peer": "pqrs"[at % 4]})
    both = Query(CALLS_WITH_PEER, CALLS, equal=(OneOf(("p", "q")),), limit=6)
    ids = [d.id for d in store.query(both)]
    whole = sorted((f"{at:02}" for at in range(20) if at % 4 < 2), key=lambda id_: (int(id_) % 10, id_), reverse=True)
    assert ids == whole[:6]
    assert [
        d.id for d in store.query(Query(CALLS_WITH_PEER, CALLS, equal=(OneOf(("p",)),), at_most=5, at_least=4))
    ] == ["04"]
    assert store.query(Query(CALLS_WITH_PEER, CALLS, equal=(OneOf(("z", "y")),))) == []


def test_a_group_query_crosses_parents(store: Documents) -> None:
    for owner in "ab":
        store.put(f"tenants/t/users/{owner}/recordings/r", {"purge_at": 5})
    assert len(store.query(Query(RECORDINGS_DUE, at_most=5))) == 2
    assert store.query(Query(RECORDINGS_DUE, at_most=4)) == []


@pytest.mark.parametrize("index", [RECORDINGS_DUE, CALLS_BY_START], ids=lambda index: index.name)
def test_pages_follow_each_other_even_where_the_order_field_is_the_same(store: Documents, index: Index) -> None:
    assert index.order is not None
    field, parent = index.order[0], "" if index.group else "a/b/calls"
    owners = ("b", "c") if index.group else ("b",)
    paths = [f"a/{owner}/{index.collection}/{n}" for owner in owners for n in range(8)]
    for place, path in enumerate(paths):
        store.put(path, {field: place // 4})
    seen: list[str] = []
    after = None
    while page := store.query(Query(index, parent, limit=3, after=after)):
        seen += [d.path for d in page]
        after = (page[-1].body[field], page[-1].path)
    assert sorted(seen) == sorted(paths) and seen == [d.path for d in store.query(Query(index, parent))]


@pytest.mark.parametrize(
    "query",
    [
        Query(Index("nope", "calls"), CALLS),
        Query(CALLS_WITH_PEER, CALLS),
        Query(CALLS_BY_START, CALLS, limit=0),
        Query(CALLS_BY_START, CALLS, limit=501),
        Query(CALLS_BY_START, "tenants/t"),
        Query(CALLS_BY_START, "tenants"),
        Query(CALLS_WITH_PEER, CALLS, equal=(OneOf(()),)),
        Query(CALLS_WITH_PEER, CALLS, equal=(OneOf(tuple(range(31))),)),
    ],
)
def test_an_undeclared_or_wrong_query_is_refused(store: Documents, query: Query) -> None:
    with pytest.raises(Refused):
        store.query(query)


def test_everything_under_a_prefix_is_listed_in_pages(store: Documents) -> None:
    paths = ["t/a/u/1", "t/a/u/1/c/2", "t/a/u/2"]
    for path in [*paths, "t/ab/u/1", "t/b/u/1"]:
        store.put(path, {})
    assert [d.path for d in store.list_under("t/a")] == paths
    assert [d.path for d in store.list_under("t/a", limit=1, after=paths[0])] == [paths[1]]


def test_a_listing_goes_segment_by_segment_and_its_pages_are_the_whole(store: Documents) -> None:
    paths = ["t/a/u/1", "t/a/u/1/c/2", "t/a/u/1-x", "t/a/u/2", "t/a/v/3", "t/a-b/u/1", "t/ab/u/1", "t/b/u/1", "t/b/u/ñ"]
    for path in [*reversed(paths), "s/z", "t-/a"]:
        store.put(path, {"n": path})
    assert [d.path for d in store.list_under("t")] == paths
    assert [d.path for d in store.list_under("t/a")] == paths[:5]
    assert [d.path for d in store.list_under("t/a/u")] == paths[:4]
    assert store.list_under("nobody") == [] == store.list_under("nobody/there")
    for prefix, expected in (("t", paths), ("t/a", paths[:5]), ("t/a/u", paths[:4])):
        seen: list[str] = []
        while page := store.list_under(prefix, limit=2, after=seen[-1] if seen else ""):
            seen += [d.path for d in page]
        assert seen == expected


def test_values_of_another_kind_stay_out_of_an_ordered_query(store: Documents) -> None:
    for name, value in (("n", 2), ("f", 1.5), ("s", "3"), ("z", None), ("b", True), ("m", {"x": 1})):
        store.put(f"{CALLS}/{name}", {"started_at": value})
    assert [d.id for d in store.query(Query(CALLS_BY_START, CALLS))] == ["n", "f"]


def test_a_query_by_value_finds_all_that_have_it(store: Documents) -> None:
    for name, email in (("b", "x@a"), ("a", "x@a"), ("c", "y@a"), ("d", "X@a")):
        store.put(f"tenants/t/users/{name}", {"email": email})
    found = store.query(Query(USERS_BY_EMAIL, "tenants/t/users", ("x@a",)))
    assert [d.id for d in found] == ["a", "b"]
    assert len(store.query(Query(USERS_BY_EMAIL, "tenants/t/users", ("x@a",), limit=1))) == 1


@pytest.mark.parametrize("path", ["tenants/t/users/u", "users/u"])
def test_an_expiry_that_no_job_sees_is_refused(store: Documents, path: str) -> None:
    with pytest.raises(Refused):
        store.put(path, {"expires_at": 1.0})
    assert store.get(path) is None


def test_a_transaction_is_all_of_its_writes_and_answers(store: Documents) -> None:
    store.put("a/old", {})

    def work(transaction: Transaction) -> str:
        assert transaction.get("a/b") is None and transaction.get("a/old") is not None
        transaction.create("a/b", {"n": 1})
        transaction.put("a/b", {"n": 2})
        transaction.delete("a/old")
        transaction.delete("a/never")
        return "done"

    assert store.run(work) == "done"
    found = store.get("a/b")
    assert found is not None and found.body == {"n": 2} and store.get("a/old") is None


def test_creating_what_is_there_undoes_the_transaction(store: Documents) -> None:
    store.put("a/b", {"n": 1})

    def work(transaction: Transaction) -> None:
        transaction.put("a/c", {})
        transaction.create("a/b", {"n": 2})

    with pytest.raises(AlreadyExists):
        store.run(work)
    assert store.get("a/c") is None
    assert store.run(lambda transaction: transaction.get("a/c")) is None


@pytest.mark.parametrize("path", ["", "a", "a/b/c", "a//b", "a/__id__"])
def test_a_transaction_refuses_what_the_store_refuses(store: Documents, path: str) -> None:
    for act in (
        lambda t: t.get(path),
        lambda t: t.put(path, {}),
        lambda t: t.create(path, {}),
        lambda t: t.delete(path),
    ):
        with pytest.raises(Refused):
            store.run(act)


def test_scrubbing_keeps_what_is_there(store: Documents) -> None:
    store.put("a/b", {"n": 1})
    store.scrub()
    assert store.get("a/b") is not None


def test_a_failed_transaction_leaves_nothing(store: Documents) -> None:
    def work(transaction: Transaction) -> None:
        transaction.put("a/b", {"n": 1})
        transaction.create("a/c", {})
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.run(work)
    assert store.get("a/b") is None and store.get("a/c") is None


def test_a_transaction_reads_before_it_writes(store: Documents) -> None:
    def work(transaction: Transaction) -> None:
        transaction.put("a/b", {})
        transaction.get("a/b")

    with pytest.raises(Refused):
        store.run(work)


def test_ping_and_every_declared_index_answers(store: Documents) -> None:
    store.ping()
    for index in ALL:
        parent = "" if index.group else f"tenants/t/{index.collection}"
        assert store.query(Query(index, parent, equal=tuple("x" for _ in index.equal))) == []


def add(file: str, times: int) -> None:
    """Add one, `times` times, in a process of its own."""
    documents = SqliteDocuments(Path(file))
    for _ in range(times):
        documents.run(increment)


def increment(transaction: Transaction) -> None:
    found = transaction.get("a/n")
    transaction.put("a/n", {"n": (found.body["n"] if found else 0) + 1})


@pytest.mark.pure
def test_racing_processes_lose_no_update(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    documents = SqliteDocuments(file)
    context = multiprocessing.get_context("spawn")
    runners = [context.Process(target=add, args=(str(file), 25)) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    found = documents.get("a/n")
    assert found is not None and found.body["n"] == 100


@pytest.mark.loopback
def test_racing_threads_lose_no_update(firestore_emulator: Emulator) -> None:
    documents = connect(f"p{uuid.uuid4().hex[:12]}", emulator=firestore_emulator.host, deadline_seconds=PATIENT_SECONDS)
    racers = [threading.Thread(target=lambda: [documents.run(increment) for _ in range(2)]) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    found = documents.get("a/n")
    assert found is not None and found.body["n"] == 4


@pytest.mark.pure
def test_deleted_bytes_are_gone_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    documents = SqliteDocuments(file)
    documents.put("a/b", {"secret": "CANARY-31415926"})
    documents.delete("a/b")
    documents.scrub()
    assert all(b"CANARY-31415926" not in p.read_bytes() for p in tmp_path.iterdir())


@pytest.mark.pure
def test_every_adapter_passes_the_same_checks(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    same_checks(request, capsys, RAN, EXEMPT, MIN_CHECKS, "document")
