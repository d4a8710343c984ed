"""What every handler is given: who asks, what they clicked, in which words, when."""

from __future__ import annotations

from dataclasses import dataclass, replace

from addon.domain.presence import Presence
from addon.domain.tenant import Settings, Tenant, User
from addon.errors import Gone
from addon.event import Event
from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from addon.store.tenants import TenantStore
from cards.text import Texts
from contract.calls import CallId


@dataclass(frozen=True, slots=True)
class Request:
    """A verified user of a known tenant; `store` sees that tenant only."""

    user: User
    tenant: Tenant
    store: TenantStore
    settings: Settings
    ports: Ports
    event: Event
    texts: Texts
    now: float

    def presence(self) -> Presence | None:
        """None when telephony does not answer; the card then says so."""
        try:
            return self.ports.telephony.presence(self.tenant.id, self.user.id)
        except TelephonyAway:
            return None

    def with_settings(self, settings: Settings) -> Request:
        """The same request after the user chose otherwise: the answer speaks the language that was chosen."""
        words = Texts(settings.language or self.event.locale or "en", self.event.zone or "UTC")
        return replace(self, settings=settings, texts=words)

    def parameter(self, name: str) -> str:
        """A click's parameter, "" when absent."""
        return self.event.parameters.get(name, "")

    def call(self) -> CallId:
        """The call that was clicked; raises Gone for what cannot be an id."""
        call = self.parameter("call")
        if not call.isascii() or not call.replace("-", "").replace("_", "").isalnum() or len(call) > 64:
            raise Gone
        return CallId(call)
