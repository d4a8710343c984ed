"""A SIP user agent: transactions and dialogs over whatever flow carries them (RFC 3261 sections 8, 17, 18)."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from telephony.errors import ParseError
from telephony.sip.flow import Address, Flow, UdpSocket
from telephony.sip.message import Message, parse, response
from telephony.sip.refusal import ALLOW, unsupported
from telephony.sip.transaction import ClientTransaction, ServerTransaction, with_branch
from telephony.sip.uri import split_outside

Key = tuple[str, str, str, str, str]
MAX_TRANSACTIONS = 5_000
MAX_DATAGRAM_BYTES = 1_300
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


Overflow = Callable[[Address], Awaitable[Flow | None]]
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


@dataclass(slots=True, repr=False)
class UserAgent:
    """Speaks over one flow at a time; a request of a peer is answered over the flow that it came on."""

    on_request: OnRequest
    advertised: str = "127.0.0.1"
    flow: Flow | None = None
    overflow: Overflow | None = None
    dialogs: dict[tuple[str, str], InDialog] = field(default_factory=dict)
    _transport: str = "UDP"
    _port: int = 0
    _clients: dict[tuple[str, str], ClientTransaction] = field(default_factory=dict)
    _servers: dict[Key, ServerTransaction] = field(default_factory=dict)
    _invites: dict[Key, InDialog] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    async def open(
        cls, bind_ip: str, port: int, is_peer: Callable[[str], bool], on_request: OnRequest, advertised: str = ""
    ) -> UserAgent:
        """On a UDP socket of its own; raises OSError."""
        agent = cls(on_request, advertised or bind_ip)
        agent.attach(await UdpSocket.open(bind_ip, port, is_peer, agent))
        return agent

    def attach(self, flow: Flow) -> None:
        """Speak over this flow from now on."""
        self.flow, self._transport, self._port = flow, flow.transport, flow.port

    def speaks(self, transport: str) -> None:
        """What the flow will be before there is one."""
        self._transport = transport

    @property
    def port(self) -> int:
        """Our port on the flow, or on the last one while there is none."""
        return self._port

    def contact(self, user: str) -> str:
        """A Contact that leads back here."""
        how = "" if self._transport == "UDP" else f";transport={self._transport.lower()}"
        return f"<sip:{user}@{self.advertised}:{self.port}{how}>"

    def close(self) -> None:
        """Stop every timer and release the flow."""
        for client in self._clients.values():
            client.timers.stop()
        for server in self._servers.values():
            server.timers.stop()
        for task in self._tasks:
            task.cancel()
        if self.flow is not None:
            self.flow.close()

    def _sender(self, to: Address, flow: Flow | None = None) -> Callable[[Message], None]:
        """Sends over that flow while it is open, else over the one that took its place (section 18.2.2)."""

        def send(message: Message) -> None:
            way = flow if flow is not None and flow.is_open else self.flow
            if way is not None and way.is_open:
                way.send(message.encode(), to)

        return send

    def _via(self, branch: str, transport: str, port: int) -> str:
        rport = ";rport" if transport == "UDP" else ""
        return f"SIP/2.0/{transport} {self.advertised}:{port}{rport};branch={branch}"

    def request(
        self, message: Message, to: Address, on_response: Callable[[Message], None], on_timeout: Callable[[], None]
    ) -> ClientTransaction:
        """Send a request in a transaction of its own; without a flow it has failed soon (section 17.1.4)."""
        branch = MAGIC + secrets.token_hex(12)
        if not message.get("User-Agent"):
            message = message.add(("User-Agent", PRODUCT), ("Allow", ALLOW))
        full = with_branch(message, self._via(branch, self._transport, self._port))
        transaction = self._client(full, self._sender(to, self.flow), on_response, on_timeout)
        if self.flow is None or not self.flow.is_open:
            asyncio.get_running_loop().call_soon(transaction.failed)
        elif self.overflow and not transaction.reliable and len(full.encode()) > MAX_DATAGRAM_BYTES:
            self._spawn(self._over_tcp(transaction, message, to, branch))
        else:
            transaction.start()
        return transaction

    def _client(
        self, full: Message, send: Callable[[Message], None], heard: Callable[[Message], None], late: Callable[[], None]
    ) -> ClientTransaction:
        key = (full.via.branch, full.method)

        def over() -> None:
            self._clients.pop(key, None)

        later, reliable = asyncio.get_running_loop().call_later, full.via.transport != "UDP"
        self._clients[key] = ClientTransaction(full, send, later, heard, late, over, reliable)
        return self._clients[key]

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _over_tcp(self, transaction: ClientTransaction, message: Message, to: Address, branch: str) -> None:
        """A request that is too large for a datagram; by UDP all the same where the PBX takes no TCP (section 18.1.1)."""
        assert self.overflow is not None
        stream = await self.overflow(to)
        if stream is not None:
            transaction.request = with_branch(message, self._via(branch, stream.transport, stream.port))
            transaction.send, transaction.reliable = self._sender(to, stream), True
        transaction.start()

    def cancel(self, invite: ClientTransaction) -> None:
        """CANCEL of a pending INVITE: same branch, same CSeq number, same way (section 9.1)."""
        asked = invite.request
        kept = [(k, v) for k, v in asked.headers if k.lower() in {"route", "from", "to", "call-id", "max-forwards"}]
        headers = (("Via", asked.all("Via")[0]), *kept, ("CSeq", f"{asked.cseq[0]} CANCEL"))
        message = Message(method="CANCEL", uri=asked.uri, headers=headers)
        self._client(message, invite.send, lambda _: None, lambda: None).start()

    def send_ack(self, message: Message, to: Address) -> None:
        """The ACK of a 2xx is a transaction of nobody (section 13.2.2.4)."""
        via = self._via(MAGIC + secrets.token_hex(12), self._transport, self._port)
        self._sender(to)(with_branch(message, via))

    def pending(self, transaction: ServerTransaction, owner: InDialog) -> None:
        """Who is told about a CANCEL of this INVITE."""
        self._invites[_key(transaction.request, "INVITE")] = owner

    def heard(self, data: bytes, source: Address, flow: Flow) -> None:
        """One message of a peer; whatever it holds, nothing but silence or a SIP answer comes of it."""
        try:
            message = parse(data)
            if message.is_request:
                self._incoming(message, source, flow)
            else:
                self._answered(message)
        except ParseError:
            log.debug("an unreadable message of a peer is dropped")

    def lost(self, flow: Flow) -> None:
        """What waited for a response on this connection waits in vain."""
        if self.flow is flow:
            self.flow = None
        for client in tuple(self._clients.values()):
            if client.reliable:
                client.failed()

    def _answered(self, message: Message) -> None:
        transaction = self._clients.get((message.via.branch, message.cseq[1]))
        if transaction is not None:
            transaction.receive(message)

    def _incoming(self, message: Message, source: Address, flow: Flow) -> None:
        if message.method == "ACK":
            self._acked(message)
            return
        key = _key(message, message.method)
        known = self._servers.get(key)
        if known is not None:
            known.repeated()
            return
        if len(self._servers) >= MAX_TRANSACTIONS:
            self._sender(source, flow)(response(message, 503, "Busy", new_tag(), ("Retry-After", "5")))
            return
        message = seen_from(message, source)
        transaction = self._server(message, source, flow, key)
        try:
            self._deliver(transaction, message, source)
        except ParseError:
            transaction.respond(response(message, 400, "Bad Request", new_tag()))

    def _server(self, message: Message, source: Address, flow: Flow, key: Key) -> ServerTransaction:
        tag = message.receiver.tag

        def unacknowledged() -> None:
            owner = self.dialogs.get((message.call_id, tag)) or self._invites.get(key)
            if owner is not None and message.method == "INVITE":
                owner.on_cancel()

        def over() -> None:
            self._servers.pop(key, None)
            self._invites.pop(key, None)

        later, send = asyncio.get_running_loop().call_later, self._sender(source, flow)
        transaction = ServerTransaction(message, send, later, unacknowledged, over, flow.reliable)
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
