"""An authoritative name server for a zone of the test, on UDP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

HOST = "127.0.0.1"


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`zone` maps (name., type) to the texts of its records; `mute` answers nothing, `broken` says SERVFAIL."""

    zone: Mapping[tuple[str, str], list[str]]
    mute: bool = False
    broken: bool = False
    asked: list[tuple[str, str]] = field(default_factory=list)
    transport: Any = None

    async def open(self) -> dns.asyncresolver.Resolver:
        """The resolver that asks here and nowhere else."""
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(HOST, 0))
        made = dns.asyncresolver.Resolver(configure=False)
        made.nameservers, made.port = [HOST], self.transport.get_extra_info("sockname")[1]
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        asked = dns.message.from_wire(data)
        question = asked.question[0]
        key = (question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype))
        self.asked.append(key)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.AA
        if self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif key in self.zone:
            answer.answer.append(dns.rrset.from_text(question.name, 30, "IN", key[1], *self.zone[key]))
        elif not any(name == key[0] for name, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        if not self.mute:
            self.transport.sendto(answer.to_wire(), addr)

    def close(self) -> None:
        self.transport.close()
