"""One tenant's repositories, and the list that erasure and export walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from addon.domain.consent import Consent, ConsentKind
from addon.ports.documents import Document, Documents
from addon.store.audit import AuditTrail
from addon.store.before_call import BeforeCall
from addon.store.calls import Blocks, Calls, Recordings
from addon.store.lines import Lines
from addon.store.nonces import Nonces
from addon.store.numbers import NumberIndex, owner_of
from addon.store.seal_port import Sealing
from addon.store.sessions import Sessions
from addon.store.usage import UsageCounter, usage_of
from addon.store.users import Consents, SettingsStore, Users
from contract.numbers import TenantId, UserId
from contract.wire import from_plain

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

    def before_call(self, user: UserId, numbers: Iterable[str], now: float, *, whose: str = "") -> BeforeCall:
        """The facts of this moment about E.164 `numbers`, and who has the number `whose`; one read, nothing is kept."""
        head = self.consents.head(user, ConsentKind.RECORDING)
        mine, day = self.usage.paths(user, now)
        blocks = {self.blocks.path(user, number): number for number in numbers}
        owner = [self.contacts.path(user, whose)] if whose else []
        documents = self._documents.get_many((head, mine, day, *blocks, *owner))
        found = {document.path: document.body for document in documents}
        return BeforeCall(
            from_plain(Consent, found[head]) if head in found else None,
            usage_of(found.get(mine), found.get(day), now),
            frozenset(number for path, number in blocks.items() if path in found),
            next((owner_of(found[path]) for path in owner if path in found), None),
        )

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
