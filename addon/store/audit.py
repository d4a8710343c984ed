"""The audit trail: append-only, each line carries the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from addon.ports.documents import Documents, Transaction
from contract.wire import from_plain, to_plain


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what to which thing, when; `previous` is the hash of line `number - 1`."""

    number: int
    actor: str
    act: str
    target: str
    at: float
    previous: str = ""


def _digest(line: AuditLine) -> str:
    return hashlib.sha256(json.dumps(to_plain(line), sort_keys=True).encode()).hexdigest()


class AuditTrail:
    """One chain per tenant."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def add(self, actor: str, act: str, target: str, at: float) -> AuditLine:
        """Append one line."""
        return self._documents.run(lambda transaction: self.prepare(transaction, actor, act, target, at)())

    def prepare(
        self, transaction: Transaction, actor: str, act: str, target: str, at: float
    ) -> Callable[[], AuditLine]:
        """Reads the end of the chain now; the answer appends the line, after the transaction's other reads."""
        head_path = f"{self._root}/chains/audit"
        head = transaction.get(head_path)
        number, previous = (head.body["number"] + 1, head.body["hash"]) if head else (1, "")
        line = AuditLine(number, actor, act, target, at, previous)

        def append() -> AuditLine:
            transaction.create(f"{self._root}/audit/{number:012d}", to_plain(line))
            transaction.put(head_path, {"number": number, "hash": _digest(line)})
            return line

        return append

    def lines(self) -> list[AuditLine]:
        """Every line, oldest first."""
        prefix, after, found = f"{self._root}/audit", "", []
        while page := self._documents.list_under(prefix, after=after):
            found += [from_plain(AuditLine, d.body) for d in page]
            after = page[-1].path
        return found

    def is_whole(self) -> bool:
        """False when any line was changed, removed or added outside `add`."""
        previous, count = "", 0
        for line in self.lines():
            count += 1
            if line.number != count or line.previous != previous:
                return False
            previous = _digest(line)
        head = self._documents.get(f"{self._root}/chains/audit")
        return (head.body if head else {"number": 0, "hash": ""}) == {"number": count, "hash": previous}
