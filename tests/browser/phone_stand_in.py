"""A small server that speaks the web API and the webphone's WebSocket, with aiortc at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aioice.ice
import numpy as np
from aiohttp import WSMsgType, web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from jinja2 import Environment, FileSystemLoader

from addon.doors.browser import policy

ROOT = Path(__file__).parents[2]
RATE_HZ = 48000
PEER = {"address": "+59322345678", "name": "Ada Lovelace", "shown": "+593 2 234 5678"}
SETTINGS: dict[str, Any] = {
    "record_calls": False,
    "retention_days": 30,
    "device": "browser",
    "language": "en",
    "rev": 1,
    "may_record": True,
    "retention_max_days": 365,
    "has_desk": True,
    "consent": {"granted": True, "at": 1795500000.0, "version": "2026-11"},
    "consent_version": "2026-12",
}
PLAN: dict[str, Any] = {
    "may_call": True,
    "shown": "+593 2 234 5678",
    "lines": ["You talk in the phone window.", "Not recorded: you switched recording off."],
}


def csp(ws_url: str) -> str:
    """The product's own policy."""
    return policy(SimpleNamespace(telephony_ws_url=ws_url), "n")  # type: ignore[arg-type]


class Tone(MediaStreamTrack):
    """650 Hz in 20 ms frames."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._at, self._began = 0, time.monotonic()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self._began + self._at / RATE_HZ - time.monotonic()))
        t = (np.arange(960) + self._at) / RATE_HZ
        frame = AudioFrame.from_ndarray((np.sin(2 * np.pi * 650 * t) * 8000).astype(np.int16)[None, :], layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, fractions.Fraction(1, RATE_HZ)
        self._at += 960
        return frame


@dataclass
class PhoneStand:
    """What tests set and see."""

    url: str = ""
    signed_in: bool = True
    consented: bool = True
    refuse_ticket: bool = False
    run: str = "r1"
    frozen: set[str] = field(default_factory=set)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    windows: list[web.WebSocketResponse] = field(default_factory=list)
    phone: web.WebSocketResponse | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    heard: list[np.ndarray] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    plan: dict[str, Any] = field(default_factory=lambda: dict(PLAN))
    line: dict[str, Any] = field(default_factory=lambda: {"registered": True, "problem": ""})
    peer: dict[str, Any] = field(default_factory=lambda: dict(PEER))
    has_history: bool = True
    recent: dict[str, Any] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    seq: int = 0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    peers: set[RTCPeerConnection] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def do(self, work: Any) -> Any:
        """Run a coroutine on the stand's loop from a test."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def reset(self) -> None:
        """Everything as at the start."""
        self.calls.clear()
        self.asked.clear()
        self.heard.clear()
        self.signed_in = self.consented = True
        self.refuse_ticket, self.run = False, "r1"
        self.frozen.clear()
        self.settings, self.plan, self.peer = dict(SETTINGS), dict(PLAN), dict(PEER)
        self.line, self.has_history, self.refusal = {"registered": True, "problem": ""}, True, None
        self.others, self.recent = [], {}

    async def change(self, call: str, **values: Any) -> None:
        """Set values of a call and tell every window."""
        self.seq += 1
        peer = {name: self.peer[name] for name in ("address", "name")}
        self.calls[call] = snapshot(call) | {"peer": peer} | self.calls.get(call, {}) | values | {"seq": self.seq}
        told = self.calls[call]
        if told["state"] == "ended":
            del self.calls[call]
        await self.tell("call.state", told)

    async def tell(self, method: str, params: dict[str, Any]) -> None:
        for window in [w for w in self.windows if not w.closed]:
            with contextlib.suppress(ConnectionError):
                await window.send_json({"jsonrpc": "2.0", "method": method, "params": params})

    async def drop(self) -> None:
        """Cut every WebSocket."""
        for window in tuple(self.windows):
            await window.close()

    def tone_heard_hz(self) -> float:
        """The loudest frequency of the last second from the page."""
        wave = np.concatenate(self.heard[-50:]).astype(float)
        return float(np.argmax(np.abs(np.fft.rfft(wave))) * RATE_HZ / len(wave))

    async def media(self, params: dict[str, Any]) -> dict[str, Any]:
        peer = RTCPeerConnection()
        self.peers.add(peer)
        peer.addTrack(Tone())

        async def listen(track: MediaStreamTrack) -> None:
            with contextlib.suppress(Exception):
                while True:
                    frame = await track.recv()
                    self.heard.append(frame.to_ndarray()[0][:: len(frame.layout.channels)])

        @peer.on("track")
        def _track(track: MediaStreamTrack) -> None:
            task = self.loop.create_task(listen(track))
            self.tasks.add(task)

        await peer.setRemoteDescription(RTCSessionDescription(params["sdp"], "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        if params["reason"] == "initial":
            await self.change(params["call"], state="early", media="up")
            await asyncio.sleep(0.2)
            await self.change(params["call"], state="active", answered_at=time.time())
        else:
            await self.change(params["call"], media="up")
        return {"sdp": peer.localDescription.sdp}

    async def rpc(self, socket: web.WebSocketResponse, method: str, params: dict[str, Any]) -> dict[str, Any]:
        call = params.get("call", "")
        if method == "session.hello":
            self.windows.append(socket)
            if self.phone is None or self.phone.closed:
                self.phone = socket
            role = "phone" if socket is self.phone else "remote"
            return {
                "session": str(id(socket)),
                "run": self.run,
                "seq": self.seq,
                "role": role,
                "calls": list(self.calls.values()),
                "line": self.line,
            }
        if method == "session.take":
            if self.phone is not None and not self.phone.closed:
                await self.phone.send_json({"jsonrpc": "2.0", "method": "session.role", "params": {"role": "remote"}})
            self.phone = socket
            return {"role": "phone"}
        if method == "media.offer":
            return await self.media(params)
        effects = {
            "call.answer": {"media": "wanted"},
            "call.decline": {"state": "ended", "outcome": "declined"},
            "call.hangup": {"state": "ended", "outcome": "completed"},
            "call.hold": {"held": params.get("held"), "state": "held" if params.get("held") else "active"},
            "call.mute": {"muted": params.get("muted")},
        }
        if method in effects:
            await self.change(call, **effects[method])
        return {}

    async def thawed(self, *parts: str) -> None:
        """Like a stopped process: what is asked waits until it runs again."""
        while self.frozen & set(parts):
            await asyncio.sleep(0.05)

    async def fails(self, *, new_run: bool = True) -> None:
        """The service dies and is started again, or only forgets its calls; every socket is cut."""
        self.run = f"{self.run}+" if new_run else self.run
        self.calls.clear()
        await self.drop()

    async def socket(self, request: web.Request) -> web.StreamResponse:
        await self.thawed("telephony")
        socket = web.WebSocketResponse(protocols=("ctc.phone.v1",))
        await socket.prepare(request)

        async def serve(asked: dict[str, Any]) -> None:
            await self.thawed("telephony")
            result = await self.rpc(socket, asked["method"], asked["params"])
            if not socket.closed:
                await socket.send_json({"jsonrpc": "2.0", "id": asked["id"], "result": result})

        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            asked = json.loads(message.data)
            self.asked.append((asked["method"], asked["params"]))
            self.tasks.add(self.loop.create_task(serve(asked)))
        if socket in self.windows:
            self.windows.remove(socket)
        return socket

    async def api(self, request: web.Request) -> web.Response:
        path, method = request.path, request.method
        body = await request.json() if method in {"POST", "PUT"} else {}
        self.asked.append((f"{method} {path}", body))
        await self.thawed("addon", path)
        if not self.signed_in:
            return web.json_response({"error": {"kind": "signed-out", "text": "Sign in"}}, status=401)
        if method != "GET" and path != "/session" and request.headers.get("X-CTC-CSRF") != "c1":
            return web.json_response({"error": {"kind": "csrf", "text": "csrf"}}, status=403)
        if path == "/api/calls" and method == "POST":
            if self.refusal:
                return web.json_response({"error": self.refusal}, status=403)
            if not self.consented:
                return web.json_response({"error": {"kind": "consent-required", "text": ""}}, status=409)
            await self.change(body["id"], state="dialing", media="wanted", recording_rule="user-off")
            return web.json_response({"call": body["id"], "shown": body["to"], "lines": []}, status=201)
        if path == "/api/phone/ticket" and self.refuse_ticket:
            return web.json_response({"error": {"kind": "busy", "text": ""}}, status=503)
        if path == "/api/consents":
            self.consented = True
            self.settings["consent"] = {"granted": body["granted"], "at": time.time(), "version": "2026-12"}
        if path == "/api/settings" and method == "PUT":
            self.settings = body | {"rev": body["rev"] + 1}
        return web.json_response(self.answer(path))

    def answer(self, path: str) -> Any:
        kept = {"purge_at": time.time() + 86400 * 20, "seconds": 65, "held": False, "cut": False}
        past = {"peer": self.peer, "started_at": time.time() - 3600}
        if self.others and path in {"/api/calls", "/api/recordings"}:
            facts = {
                "direction": "inbound",
                "outcome": "completed",
                "talk_seconds": 3,
                "missed": False,
                "recording": kept,
            }
            rows = [past | facts | {"call": f"o{n}", "peer": peer} for n, peer in enumerate(self.others)]
            return {path.removeprefix("/api/"): rows}
        return {
            "/api/me": {
                "user": {"id": "alice", "name": "Alice", "email": "a@acme.example", "extension": "1001"},
                "csrf": "c1",
            },
            "/session": {"dial": "600"},
            "/api/phone/ticket": {"ticket": "t", "url": ""},
            "/api/plan": self.plan,
            "/api/settings": self.settings,
            "/api/recordings": {"recordings": [past | {"call": "p2", "recording": kept}] if self.has_history else []},
            "/api/calls/p2": past | {"call": "p2", "recording": kept},
            "/api/calls": {
                "calls": []
                if not self.has_history
                else [
                    past
                    | {
                        "call": "p1",
                        "direction": "inbound",
                        "outcome": "no-answer",
                        "talk_seconds": 0,
                        "missed": True,
                        "recording": None,
                    },
                    past
                    | {
                        "call": "p2",
                        "direction": "outbound",
                        "outcome": "completed",
                        "talk_seconds": 65,
                        "missed": False,
                        "recording": kept,
                    }
                    | self.recent,
                ]
            },
        }.get(path, {})

    async def page(self, request: web.Request) -> web.Response:
        name = {"phone": "phone", "settings": "settings", "recordings": "recording"}[request.path.split("/")[1]]
        ws = f"ws://{request.host}/ws"
        html = Environment(loader=FileSystemLoader(ROOT / "addon/pages/templates"), autoescape=True).get_template(
            f"{name}.html"
        )
        text = html.render(
            locale=request.query.get("hl", "en"),
            ws_url=ws,
            base_url="",
            csp_nonce="n",
            late="This page is late.",
            again="Try again",
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": csp(ws)})


def snapshot(call: str) -> dict[str, Any]:
    return {
        "call": call, "direction": "outbound", "state": "dialing", "device": "browser", "started_at": time.time(),
        "answered_at": None, "held": False, "muted": False, "peer_holds": False, "recording": "off", "recording_rule": "user-off", "media": "none", "media_round": 1,
        "pbx_silent": False, "outcome": None, "sip_status": 0,
    }  # fmt: skip


@contextlib.contextmanager
def running() -> Iterator[PhoneStand]:
    """The stand on a free port in its own thread."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    stand = PhoneStand()

    async def up() -> web.AppRunner:
        app = web.Application()
        app.router.add_static("/web", ROOT / "web")
        app.router.add_static("/icons", ROOT / "web/icons")
        for path in ("/phone", "/settings", "/recordings/{id}"):
            app.router.add_get(path, stand.page)
        app.router.add_get("/ws", stand.socket)
        app.router.add_route("*", "/{tail:.*}", stand.api)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stand.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def down(runner: web.AppRunner) -> None:
        await stand.drop()
        for peer in stand.peers:
            await peer.close()
        for task in stand.tasks:
            task.cancel()
        await runner.cleanup()

    thread = threading.Thread(target=stand.loop.run_forever, daemon=True)
    thread.start()
    runner = stand.do(up())
    yield stand
    stand.do(down(runner))
    stand.loop.call_soon_threadsafe(stand.loop.stop)
    thread.join(5)
