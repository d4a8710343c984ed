"""A far end on TCP or TLS, and bare sockets that speak to our user agent as no honest PBX would."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from dataclasses import dataclass, field

from telephony.sip.flow import Address, Flow, Stream
from telephony.sip.useragent import UserAgent
from tests.peers.authority import Authority
from tests.telephony.sip.pair import HOST, FarEnd

AUTHORITY = Authority()


def server_context(certificate: str, key: str, clients: str = "") -> ssl.SSLContext:
    """A server's side; with `clients` (a CA) it demands a certificate of theirs."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(certificate + key)
        file.flush()
        made.load_cert_chain(file.name)
    if clients:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=clients)
    return made


class Accepting(UserAgent):
    """Speaks over the connection that it last heard from."""

    def heard(self, data: bytes, source: Address, flow: Flow) -> None:
        self.attach(flow)
        super().heard(data, source, flow)


@dataclass
class StreamEnd(FarEnd):
    """A PBX of the test on a stream; it can drop its connections, and come back on the same port."""

    context: ssl.SSLContext | None = None
    port: int = 0
    streams: list[Stream] = field(default_factory=list)
    server: asyncio.Server | None = None

    @property
    def transport(self) -> str:
        return "tls" if self.context else "tcp"

    @property
    def listens(self) -> int:
        return self.port

    async def start(self) -> None:
        self.agent = Accepting(self.asked, HOST)
        self.agent.speaks(self.transport.upper())
        await self.listen()

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()

        def accepted() -> Stream:
            made = Stream(self.agent, secure=self.context is not None)
            self.streams.append(made)
            return made

        self.server = await loop.create_server(accepted, HOST, self.port, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]

    def drop(self) -> None:
        """Every connection, at once."""
        for stream in self.streams:
            if stream.is_open:
                stream.abort("the test drops it")

    def vanish(self) -> None:
        """Nobody listens any more."""
        assert self.server is not None
        self.server.close()
        self.drop()


def secure_end(*names: str, authority: Authority = AUTHORITY, days: int = 20, clients: str = "") -> StreamEnd:
    """A TLS far end with a certificate for these names."""
    return StreamEnd(context=server_context(*authority.issue(*names, days=days), clients))
