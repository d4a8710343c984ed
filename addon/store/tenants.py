"""One tenant's repositories, and the list that erasure and export walk."""

from __future__ import annotations

from collections.abc import Iterator

from addon.ports.documents import Document, Documents
from addon.store.audit import AuditTrail
from addon.store.calls import Blocks, Calls, Recordings
from addon.store.lines import Lines
from addon.store.nonces import Nonces
from addon.store.numbers import NumberIndex
from addon.store.seal_port import Sealing
from addon.store.sessions import Sessions
from addon.store.usage import UsageCounter
from addon.store.users import Consents, SettingsStore, Users
from contract.numbers import TenantId, UserId

USER_COLLECTIONS = (
    "settings", "consents", "heads", "calls", "recordings", "failures", "blocks", "contacts", "usage", "sessions",
)  # fmt: skip


class TenantStore:
    """Everything of one tenant; every path begins with `tenants/{tenant}`."""

    def __init__(self, documents: Documents, tenant: TenantId, seal: Sealing) -> None:
        if not tenant or "/" in tenant:
            raise ValueError("not a tenant id")
        self.tenant = tenant
        self._documents = documents
        root = f"tenants/{tenant}"
        self.users = Users(documents, root)
        self.settings = SettingsStore(documents, root)
        self.consents = Consents(documents, root)
        self.calls = Calls(documents, root)
        self.recordings = Recordings(documents, root)
        self.blocks = Blocks(documents, root)
        self.contacts = NumberIndex(documents, root)
        self.usage = UsageCounter(documents, root)
        self.lines = Lines(documents, root, tenant, seal)
        self.audit = AuditTrail(documents, root)
        self.nonces = Nonces(documents, root)
        self.sessions = Sessions(documents, root)

    def everything_of(self, user: UserId) -> Iterator[Document]:
        """Every document of one user, their own entry included (access, export, erasure)."""
        prefix, after = self.users.path(user), ""
        own = self._documents.get(prefix)
        if own is not None:
            yield own
        while page := self._documents.list_under(prefix, after=after):
            yield from page
            after = page[-1].path

    def erase_user(self, user: UserId) -> dict[str, int]:
        """Delete every document of one user; the count per collection is the certificate's content."""
        counts: dict[str, int] = {}
        for document in list(self.everything_of(user)):
            kind = document.path.split("/")[-2]
            counts[kind] = counts.get(kind, 0) + int(self._documents.delete(document.path))
        return counts
