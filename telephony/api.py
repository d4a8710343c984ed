"""The sockets of telephony and who may use them: signed commands, presence, health, the webphone."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from contract import wire
from contract.commands import CommandResult
from telephony.api_phone import PhoneDoor
from telephony.calls.switchboard import Switchboard, presence

_MOST_NONCES = 200_000


@dataclass(slots=True)
class SpentNonces:
    """Remembers nonces as long as their requests could be replayed."""

    seconds: float = 2.0 * wire.SKEW_SECONDS + wire.TICKET_SECONDS
    _spent: dict[str, float] = field(default_factory=dict)

    def spend(self, nonce: str, now: float) -> bool:
        """True the first time; full of live nonces means no."""
        while self._spent and next(iter(self._spent.values())) < now - self.seconds:
            del self._spent[next(iter(self._spent))]
        if nonce in self._spent or len(self._spent) >= _MOST_NONCES:
            return False
        self._spent[nonce] = now
        return True


@dataclass(slots=True)
class Api:
    """HTTP handlers; `parts` names what health reports."""

    board: Switchboard
    keys: wire.Keys
    parts: Callable[[], dict[str, str]]
    now: Callable[[], float] = time.time
    nonces: SpentNonces = field(default_factory=SpentNonces)
    on_command: Callable[[str, CommandResult], None] = lambda _name, _result: None

    async def _proven(self, request: web.Request) -> bytes:
        body = await request.read()
        try:
            nonce = wire.verify_request(
                self.keys, "telephony", request.method, request.path, body, request.headers, now=self.now()
            )
        except wire.BadSignature:
            raise web.HTTPUnauthorized() from None
        if not self.nonces.spend(nonce, self.now()):
            raise web.HTTPUnauthorized()
        return body

    async def commands(self, request: web.Request) -> web.Response:
        """POST /commands: one command, CommandResult."""
        body = await self._proven(request)
        try:
            command: Any = wire.loads(body)
        except wire.BadWire:
            raise web.HTTPBadRequest() from None
        result: CommandResult = await self.board.command(command)
        self.on_command(type(command).__name__, result)
        ended = {"ended": wire.dumps(result.ended).decode()} if result.ended else {}
        return web.json_response({"accepted": result.accepted, "reason": result.reason, **ended})

    async def presence(self, request: web.Request) -> web.Response:
        """GET /presence/{tenant}/{user}: webphone, line and live calls."""
        await self._proven(request)
        return web.json_response(presence(self.board, request.match_info["tenant"], request.match_info["user"]))

    async def health(self, request: web.Request) -> web.Response:
        """GET /healthz: alive, and how its parts do."""
        return web.json_response({"status": "ok", "parts": self.parts()}, dumps=json.dumps)


class RouteLog(AbstractAccessLogger):
    """One line a request: method, route and status, never the address as it was sent, which may hold anything."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Name the route, not the path; a request that could not even be read has none."""
        try:
            resource = request.match_info.route.resource if isinstance(request, web.Request) else None
        except AssertionError:  # aiohttp asserts that a request was routed; one that is no HTTP never was
            resource = None
        route = resource.canonical if resource is not None else "(no route)"
        self.logger.info("%s %s %d in %.0f ms", request.method, route, response.status, time * 1000)


@web.middleware
async def _plain_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    answer = await handler(request)
    if not answer.prepared:
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def build(api: Api, phone: PhoneDoor) -> web.Application:
    """The aiohttp application."""
    app = web.Application(client_max_size=wire.MAX_BODY_BYTES, middlewares=[_plain_headers])
    app.on_shutdown.append(phone.close)
    app.add_routes(
        [
            web.post("/commands", api.commands),
            web.get("/presence/{tenant}/{user}", api.presence),
            web.get("/healthz", api.health),
            web.get("/phone", phone.connect),
        ]
    )
    return app
