"""What stands around telephony in whole-program tests: an add-on that keeps what it is told, and the settings for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract import wire
from contract.addresses import Reach
from contract.events import CallEnded
from contract.lines import LineConfig
from contract.route_plan import RoutePlan, RouteRequest
from contract.uploads import UploadGrant, UploadRequest
from telephony.calls.switchboard import Switchboard
from telephony.carriers import build_carriers
from telephony.config import Config
from telephony.server import serve

PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "lines")


@dataclass
class AddonStandIn:
    """Answers telephony's signed requests; `told` holds each event once by id, `said` every delivery."""

    lines: list[LineConfig] = field(default_factory=list)
    plan: RoutePlan | None = None
    secrets: dict[str, bytes] = field(default_factory=lambda: {p: secrets.token_bytes(32) for p in PURPOSES})
    told: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    asked: list[UploadRequest] = field(default_factory=list)
    objects: dict[str, bytearray] = field(default_factory=dict)
    upload_token: str = "t"
    away: bool = False
    metrics_port: int = 0
    server: TestServer = field(init=False)

    def keys(self, purpose: str) -> wire.Keys:
        return wire.Keys({"k1": self.secrets[purpose]})

    async def start(self) -> None:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_get("/telephony/lines", self._lines)
        app.router.add_post("/telephony/route", self._route)
        app.router.add_post("/telephony/events", self._event)
        app.router.add_post("/telephony/uploads", self._grant)
        app.router.add_put("/telephony/uploads/{name}", self._put)
        self.server = TestServer(app)
        await self.server.start_server(access_log=None)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    async def _body(self, request: web.Request) -> bytes:
        body = await request.read()
        keys = self.keys("telephony-to-addon")
        wire.verify_request(keys, "addon", request.method, request.path, body, request.headers, now=time.time())
        if self.away:
            raise web.HTTPServiceUnavailable
        return body

    async def _lines(self, request: web.Request) -> web.Response:
        await self._body(request)
        return web.json_response({"lines": [json.loads(wire.dumps(line)) for line in self.lines]})

    async def _route(self, request: web.Request) -> web.Response:
        wire.loads(await self._body(request), RouteRequest)
        return web.Response(body=wire.dumps(self.plan)) if self.plan else web.Response(status=404)

    async def _event(self, request: web.Request) -> web.Response:
        event: Any = wire.loads(await self._body(request))
        self.said.append(event.id)
        assert self.told.setdefault(event.id, event) == event, "one id, two stories"
        return web.Response(status=204)

    async def _grant(self, request: web.Request) -> web.Response:
        asked = wire.loads(await self._body(request), UploadRequest)
        self.asked.append(asked)
        self.objects[asked.call] = bytearray()
        url = f"/telephony/uploads/{asked.call}?token={self.upload_token}"
        return web.Response(body=wire.dumps(UploadGrant(f"objects/{asked.call}", url)))

    async def _put(self, request: web.Request) -> web.Response:
        body, held = await self._body(request), self.objects[request.match_info["name"]]
        asked = next(a for a in reversed(self.asked) if a.call == request.match_info["name"])
        if not request.headers["Content-Range"].startswith("bytes *"):
            assert request.headers["Content-Range"].startswith(f"bytes {len(held)}-")
            held += body
        if len(held) < asked.size_bytes:
            return web.Response(status=308, headers={"Range": f"bytes=0-{len(held) - 1}"} if held else {})
        assert hashlib.sha256(held).hexdigest() == asked.sha256
        return web.Response(status=200)

    def ended(self) -> dict[str, CallEnded]:
        """Every call's end by its id."""
        return {e.call: e for e in self.told.values() if isinstance(e, CallEnded)}

    def config(self, data_dir: Path) -> Config:
        keys = {purpose: self.keys(purpose) for purpose in PURPOSES}
        return Config(
            0,
            "127.0.0.1",
            self.url,
            self.url,
            data_dir,
            True,
            "127.0.0.1",
            keys,
            metrics_port=self.metrics_port,
            reach=Reach(loopback=True),
        )

    def environment(self, data_dir: Path, port: int) -> dict[str, str]:
        """Settings of `python -m telephony`."""
        data_dir.mkdir(parents=True, exist_ok=True)
        held = {p: {"k1": base64.b64encode(s).decode()} for p, s in self.secrets.items()}
        (data_dir / "keys.json").write_text(json.dumps(held))
        return {
            "DEV": "1", "TELEPHONY_PORT": str(port), "BIND": "127.0.0.1", "ADDON_URL": self.url, "ALLOWED_ORIGIN": self.url,
            "DATA_DIR": str(data_dir), "KEYS_FILE": str(data_dir / "keys.json"), "ADVERTISED_IP": "127.0.0.1",
        }  # fmt: skip

    async def command(self, http: aiohttp.ClientSession, port: int, command: Any) -> dict[str, Any]:
        """Send one command as the add-on does."""
        body, keys = wire.dumps(command), self.keys("addon-to-telephony")
        signed = wire.sign_request(
            keys, "telephony", "POST", "/commands", body, now=time.time(), nonce=secrets.token_hex(16)
        )
        async with http.post(f"http://127.0.0.1:{port}/commands", data=body, headers=signed) as answer:
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def serving(addon: AddonStandIn, data_dir: Path) -> AsyncIterator[tuple[Switchboard, int]]:
    """The whole program in this process, with its real carriers."""
    config, stop = addon.config(data_dir), asyncio.Event()
    ready: asyncio.Future[tuple[Switchboard, int]] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(
        serve(config, lambda client: build_carriers(config, client), stop, lambda b, p: ready.set_result((b, p)))
    )
    done, _ = await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        task.result()
    try:
        yield ready.result()
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)
