"""The webphone's WebSocket: JSON-RPC 2.0 as docs/asyncapi.yaml says."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from contract import wire
from contract.calls import CallState, Direction, Outcome
from telephony.calls.call import Call
from telephony.calls.phones import Person
from telephony.calls.switchboard import Switchboard
from telephony.errors import BadCommand, ParseError, TelephonyError

log = logging.getLogger(__name__)
SUBPROTOCOL = "ctc.phone.v1"
MOST_FRAME_BYTES = 65536
MOST_PER_SECOND = 20
MOST_STAT = 1_000_000
_HELLO_SECONDS = 10.0
_QUEUE = 256
_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,64}", re.ASCII)
_DIGITS = re.compile(r"[0-9*#A-D]{1,32}", re.ASCII)
_CODES = {"bad-request": -32600, "unknown-method": -32601, "bad-params": -32602}


class RpcError(Exception):
    """A typed refusal; `kind` is the contract."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def text(params: dict[str, Any], name: str, pattern: re.Pattern[str] | None = None, most: int = 4096) -> str:
    """A text parameter, checked."""
    value = params.get(name)
    if not isinstance(value, str) or len(value) > most or (pattern and not pattern.fullmatch(value)):
        raise RpcError("bad-params")
    return value


def flag(params: dict[str, Any], name: str) -> bool:
    """A true or false parameter."""
    value = params.get(name)
    if not isinstance(value, bool):
        raise RpcError("bad-params")
    return value


@dataclass(slots=True, eq=False)
class Page:
    """One open window: its outgoing queue and its role."""

    session: str = field(default_factory=lambda: secrets.token_urlsafe(18), repr=False)
    role: str = "remote"
    alive_at: float = 0.0
    person: Person | None = None
    web_session: str = ""
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE))

    def send(self, message: dict[str, Any]) -> None:
        """Queue one message; a page that does not read is closed."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            self.queue.put_nowait(None)
            return
        self.queue.put_nowait(json.dumps({"jsonrpc": "2.0", **message}))

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Queue one notification."""
        self.send({"method": method, "params": params})

    def close(self, method: str) -> None:
        """Say why, then close."""
        self.notify(method, {})
        if not self.queue.full():
            self.queue.put_nowait(None)


@dataclass(slots=True)
class PhoneDoor:
    """Authenticates pages and turns their requests into acts on calls."""

    board: Switchboard
    tickets: wire.Keys
    origin: str
    spend: Callable[[str, float], bool]
    now: Callable[[], float]
    monotonic: Callable[[], float]
    on_stats: Callable[[Call, dict[str, float]], None] = lambda _call, _stats: None
    run: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)

    async def close(self, _app: web.Application) -> None:
        """Close every page, known or not, because the program ends."""
        for socket in tuple(self._sockets):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """GET /phone: upgrade for our own page's origin only."""
        if request.headers.get("Origin", "") != self.origin:
            raise web.HTTPForbidden()
        # aiohttp refuses a frame of exactly its limit too.
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=MOST_FRAME_BYTES + 1, heartbeat=20.0, compress=False
        )
        try:
            await self._attend(request, socket)
        except* ConnectionError:
            log.debug("a page left in the middle of an answer")
        return socket

    async def _attend(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        await socket.prepare(request)
        if socket.ws_protocol != SUBPROTOCOL:
            await socket.close(code=WSCloseCode.PROTOCOL_ERROR)
            return
        page = Page()
        self._sockets.add(socket)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(_write(socket, page))
                await self._read(socket, page, group)
                writer.cancel()
        finally:
            self._sockets.discard(socket)
            if page.person is not None:
                self.board.phones.detach(page.person, page)

    async def _read(self, socket: web.WebSocketResponse, page: Page, group: asyncio.TaskGroup) -> None:
        tokens, filled_at = float(MOST_PER_SECOND), self.monotonic()
        running: set[asyncio.Task[None]] = set()
        while True:
            try:
                message = await socket.receive(timeout=_HELLO_SECONDS if page.person is None else None)
            except TimeoutError:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                break
            if message.type is not WSMsgType.TEXT:
                break
            now = self.monotonic()
            tokens, filled_at = min(MOST_PER_SECOND, tokens + (now - filled_at) * MOST_PER_SECOND), now
            if tokens < 1.0:
                page.send({"id": None, "error": _error("rate-limited")})
                await asyncio.sleep((1.0 - tokens) / MOST_PER_SECOND)
                continue
            tokens -= 1.0
            if page.person is None:
                if not await self._serve(page, message.data):
                    await asyncio.sleep(0)
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    break
                continue
            task = group.create_task(self._serve_later(page, message.data))
            running.add(task)
            task.add_done_callback(running.discard)
        for task in running:
            task.cancel()

    async def _serve_later(self, page: Page, data: str) -> None:
        await self._serve(page, data)

    async def _serve(self, page: Page, data: str) -> bool:
        """Answer one request; False when it was refused."""
        ident: Any = None
        try:
            ident, method, params = _request(data)
            handler = METHODS.get(method)
            if handler is None:
                raise RpcError("unknown-method")
            if (page.person is None) != (method == "session.hello"):
                raise RpcError("bad-state")
            page.send({"id": ident, "result": await handler(self, page, params)})
            return True
        except Exception as error:  # the socket's edge: a page is told a kind, never a trace
            page.send({"id": ident, "error": _error(_kind_of(error))})
        return False

    def call_of(self, page: Page, params: dict[str, Any]) -> Call:
        """The named call, if it is this page's person's."""
        assert page.person is not None
        return self.board.mine(page.person, text(params, "call", _ID))

    def line(self, person: Person) -> dict[str, Any]:
        """The registration that the page shows."""
        registered, problem = self.board.kit.lines.status(*person)
        return {"registered": registered, "problem": problem}


async def _write(socket: web.WebSocketResponse, page: Page) -> None:
    while (message := await page.queue.get()) is not None:
        try:
            await socket.send_str(message)
        except ConnectionError:
            return
    await socket.close(code=WSCloseCode.GOING_AWAY)


def _kind_of(error: BaseException) -> str:
    """What the page is told; a group of tasks failed by its first error."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case RpcError():
            return error.kind
        case BadCommand():
            return error.reason
        case ParseError():
            return "bad-sdp"
        case TelephonyError():
            return "media-failed"
        case _:
            log.error("a webphone request failed", exc_info=error)
            return "our-error"


def _error(kind: str) -> dict[str, Any]:
    return {"code": _CODES.get(kind, -32000), "message": kind, "data": {"kind": kind}}


def _request(data: str) -> tuple[Any, str, dict[str, Any]]:
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise RpcError("bad-request") from None
    if not isinstance(raw, dict) or raw.get("jsonrpc") != "2.0" or not isinstance(raw.get("method"), str):
        raise RpcError("bad-request")
    ident, params = raw.get("id"), raw.get("params", {})
    if isinstance(ident, bool) or not isinstance(ident, str | int) or not isinstance(params, dict):
        raise RpcError("bad-request")
    return ident, raw["method"], params


async def _hello(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    try:
        ticket = wire.read_ticket(door.tickets, text(params, "ticket"), "phone", door.origin, now=door.now())
    except wire.BadSignature:
        raise RpcError("bad-ticket") from None
    resume = params.get("resume")
    resumed = text(resume, "session", None, 64) if isinstance(resume, dict) else None
    if not door.spend(ticket.nonce, door.now()):
        raise RpcError("bad-ticket")
    page.person, page.web_session = (ticket.tenant, ticket.user), ticket.session
    role = door.board.phones.attach(page.person, page, resumed)
    seq = door.board.seq()
    return {
        "session": page.session,
        "run": door.run,
        "seq": seq,
        "role": role,
        "calls": [call.snapshot(seq) for call in door.board.of(page.person)],
        "line": door.line(page.person),
    }


async def _take(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    assert page.person is not None
    door.board.phones.take(page.person, page)
    for call in door.board.of(page.person):
        if call.media == "up":
            call.want_media()
    return {"role": "phone"}


async def _alive(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    page.alive_at = door.monotonic()
    return {}


async def _answer(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    if call.direction is not Direction.INBOUND or call.state is not CallState.RINGING:
        raise RpcError("bad-state")
    door.board.one_voice(call)
    call.picked_up.set()
    return {}


async def _decline(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    if call.direction is not Direction.INBOUND or call.state is not CallState.RINGING:
        raise RpcError("bad-state")
    call.ask_end(Outcome.DECLINED)
    return {}


async def _hang_up(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    door.call_of(page, params).hang_up()
    return {}


async def _hold(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    await door.board.hold(door.call_of(page, params), flag(params, "held"))
    return {}


async def _mute(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    muted = flag(params, "muted")
    if call.connection is None:
        raise RpcError("bad-state")
    call.connection.mute(muted)
    return {}


async def _dtmf(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    digits = text(params, "digits", _DIGITS)
    if call.connection is None:
        raise RpcError("bad-state")
    call.connection.dial_digits(digits)
    return {}


async def _stop(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    if call.connection is None:
        raise RpcError("bad-state")
    call.connection.stop_recording()
    return {}


async def _offer(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    sdp = text(params, "sdp", None, 32768)
    if params.get("reason") not in {"initial", "reconnect", "device"}:
        raise RpcError("bad-params")
    if page.role != "phone":
        raise RpcError("not-the-phone")
    if call.connection is not None:
        return {"sdp": await call.connection.replace_user(sdp)}
    if call.browser is None or (call.media != "wanted" and params["reason"] == "initial"):
        raise RpcError("bad-state")
    return {"sdp": await call.take_offer(sdp)}


async def _stats(door: PhoneDoor, page: Page, params: dict[str, Any]) -> dict[str, Any]:
    call = door.call_of(page, params)
    stats = {}
    for name in ("rtt_ms", "jitter_ms", "loss_percent"):
        value = params.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_STAT:
            raise RpcError("bad-params")
        stats[name] = float(value)
    door.on_stats(call, stats)
    return {}


Handler = Callable[[PhoneDoor, Page, dict[str, Any]], Awaitable[dict[str, Any]]]
METHODS: dict[str, Handler] = {
    "session.hello": _hello,
    "session.take": _take,
    "presence.alive": _alive,
    "call.answer": _answer,
    "call.decline": _decline,
    "call.hangup": _hang_up,
    "call.hold": _hold,
    "call.mute": _mute,
    "call.dtmf": _dtmf,
    "record.stop": _stop,
    "media.offer": _offer,
    "media.stats": _stats,
}
