"""Call records, recordings and blocks of each user."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from addon.ports.documents import Documents, Transaction
from addon.ports.indexes import CALLS_BY_START, CALLS_WITH_PEER, RECORDINGS_BY_START, OneOf, Query
from addon.store.audit import AuditTrail
from contract.calls import CallId
from contract.numbers import UserId
from contract.wire import from_plain, to_plain


def _call_body(record: CallRecord) -> dict[str, Any]:
    return {"record": to_plain(record), "started_at": record.started_at, "peer": record.peer.address}


class Calls:
    """One record per owner and call."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _collection(self, user: UserId) -> str:
        return f"{self._root}/users/{user}/calls"

    def add(self, user: UserId, record: CallRecord) -> bool:
        """False when the call is there already; what came before it about its recording is put on the record."""
        path, recording, failure = self._paths(user, record.call)

        def work(transaction: Transaction) -> bool:
            if transaction.get(path) is not None:
                return False
            recorded, failed = transaction.get(recording) is not None, transaction.get(failure)
            reason = failed.body["reason"] if failed and not recorded else record.recording_problem
            kept = record.call if recorded else record.recording
            full = replace(record, recording=kept, recording_problem=reason)
            transaction.create(path, _call_body(full))
            transaction.delete(failure)
            return True

        return self._documents.run(work)

    def _paths(self, user: UserId, call: CallId) -> tuple[str, str, str]:
        mine = f"{self._root}/users/{user}"
        return f"{mine}/calls/{call}", f"{mine}/recordings/{call}", f"{mine}/failures/{call}"

    def note_failure(self, user: UserId, call: CallId, reason: str) -> None:
        """A recording was due and is lost; kept aside when the call's own record has not come yet."""
        path, recording, failure = self._paths(user, call)

        def work(transaction: Transaction) -> None:
            found, recorded = transaction.get(path), transaction.get(recording)
            if recorded is not None:
                return
            if found is None:
                transaction.put(failure, {"reason": reason})
                return
            record = replace(from_plain(CallRecord, found.body["record"]), recording="", recording_problem=reason)
            transaction.put(path, _call_body(record))

        self._documents.run(work)

    def change(self, user: UserId, call: CallId, *, recording: str) -> None:
        """Note the recording on the record, when there is one."""
        path = f"{self._collection(user)}/{call}"

        def work(transaction: Transaction) -> None:
            found = transaction.get(path)
            if found is not None:
                record = from_plain(CallRecord, found.body["record"])
                transaction.put(path, _call_body(replace(record, recording=recording, recording_problem="")))

        self._documents.run(work)

    def get(self, user: UserId, call: CallId) -> CallRecord | None:
        """The record, or None."""
        found = self._documents.get(f"{self._collection(user)}/{call}")
        return from_plain(CallRecord, found.body["record"]) if found else None

    def latest(self, user: UserId, limit: int = 20) -> list[CallRecord]:
        """Newest first."""
        found = self._documents.query(Query(CALLS_BY_START, self._collection(user), limit=limit))
        return [from_plain(CallRecord, d.body["record"]) for d in found]

    def count(self, user: UserId) -> int:
        """How many there are."""
        found, after = 0, ""
        while page := self._documents.list_under(self._collection(user), after=after):
            found, after = found + len(page), page[-1].path
        return found

    def with_peers(self, user: UserId, addresses: Iterable[str], limit: int = 5) -> list[CallRecord]:
        """Calls with any of these numbers (at most 30), newest first."""
        asked = OneOf(tuple(dict.fromkeys(addresses)))
        if not asked.values:
            return []
        found = self._documents.query(Query(CALLS_WITH_PEER, self._collection(user), (asked,), limit=limit))
        return [from_plain(CallRecord, d.body["record"]) for d in found]


class Recordings:
    """Stored recordings; the purge date is indexed over all tenants for the sweep."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def _path(self, user: UserId, call: CallId) -> str:
        return f"{self._root}/users/{user}/recordings/{call}"

    def add(self, user: UserId, recording: Recording) -> bool:
        """False when it is there already."""

        def work(transaction: Transaction) -> bool:
            if transaction.get(self._path(user, recording.call)) is not None:
                return False
            transaction.create(self._path(user, recording.call), to_plain(recording))
            return True

        return self._documents.run(work)

    def put(self, user: UserId, recording: Recording) -> None:
        """Replace (a new purge date, a hold)."""
        self._documents.put(self._path(user, recording.call), to_plain(recording))

    def get(self, user: UserId, call: CallId) -> Recording | None:
        """The recording, or None."""
        found = self._documents.get(self._path(user, call))
        return from_plain(Recording, found.body) if found else None

    def get_many(self, user: UserId, calls: Iterable[CallId]) -> dict[CallId, Recording]:
        """Those of the calls that have a recording."""
        found = self._documents.get_many(self._path(user, call) for call in calls)
        return {r.call: r for r in (from_plain(Recording, d.body) for d in found)}

    def every(self, user: UserId) -> Iterator[Recording]:
        """All of a user's, in no order."""
        prefix, after = f"{self._root}/users/{user}/recordings", ""
        while page := self._documents.list_under(prefix, after=after):
            yield from (from_plain(Recording, document.body) for document in page)
            after = page[-1].path

    def latest(self, user: UserId, limit: int = 100) -> list[Recording]:
        """Newest first."""
        path = f"{self._root}/users/{user}/recordings"
        found = self._documents.query(Query(RECORDINGS_BY_START, path, limit=limit))
        return [from_plain(Recording, d.body) for d in found]

    def forget(self, user: UserId, call: CallId, audit: AuditTrail, actor: str, at: float) -> bool:
        """The row goes, the call no longer names it and the audit line is written: all or nothing, once.

        False when there was none.
        """
        record = f"{self._root}/users/{user}/calls/{call}"

        def work(transaction: Transaction) -> bool:
            if transaction.get(self._path(user, call)) is None:
                return False
            found = transaction.get(record)
            append = audit.prepare(transaction, actor, "recording.deleted", call, at)
            transaction.delete(self._path(user, call))
            if found is not None:
                transaction.put(record, {**found.body, "record": {**found.body["record"], "recording": ""}})
            append()
            return True

        return self._documents.run(work)


class Blocks:
    """Numbers that a user will not talk to; kept under a hash of the number."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def path(self, user: UserId, e164: str) -> str:
        """Where the block of a number stands."""
        key = hashlib.sha256(f"{self._root}/{e164}".encode()).hexdigest()
        return f"{self._root}/users/{user}/blocks/{key}"

    def add(self, user: UserId, e164: str, at: float) -> None:
        """Block a number."""
        self._documents.put(self.path(user, e164), {"e164": e164, "at": at})

    def remove(self, user: UserId, e164: str) -> bool:
        """True when it was blocked."""
        return self._documents.delete(self.path(user, e164))

    def is_blocked(self, user: UserId, e164: str) -> bool:
        """Whether calls to and from the number are refused."""
        return self._documents.get(self.path(user, e164)) is not None
