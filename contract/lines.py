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
    """What telephony must know to register and to place calls on one PBX; `rev` grows with each change."""

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
