"""The servers that a load run can be pointed at: how each is started, told of a call and told to end it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Protocol

from bench.load.anchors import JANUS_PORT, NG_PORT, janus_command, rtpengine_command
from bench.load.bencode import decoded, encoded
from bench.load.browser_sdp import HOST, Audio, Description, plain
from bench.load.engine import placed
from bench.load.sip_peer import SipPeer

START_SECONDS, ANSWER_SECONDS = 30.0, 20.0
Answered = tuple[str, tuple[str, int]]


class Server(Protocol):
    """One running server; calls are named by their number."""

    process: Process

    async def call(self, number: int, offer: str, port: int) -> Answered:
        """The answer for the browser and where call `number`'s RTP party, who hears on `port`, has to send."""
        ...

    async def hang_up(self, number: int) -> None:
        """End one call."""
        ...

    async def pauses_ms(self) -> list[float]:
        """How long collections stopped the server since the last time; empty for one that has none."""
        ...

    async def close(self) -> None:
        """Stop the server."""
        ...


async def ended(process: Process) -> None:
    """Terminate a child, by force when it hesitates."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


class Lines:
    """A Python server of this package that speaks JSON lines: the product, or aiortc's tracks."""

    def __init__(self, process: Process, peer: SipPeer | None) -> None:
        self.process = process
        self._peer = peer
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def start(cls, module: list[str], audio: Audio, by_sip: bool, cpu: int | None, niceness: int) -> Lines:
        """Run a module; `by_sip` calls its far party by INVITE."""
        process = await asyncio.create_subprocess_exec(
            *placed(cpu, niceness), sys.executable, "-m", *module, stdin=PIPE, stdout=PIPE, limit=1 << 20
        )
        made = cls(process, await SipPeer.open(audio) if by_sip else None)
        await made.pauses_ms()
        return made

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            waiting = self._waiting.pop(told["id"])
            if not waiting.done():
                waiting.set_result(told)

    async def _ask(self, **what: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self._asked += 1
        self._waiting[self._asked] = answer = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"id": self._asked, **what}).encode() + b"\n")
        told = await asyncio.wait_for(answer, START_SECONDS)
        if "error" in told:
            raise RuntimeError(told["error"])
        return dict(told)

    async def call(self, number: int, offer: str, port: int) -> Answered:
        """See `Server`."""
        if self._peer is None:
            told = await self._ask(call=number, sdp=offer, port=port)
            return told["sdp"], (HOST, told["port"])
        self._peer.wanted[number] = port
        told = await self._ask(call=number, sdp=offer, pbx=self._peer.port)
        return told["sdp"], self._peer.offered[number]

    async def hang_up(self, number: int) -> None:
        """See `Server`."""
        await self._ask(hang_up=number)

    async def pauses_ms(self) -> list[float]:
        """See `Server`."""
        return list((await self._ask(pauses=True)).get("pauses", []))

    async def close(self) -> None:
        """See `Server`."""
        await ended(self.process)
        await self._reading
        if self._peer is not None:
            self._peer.close()


class JanusSip:
    """Janus' SIP plugin over its WebSocket API: a guest registers and calls."""

    def __init__(self, process: Process, folder: tempfile.TemporaryDirectory[str], peer: SipPeer) -> None:
        self.process, self._folder, self._peer = process, folder, peer
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._handles: dict[int, int] = {}

    @classmethod
    async def start(cls, audio: Audio, cpu: int | None, niceness: int) -> JanusSip:
        """Run Janus and open a session."""
        import aiohttp

        folder = tempfile.TemporaryDirectory()
        process = await asyncio.create_subprocess_exec(
            *placed(cpu, niceness), *janus_command(Path(folder.name)), stdout=DEVNULL, stderr=DEVNULL
        )
        made = cls(process, folder, await SipPeer.open(audio))
        made._http = aiohttp.ClientSession()
        for _ in range(int(START_SECONDS / 0.1)):
            try:
                made._socket = await made._http.ws_connect(
                    f"ws://{HOST}:{JANUS_PORT}", protocols=["janus-protocol"], max_msg_size=0
                )
                break
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)
        else:
            raise RuntimeError("Janus does not answer")
        made._tasks = [asyncio.ensure_future(made._read()), asyncio.ensure_future(made._keep_alive())]
        made._session = (await made._request({"janus": "create"}))["data"]["id"]
        return made

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(20)
            await self._request({"janus": "keepalive", "session_id": self._session})

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            waiting = None if told["janus"] == "ack" else self._waiting.pop(told.get("transaction", ""), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(told)
            elif told["janus"] == "event" and told.get("sender") in self._events:
                self._events[told["sender"]].put_nowait(told)

    async def _request(self, message: dict[str, Any]) -> dict[str, Any]:
        name = secrets.token_hex(6)
        self._waiting[name] = answer = asyncio.get_running_loop().create_future()
        await self._socket.send_json({**message, "transaction": name})
        told = await asyncio.wait_for(answer, ANSWER_SECONDS)
        if told["janus"] == "error" or "error" in told.get("plugindata", {}).get("data", {}):
            raise RuntimeError(json.dumps(told)[:300])
        return dict(told)

    async def call(self, number: int, offer: str, port: int) -> Answered:
        """See `Server`."""
        on = {"session_id": self._session}
        handle = (await self._request({"janus": "attach", "plugin": "janus.plugin.sip", **on}))["data"]["id"]
        events = self._events[handle] = asyncio.Queue()
        self._handles[number], self._peer.wanted[number] = handle, port
        message = {"janus": "message", "handle_id": handle, **on}
        guest = {"request": "register", "type": "guest", "username": f"sip:c{number}@{HOST}"}
        await self._request({**message, "body": guest})
        body = {"request": "call", "uri": f"sip:load{number}@{HOST}:{self._peer.port}", "autoaccept_reinvites": True}
        await self._request({**message, "body": body, "jsep": {"type": "offer", "sdp": offer}})
        while True:
            told = await asyncio.wait_for(events.get(), ANSWER_SECONDS)
            result = told["plugindata"]["data"].get("result", {})
            if result.get("event") in ("accepted", "progress") and "jsep" in told:
                return told["jsep"]["sdp"], self._peer.offered[number]
            if result.get("event") == "hangup":
                raise RuntimeError(str(result))

    async def hang_up(self, number: int) -> None:
        """See `Server`."""
        handle = self._handles.pop(number)
        self._events.pop(handle, None)
        await self._request({"janus": "detach", "session_id": self._session, "handle_id": handle})

    async def pauses_ms(self) -> list[float]:
        """See `Server`."""
        return []

    async def close(self) -> None:
        """See `Server`."""
        for task in self._tasks:
            task.cancel()
        await self._http.close()
        await ended(self.process)
        self._peer.close()
        self._folder.cleanup()


class Rtpengine(asyncio.DatagramProtocol):
    """rtpengine over its ng protocol: an offer from the browser, an answer from the RTP party."""

    def __init__(self, process: Process, audio: Audio) -> None:
        self.process, self._audio = process, audio
        self._waiting: dict[bytes, asyncio.Future[dict[str, Any]]] = {}
        self._run = secrets.token_hex(4)

    @classmethod
    async def start(cls, audio: Audio, cpu: int | None, niceness: int) -> Rtpengine:
        """Run it and wait until it answers."""
        process = await asyncio.create_subprocess_exec(
            *placed(cpu, niceness), *rtpengine_command(Path()), stdout=DEVNULL, stderr=DEVNULL
        )
        made = cls(process, audio)
        loop = asyncio.get_running_loop()
        made._transport, _ = await loop.create_datagram_endpoint(lambda: made, remote_addr=(HOST, NG_PORT))
        for _ in range(int(START_SECONDS)):
            try:
                await made._request({"command": "ping"}, "pong", 1.0)
                return made
            except TimeoutError:
                pass
        raise RuntimeError("rtpengine does not answer")

    def error_received(self, exc: Exception) -> None:
        """It does not listen yet."""

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """An answer."""
        cookie, _, body = data.partition(b" ")
        waiting = self._waiting.pop(cookie, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(decoded(body))

    async def _request(self, what: dict[str, Any], good: str = "ok", seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
        cookie = secrets.token_hex(6).encode()
        self._waiting[cookie] = answer = asyncio.get_running_loop().create_future()
        self._transport.sendto(cookie + b" " + encoded(what))
        told = await asyncio.wait_for(answer, seconds)
        if told.get("result") != good.encode():
            raise RuntimeError(str(told))
        return told

    def _name(self, number: int) -> dict[str, Any]:
        return {"call-id": f"load-{os.getpid()}-{self._run}-{number}", "from-tag": "a"}

    async def call(self, number: int, offer: str, port: int) -> Answered:
        """See `Server`."""
        told = await self._request(
            {
                **self._name(number), "command": "offer", "sdp": offer, "ICE": "remove", "transport-protocol": "RTP/AVP",
                "rtcp-mux": ["demux"], "flags": ["trust address"], "replace": ["origin"], "DTLS": "off", "SDES": ["off"],
            }
        )  # fmt: skip
        inner = Description.parse(told["sdp"].decode())
        answer = plain(port, self._audio, inner.payload_type(self._audio))
        told = await self._request(
            {
                **self._name(number), "command": "answer", "to-tag": "b", "sdp": answer, "ICE": "force",
                "transport-protocol": "UDP/TLS/RTP/SAVPF", "rtcp-mux": ["require"], "flags": ["trust address"],
                "replace": ["origin"], "DTLS": "passive",
            }
        )  # fmt: skip
        return told["sdp"].decode(), (inner.host, inner.port)

    async def hang_up(self, number: int) -> None:
        """See `Server`."""
        await self._request({**self._name(number), "command": "delete", "flags": ["fatal"]})

    async def pauses_ms(self) -> list[float]:
        """See `Server`."""
        return []

    async def close(self) -> None:
        """See `Server`."""
        self._transport.close()
        await ended(self.process)
