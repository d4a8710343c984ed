"""Where a PBX is (RFC 3263, RFC 2782): every address is checked as it was looked up and used as it was checked."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver

from contract.addresses import Reach
from contract.lines import LineConfig
from telephony.errors import CarrierError
from telephony.sip.flow import Address
from telephony.sip.tls import is_address

SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
DNS_SECONDS = 5.0
MAX_TARGETS = 16
NOWHERE = "."
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Srv:
    """One SRV record; `target` "." says that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


LookUp = Callable[[str], Awaitable[list[str]]]
SrvLookUp = Callable[[str], Awaitable[list[Srv]]]


def ordered(records: Iterable[Srv], roll: Callable[[], float]) -> list[Srv]:
    """The order to try them in: by priority, within one by chance as the weights say (`roll` gives 0 to below 1)."""
    waiting = sorted(records, key=lambda r: (r.priority, r.weight != 0))
    found: list[Srv] = []
    while waiting:
        equal = [record for record in waiting if record.priority == waiting[0].priority]
        mark, total = int(roll() * (sum(r.weight for r in equal) + 1)), 0
        for record in equal:
            total += record.weight
            if total >= mark:
                break
        waiting.remove(record)
        found.append(record)
    return found


async def look_up(host: str) -> list[str]:
    """IPv4 addresses of a name or of any spelling of an address; raises OSError or UnicodeError."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return [str(info[4][0]) for info in infos]


async def look_up_srv(name: str, resolver: dns.asyncresolver.Resolver | None = None) -> list[Srv]:
    """SRV records of a name; none when there are none or no name server tells: then its addresses serve."""
    try:
        asked = resolver or dns.asyncresolver.Resolver()
        answer = await asked.resolve(name, "SRV", lifetime=DNS_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError, ValueError) as error:  # a name that cannot be encoded is a ValueError
        log.warning("no name server tells of SRV records", extra={"error": type(error).__name__})
        return []
    return [Srv(r.priority, r.weight, r.port, r.target.to_text(omit_final_dot=True)) for r in answer]


async def resolve(host: str, port: int, reach: Reach, look_up: LookUp = look_up) -> list[Address]:
    """The PBX's addresses; raises CarrierError(503) when none may be called."""
    try:
        found = await look_up(host)
    except (OSError, ValueError) as error:  # a name that cannot be encoded is a UnicodeError
        raise CarrierError(503) from error
    allowed = [(address, port) for address in dict.fromkeys(found) if reach.allows(address)]
    if not allowed:
        raise CarrierError(503)
    return allowed


async def locate(
    config: LineConfig, reach: Reach, look_up: LookUp = look_up, look_up_srv: SrvLookUp = look_up_srv
) -> list[Address]:
    """Every address of the line's next hop, the best first (RFC 3263 section 4.2); raises CarrierError(503) for none.

    The transport is set, so NAPTR has no say; a port that is set, or an address in place of a name, rules SRV out.
    """
    host, port = config.next_hop
    if port or is_address(host) or "." not in host:
        return await resolve(host, port or config.default_port, reach, look_up)
    records = await look_up_srv(f"{SERVICES[config.transport]}.{host}")
    if not records:
        return await resolve(host, config.default_port, reach, look_up)
    found: list[Address] = []
    for record in ordered(records, random.random):
        if record.target in {NOWHERE, ""} or len(found) >= MAX_TARGETS:
            continue
        try:
            found += await resolve(record.target, record.port, reach, look_up)
        except CarrierError:
            log.warning("a server that SRV records name has no address that may be called")
    if not found:
        raise CarrierError(503)
    return list(dict.fromkeys(found))[:MAX_TARGETS]
