"""A SIP user agent on one UDP socket: transactions, dialogs and who may speak to us (RFC 3261 sections 8, 17, 18)."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from telephony.errors import ParseError
from telephony.sip.message import MAX_MESSAGE_BYTES, Message, parse, response
from telephony.sip.refusal import ALLOW, unsupported
from telephony.sip.transaction import ClientTransaction, ServerTransaction, with_branch
from telephony.sip.uri import split_outside

Address = tuple[str, int]
Key = tuple[str, str, str, str, str]
MAX_TRANSACTIONS = 5_000
PER_SECOND = 400
MAGIC = "z9hG4bK"
PRODUCT = "CTiContRol"
_RPORT = re.compile(r";\s*rport(?:=\d*)?(?=\s*(?:;|$))", re.IGNORECASE)
log = logging.getLogger(__name__)


class InDialog(Protocol):
    """Whoever owns a dialog."""

    def on_request(self, transaction: ServerTransaction, request: Message) -> None:
        """A request of the dialog, ACK excepted."""
        ...

    def on_ack(self, request: Message) -> None:
        """The ACK of our 2xx."""
        ...

    def on_cancel(self) -> None:
        """The caller gave up before our final response."""
        ...


OnRequest = Callable[["UserAgent", ServerTransaction, Message, Address], None]


def new_tag() -> str:
    """A tag that cannot be guessed (section 19.3)."""
    return secrets.token_hex(8)


def _key(message: Message, method: str) -> Key:
    """What a repetition, an ACK and a CANCEL share with their request (sections 9.2, 17.2.3)."""
    via = message.via
    return via.branch, f"{via.host}:{via.port}", message.call_id, message.sender.tag, method


def seen_from(request: Message, source: Address) -> Message:
    """The request with its source in the topmost Via (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
    via, (ip, port) = request.via, source
    if via.host == ip and "rport" not in via.params:
        return request
    at = next(n for n, (name, _) in enumerate(request.headers) if name.lower() == "via")
    first, *others = split_outside(request.headers[at][1], ",")
    first = _RPORT.sub(f";rport={port}", first) + f";received={ip}"
    value = ", ".join([first, *others])
    return replace(request, headers=(*request.headers[:at], ("Via", value), *request.headers[at + 1 :]))


@dataclass(slots=True)
class _Rate:
    """Datagrams of one source in the running second."""

    second: int = 0
    count: int = 0

    def passes(self, now: float) -> bool:
        second = int(now)
        self.count = self.count + 1 if second == self.second else 1
        self.second = second
        return self.count <= PER_SECOND


@dataclass(slots=True, repr=False)
class UserAgent(asyncio.DatagramProtocol):
    """`is_peer` decides by source address who is heard at all; strangers get silence."""

    is_peer: Callable[[str], bool]
    on_request: OnRequest
    advertised: str = "127.0.0.1"
    dialogs: dict[tuple[str, str], InDialog] = field(default_factory=dict)
    _transport: asyncio.DatagramTransport | None = None
    _clients: dict[tuple[str, str], ClientTransaction] = field(default_factory=dict)
    _servers: dict[Key, ServerTransaction] = field(default_factory=dict)
    _invites: dict[Key, InDialog] = field(default_factory=dict)
    _rates: dict[str, _Rate] = field(default_factory=dict)

    @classmethod
    async def open(
        cls, bind_ip: str, port: int, is_peer: Callable[[str], bool], on_request: OnRequest, advertised: str = ""
    ) -> UserAgent:
        """Bind; raises OSError."""
        agent = cls(is_peer, on_request, advertised or bind_ip)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: agent, local_addr=(bind_ip, port))
        return agent

    @property
    def port(self) -> int:
        """The bound port."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def contact(self, user: str) -> str:
        """A Contact that leads back here."""
        return f"<sip:{user}@{self.advertised}:{self.port}>"

    def close(self) -> None:
        """Stop every timer and release the socket."""
        for client in self._clients.values():
            client.timers.stop()
        for server in self._servers.values():
            server.timers.stop()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = transport  # type: ignore[assignment] # asyncio hands a datagram transport to this protocol

    def error_received(self, exc: Exception) -> None:
        """ICMP errors end nothing by themselves; timers do."""

    def _sender(self, to: Address) -> Callable[[Message], None]:
        def send(message: Message) -> None:
            if self._transport is not None and not self._transport.is_closing() and self.is_peer(to[0]):
                self._transport.sendto(message.encode(), to)

        return send

    def request(
        self, message: Message, to: Address, on_response: Callable[[Message], None], on_timeout: Callable[[], None]
    ) -> ClientTransaction:
        """Send a request in a transaction of its own."""
        branch = MAGIC + secrets.token_hex(12)
        full = with_branch(message, f"SIP/2.0/UDP {self.advertised}:{self.port};rport;branch={branch}")
        if not full.get("User-Agent"):
            full = full.add(("User-Agent", PRODUCT), ("Allow", ALLOW))
        return self._run(full, to, branch, on_response, on_timeout)

    def _run(
        self, full: Message, to: Address, branch: str, heard: Callable[[Message], None], late: Callable[[], None]
    ) -> ClientTransaction:
        key = (branch, full.method)

        def over() -> None:
            self._clients.pop(key, None)

        loop = asyncio.get_running_loop()
        transaction = ClientTransaction(full, self._sender(to), loop.call_later, heard, late, over)
        self._clients[key] = transaction
        transaction.start()
        return transaction

    def cancel(self, invite: ClientTransaction, to: Address) -> None:
        """CANCEL of a pending INVITE: same branch, same CSeq number (section 9.1)."""
        asked = invite.request
        kept = [(k, v) for k, v in asked.headers if k.lower() in {"route", "from", "to", "call-id", "max-forwards"}]
        headers = (("Via", asked.all("Via")[0]), *kept, ("CSeq", f"{asked.cseq[0]} CANCEL"))
        message = Message(method="CANCEL", uri=asked.uri, headers=headers)
        self._run(message, to, asked.via.branch, lambda _: None, lambda: None)

    def send_ack(self, message: Message, to: Address) -> None:
        """The ACK of a 2xx is a transaction of nobody (section 13.2.2.4)."""
        branch = MAGIC + secrets.token_hex(12)
        self._sender(to)(with_branch(message, f"SIP/2.0/UDP {self.advertised}:{self.port};rport;branch={branch}"))

    def pending(self, transaction: ServerTransaction, owner: InDialog) -> None:
        """Who is told about a CANCEL of this INVITE."""
        self._invites[_key(transaction.request, "INVITE")] = owner

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """One datagram; whatever it holds, nothing but silence or a SIP answer to a peer comes of it."""
        source: Address = (addr[0], addr[1])
        if len(data) > MAX_MESSAGE_BYTES or len(data) < 20 or not self.is_peer(source[0]):
            return
        if not self._rates.setdefault(source[0], _Rate()).passes(asyncio.get_running_loop().time()):
            return
        try:
            message = parse(data)
            if message.is_request:
                self._incoming(message, source)
            else:
                self._answered(message)
        except ParseError:
            log.debug("an unreadable datagram of a peer is dropped")

    def _answered(self, message: Message) -> None:
        transaction = self._clients.get((message.via.branch, message.cseq[1]))
        if transaction is not None:
            transaction.receive(message)

    def _incoming(self, message: Message, source: Address) -> None:
        if message.method == "ACK":
            self._acked(message)
            return
        key = _key(message, message.method)
        known = self._servers.get(key)
        if known is not None:
            known.repeated()
            return
        if len(self._servers) >= MAX_TRANSACTIONS:
            self._sender(source)(response(message, 503, "Busy", new_tag(), ("Retry-After", "5")))
            return
        message = seen_from(message, source)
        transaction = self._server(message, source, key)
        try:
            self._deliver(transaction, message, source)
        except ParseError:
            transaction.respond(response(message, 400, "Bad Request", new_tag()))

    def _server(self, message: Message, source: Address, key: Key) -> ServerTransaction:
        tag = message.receiver.tag

        def unacknowledged() -> None:
            owner = self.dialogs.get((message.call_id, tag)) or self._invites.get(key)
            if owner is not None and message.method == "INVITE":
                owner.on_cancel()

        def over() -> None:
            self._servers.pop(key, None)
            self._invites.pop(key, None)

        loop = asyncio.get_running_loop()
        transaction = ServerTransaction(message, self._sender(source), loop.call_later, unacknowledged, over)
        self._servers[key] = transaction
        return transaction

    def _acked(self, message: Message) -> None:
        transaction = self._servers.get(_key(message, "INVITE"))
        if transaction is not None:
            transaction.acknowledged()
            return
        owner = self.dialogs.get((message.call_id, message.receiver.tag))
        if owner is not None:
            owner.on_ack(message)

    def _deliver(self, transaction: ServerTransaction, message: Message, source: Address) -> None:
        refused = unsupported(message, new_tag())
        if refused is not None:
            transaction.respond(refused)
        elif message.method == "CANCEL":
            owner = self._invites.get(_key(message, "INVITE"))
            status, reason = (200, "OK") if owner else (481, "No such transaction")
            transaction.respond(response(message, status, reason, new_tag()))
            if owner is not None:
                owner.on_cancel()
        elif message.receiver.tag:
            owner = self.dialogs.get((message.call_id, message.receiver.tag))
            if owner is None:
                transaction.respond(response(message, 481, "No such call"))
            else:
                owner.on_request(transaction, message)
        else:
            self.on_request(self, transaction, message, source)
