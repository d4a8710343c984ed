"""The only way to a tenant's data: a handle that cannot name another tenant's paths."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from addon.domain.tenant import Settings, Tenant, User
from addon.ports.documents import Body, Document, Documents
from addon.ports.indexes import RECORDINGS_DUE, Query
from addon.store.seal_port import Sealing
from addon.store.tenants import TenantStore
from contract.calls import CallId
from contract.numbers import TenantId, UserId
from contract.wire import from_plain, to_plain


@dataclass(frozen=True, slots=True)
class DueRecording:
    """Where a recording that may be due lives; `place` is its purge date and path."""

    tenant: TenantId
    user: UserId
    call: CallId
    place: tuple[float, str]


@dataclass(frozen=True, slots=True)
class Member:
    """A person at the door: their tenant and its store, their entry in it if there is one, what they chose."""

    tenant: Tenant
    store: TenantStore
    user: User | None
    settings: Settings


class Tenancy:
    """Finds tenants and hands out their stores."""

    def __init__(self, documents: Documents, seal: Sealing) -> None:
        self._documents = documents
        self._seal = seal
        self._stores: dict[TenantId, TenantStore] = {}
        self._last_bound: dict[str, TenantId] = {}

    def of(self, tenant: TenantId) -> TenantStore:
        """The tenant's own store; it holds paths, no data."""
        found = self._stores.get(tenant)
        if found is None:
            found = self._stores[tenant] = TenantStore(self._documents, tenant, self._seal)
        return found

    def put(self, tenant: Tenant) -> None:
        """Create or change a tenant and bind its domains; raises ValueError when one is bound elsewhere."""
        for domain in tenant.domains:
            bound = self._documents.get(f"domains/{domain.lower()}")
            if bound is not None and bound.body["tenant"] != tenant.id:
                raise ValueError(f"{domain} belongs to another tenant")
        self._documents.put(f"tenants/{tenant.id}", to_plain(tenant))
        for domain in tenant.domains:
            self._documents.put(f"domains/{domain.lower()}", {"tenant": tenant.id})

    def get(self, tenant: TenantId) -> Tenant | None:
        """The tenant, or None."""
        found = self._documents.get(f"tenants/{tenant}")
        return from_plain(Tenant, found.body) if found else None

    def for_domain(self, domain: str) -> Tenant | None:
        """The tenant that owns a verified Workspace domain (`hd`)."""
        bound = self._documents.get(f"domains/{domain.lower()}") if domain and "/" not in domain else None
        return self.get(TenantId(bound.body["tenant"])) if bound else None

    def member(self, domain: str, user: UserId) -> Member | None:
        """The tenant that owns a verified Workspace domain, with its user of that id.

        One read where the domain still belongs to whom it belonged the last time, two where it does not.
        """
        if not domain or "/" in domain:
            return None
        binding = f"domains/{domain.lower()}"
        guess = self._last_bound.get(binding)
        found = self._read((binding, *(self._paths(guess, user) if guess else ())))
        tenant = TenantId(found[binding]["tenant"]) if binding in found else None
        if tenant is None:
            self._last_bound.pop(binding, None)
            return None
        if tenant != guess:
            self._last_bound[binding] = tenant
            found = self._read(self._paths(tenant, user))
        facts, entry, chosen = (found.get(path) for path in self._paths(tenant, user))
        if facts is None:
            return None
        return Member(
            from_plain(Tenant, facts),
            self.of(tenant),
            from_plain(User, entry) if entry else None,
            from_plain(Settings, chosen) if chosen else Settings(),
        )

    def _paths(self, tenant: TenantId, user: UserId) -> tuple[str, str, str]:
        store = self.of(tenant)
        return f"tenants/{tenant}", store.users.path(user), store.settings.path(user)

    def _read(self, paths: Iterable[str]) -> dict[str, Body]:
        return {document.path: document.body for document in self._documents.get_many(paths)}

    def all(self) -> list[Tenant]:
        """Every tenant that owns a domain."""
        found, after = set(), ""
        while page := self._documents.list_under("domains", after=after):
            found |= {TenantId(d.body["tenant"]) for d in page}
            after = page[-1].path
        return [tenant for id_ in sorted(found) if (tenant := self.get(id_)) is not None]

    def due_recordings(
        self, now: float, limit: int = 500, after: tuple[float, str] | None = None
    ) -> list[DueRecording]:
        """Recordings of every tenant whose purge date has come, oldest first; `after` is the `place` of the last one."""
        return [_due(d) for d in self._documents.query(Query(RECORDINGS_DUE, at_most=now, limit=limit, after=after))]


def _due(document: Document) -> DueRecording:
    segments = document.path.split("/")
    place = (document.body["purge_at"], document.path)
    return DueRecording(TenantId(segments[1]), UserId(segments[3]), CallId(segments[5]), place)


def new_id() -> str:
    """128 random bits; never sequential."""
    return secrets.token_hex(16)
