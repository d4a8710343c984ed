"""A tenant's connection to its PBX."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.calls import Codec
from contract.numbers import Extension, LineId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Registration:
    """One extension that telephony registers, for one user.

    `desk` is the extension of the user's desk phone, rung for "my desk phone".
    """

    user: UserId
    extension: Extension
    auth_user: str
    password: str = field(repr=False)
    desk: Extension | None = None


@dataclass(frozen=True, slots=True)
class LineConfig:
    """What telephony must know to register and to place calls on one PBX; `rev` grows with each change.

    `port` 0 leaves the port to SRV records and then to the transport's own. `transport` is udp, tcp or tls. `proxy` is
    host or host:port, "" for none. `ca`, `client_certificate` and `client_key` are PEM: with a CA that one alone is trusted.
    """

    tenant: TenantId
    line: LineId
    rev: int
    host: str
    port: int = 5060
    transport: str = "udp"
    domain: str = ""
    registrations: tuple[Registration, ...] = ()
    codecs: tuple[Codec, ...] = (Codec.PCMU, Codec.PCMA, Codec.G722, Codec.OPUS)
    register_seconds: int = 300
    proxy: str = ""
    ca: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)

    @property
    def default_port(self) -> int:
        """The transport's own port (RFC 3261 section 19.1.2)."""
        return 5061 if self.transport == "tls" else 5060

    @property
    def registrar(self) -> str:
        """host, and the port when one is set."""
        return f"{self.host}:{self.port}" if self.port else self.host

    @property
    def next_hop(self) -> tuple[str, int]:
        """Whom requests are sent to: the proxy, or without one the registrar; port 0 when none is set."""
        if not self.proxy:
            return self.host, self.port
        host, _, port = self.proxy.partition(":")
        return host, int(port or 0)
