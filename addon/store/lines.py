"""A tenant's PBX connections; passwords and keys are sealed with tenant and line as owner."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from addon.ports.documents import Document, Documents, Transaction
from addon.store.seal_port import Sealing
from addon.store.sealed import Unreadable
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId
from contract.wire import BadWire, from_plain, to_plain

log = logging.getLogger("addon.lines")


class Lines:
    """Line configurations; `rev` grows with each change."""

    def __init__(self, documents: Documents, root: str, tenant: TenantId, seal: Sealing) -> None:
        self._documents, self._root, self._tenant, self._seal = documents, root, tenant, seal

    def _path(self, line: LineId) -> str:
        return f"{self._root}/lines/{line}"

    def _owner(self, line: LineId, auth_user: str) -> str:
        return f"{self._tenant}/{line}/{auth_user}"

    def put(self, config: LineConfig) -> LineConfig:
        """Store with the next rev; the answer is what telephony is told."""
        if config.tenant != self._tenant:
            raise ValueError("a line of another tenant")
        return self.change(config.line, lambda _: config)

    def change(self, line: LineId, work: Callable[[LineConfig | None], LineConfig]) -> LineConfig:
        """Store what `work` makes of the line, undisturbed by others; what it leaves as it was gets no new rev."""
        path = self._path(line)

        def changed(transaction: Transaction) -> LineConfig:
            found = transaction.get(path)
            before = self._opened(found) if found else None
            wanted = replace(work(before), rev=before.rev if before else 0)
            if wanted == before:
                return wanted
            saved = replace(wanted, rev=wanted.rev + 1)
            transaction.put(path, to_plain(self._each_secret(saved, self._seal.close)))
            return saved

        return self._documents.run(changed)

    def _each_secret(self, config: LineConfig, change: Callable[[str, str], str]) -> LineConfig:
        registrations = tuple(
            replace(r, password=change(r.password, self._owner(config.line, r.auth_user))) for r in config.registrations
        )
        # No extension is named so: extensions are digits.
        key = change(config.client_key, self._owner(config.line, "client-key")) if config.client_key else ""
        return replace(config, registrations=registrations, client_key=key)

    def _opened(self, document: Document) -> LineConfig:
        return self._each_secret(from_plain(LineConfig, document.body), self._seal.open)

    def get(self, line: LineId) -> LineConfig | None:
        """The line with its passwords opened."""
        found = self._documents.get(self._path(line))
        return self._opened(found) if found else None

    def readable(self) -> list[LineConfig]:
        """Every line whose passwords can be opened; the others are logged and left out."""
        found = []
        for document in self._documents.list_under(f"{self._root}/lines"):
            try:
                found.append(self._opened(document))
            except (Unreadable, BadWire):
                log.error("a line's configuration cannot be read", extra={"tenant": self._tenant, "line": document.id})
        return found

    def all(self) -> list[LineConfig]:
        """Every line of the tenant."""
        return [self._opened(d) for d in self._documents.list_under(f"{self._root}/lines")]
