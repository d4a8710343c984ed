"""How we show ourselves to one PBX."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.sip.digest import Credentials
from telephony.sip.flow import Address


@dataclass(slots=True)
class Identity:
    """From value, Contact user, secret, the address all requests go to, and the Route of an outbound proxy, "" for none."""

    from_value: str
    user: str
    credentials: Credentials | None
    to: Address
    route: str = ""

    @property
    def routes(self) -> tuple[tuple[str, str], ...]:
        """What a request outside a dialog begins with (RFC 3261 section 8.1.2)."""
        return (("Route", self.route),) if self.route else ()
