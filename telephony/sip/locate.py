"""Where a PBX is (RFC 3263): every address is checked as it was looked up and used as it was checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from contract.addresses import is_loopback, is_public
from telephony.errors import CarrierError
from telephony.sip.flow import Address

LookUp = Callable[[str], Awaitable[list[str]]]


def may_be_pbx(address: str, dev: bool) -> bool:
    """Outside dev a PBX is never on a loopback, private or special address."""
    return is_public(address) or (dev and is_loopback(address))


async def look_up(host: str) -> list[str]:
    """IPv4 addresses of a name or of any spelling of an address; raises OSError or UnicodeError."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return [str(info[4][0]) for info in infos]


async def resolve(host: str, port: int, dev: bool, look_up: LookUp = look_up) -> list[Address]:
    """The PBX's addresses; raises CarrierError(503) when none may be called."""
    try:
        found = await look_up(host)
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a UnicodeError
        raise CarrierError(503) from error
    allowed = [(address, port) for address in dict.fromkeys(found) if may_be_pbx(address, dev)]
    if not allowed:
        raise CarrierError(503)
    return allowed
