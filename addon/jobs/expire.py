"""Deletes what expired: spent nonces, day counters, unfinished uploads, objects that lost their row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from addon.ports.documents import Document, Documents, Transaction
from addon.ports.indexes import EXPIRING, Query
from addon.ports.outside import Ports
from addon.ports.tasks import Job
from addon.store.tenancy import Tenancy

PAGE = 200
# The clocks of two instances may differ: a nonce must outlive the request that it forbids on both.
GRACE_SECONDS = 300.0


def expire(tenancy: Tenancy, ports: Ports, body: Mapping[str, Any]) -> int:
    """How many went; while a page is full the next is enqueued. `body`: `run` names the run, `page` counts from 0."""
    now = ports.now()
    before = now - GRACE_SECONDS
    pages = [ports.documents.query(Query(index, at_most=before, limit=PAGE)) for index in EXPIRING]
    done = sum(_delete(ports.documents, document, before) for page in pages for document in page)
    if any(len(page) == PAGE for page in pages):
        run, number = str(body.get("run") or int(now)), int(body.get("page") or 0) + 1
        ports.tasks.enqueue(Job.EXPIRE, {"run": run, "page": number}, name=f"{run}-{number}")
    done += ports.objects.apply_lifecycle(now)
    ports.documents.scrub()
    return done


def _delete(documents: Documents, document: Document, before: float) -> bool:
    def work(transaction: Transaction) -> bool:
        found = transaction.get(document.path)
        if found is None or found.body["expires_at"] > before:
            return False
        transaction.delete(document.path)
        return True

    return documents.run(work)
