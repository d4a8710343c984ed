"""The signed client against a loopback add-on."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract import wire
from contract.calls import CallId, Party
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId
from contract.route_plan import RouteRequest
from telephony.addon_client import AddonAway, AddonClient, UnknownToAddon
from telephony.outbox import Refused

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]
LINE = LineConfig(TenantId("acme"), LineId("main"), 1, "127.0.0.1")


async def test_every_request_proves_itself_and_answers_are_typed() -> None:
    keys = wire.Keys({"k": secrets.token_bytes(32)})
    statuses = iter([204, 503, 422])

    async def addon(request: web.Request) -> web.Response:
        body = await request.read()
        wire.verify_request(keys, "addon", request.method, request.path, body, request.headers, now=time.time())
        if request.path.endswith("/lines"):
            return web.json_response({"lines": [json.loads(wire.dumps(LINE))]})
        return web.Response(status=404 if request.path.endswith("/route") else next(statuses))

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", addon)
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        client = AddonClient(session, str(server.make_url("")).rstrip("/"), keys, time.time)
        assert await client.lines() == (LINE,)
        await client.send_event(b"{}")
        with pytest.raises(AddonAway):
            await client.send_event(b"{}")
        with pytest.raises(Refused):
            await client.send_event(b"{}")
        with pytest.raises(UnknownToAddon):
            await client.route(RouteRequest(CallId("c"), LINE.tenant, LINE.line, "1001", Party("")))
        with pytest.raises(AddonAway):
            await client.put_part("http://elsewhere.example/x", b"", "bytes 0-0/1")
        await server.close()
        with pytest.raises(AddonAway):
            await client.lines()
