"""Which IP addresses may be reached on somebody's word: none of IANA's special-purpose registries (RFC 6890), v4 or v6."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The registry's rows, multicast, the future-use block, and Azure's platform address, which looks public and is not.
NEVER_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
# Mapped, NAT64, unique-local, link-local and multicast addresses all lie outside global unicast (RFC 4291 section 2.4).
GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
NEVER_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
# What a network of one's own may be part of (RFC 1918, RFC 6598, RFC 4193); never link-local, where clouds keep secrets.
PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


def is_public(address: str) -> bool:
    """True for a plain global unicast address; False for every special one and for text that is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return not any(found in network for network in NEVER_V4)
    return found.scope_id is None and found in GLOBAL_V6 and not any(found in network for network in NEVER_V6)


def is_loopback(address: str) -> bool:
    """True for 127.0.0.0/8 and ::1, spelled plainly."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def read_networks(text: str) -> tuple[Network, ...]:
    """Private networks in `10.20.0.0/16,fd00:1::/32`; raises ValueError, which says of which and why."""
    found: list[Network] = []
    for part in text.replace(",", " ").split():
        try:
            network = ipaddress.ip_network(part)
        except ValueError as error:
            raise ValueError(f"{part} is no network such as 10.20.0.0/16") from error
        if not any(network.version == own.version and network.subnet_of(own) for own in PRIVATE):  # type: ignore[arg-type] # of one version
            raise ValueError(f"{part} is not private: public addresses need no permission, others are never called")
        found.append(network)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a PBX may be: at public addresses, in private networks that the deployer lists, on loopback in dev."""

    networks: tuple[Network, ...] = ()
    loopback: bool = False

    def is_listed(self, address: str) -> bool:
        """True in one of the deployer's networks."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.networks)

    def allows(self, address: str) -> bool:
        """True where a PBX may be called and heard; False for text that is no address."""
        return is_public(address) or self.is_listed(address) or (self.loopback and is_loopback(address))
