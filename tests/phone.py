"""A webphone without a browser: docs/asyncapi.yaml over a WebSocket, stock aiortc for the audio; it hums and listens."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import yaml
from jsonschema import Draft202012Validator

from contract import wire
from contract.calls import Codec
from contract.numbers import TenantId, UserId
from telephony.media.codecs import Pcm
from tests.telephony.webrtc.peers import Browser
from tests.tone import until

SUBPROTOCOL, ALIVE_SECONDS, ANSWER_SECONDS = "ctc.phone.v1", 4.0, 15.0
_DOC = yaml.safe_load((Path(__file__).parents[1] / "docs/asyncapi.yaml").read_text())
_SCHEMAS = {
    name: Draft202012Validator({**message["payload"], "components": _DOC["components"]})
    for name, message in _DOC["components"]["messages"].items()
}


class Refused(Exception):
    """telephony answered with an error; `kind` is its name."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Exchange:
    """Where telephony is and how tickets for it are made."""

    url: str
    origin: str
    tickets: wire.Keys

    def ticket(self, tenant: str, user: str) -> str:
        made = wire.JoinTicket(
            "phone",
            TenantId(tenant),
            UserId(user),
            self.origin,
            secrets.token_hex(16),
            time.time() + wire.TICKET_SECONDS,
        )
        return wire.mint_ticket(self.tickets, made)


@dataclass
class Phone:
    """One window of one person. Like the page it offers audio whenever a call of the phone window wants it."""

    exchange: Exchange
    tenant: str
    user: str
    hz: float = 440.0
    codec: Codec | None = None
    role: str = ""
    session: str = ""
    line: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    browser: Browser | None = None
    _http: aiohttp.ClientSession | None = None
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _asked: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _offered: dict[str, int] = field(default_factory=dict)
    _number: int = 0

    async def __aenter__(self) -> Phone:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self, resume: str = "") -> None:
        """A new socket and session.hello; a live call gets its audio back."""
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(
            self.exchange.url, origin=self.exchange.origin, protocols=(SUBPROTOCOL,)
        )
        self._later(self._read(self._socket))
        more = {"resume": {"session": resume, "seq": 0}} if resume else {}
        welcome = await self.ask("session.hello", ticket=self.exchange.ticket(self.tenant, self.user), **more)
        self.session, self.role, self.line = welcome["session"], welcome["role"], welcome["line"]
        self.calls, self._offered = {call["call"]: call for call in welcome["calls"]}, {}
        await self.ask("presence.alive", audio_clock=0.0)
        self._later(self._live())
        for call in welcome["calls"]:
            if call["media"] != "none" or call["answered_at"]:
                self._connect(call, "reconnect" if call["answered_at"] or call["media"] == "up" else "initial")

    async def close(self) -> None:
        """Close the window."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()
        await self._drop()

    async def reload(self) -> None:
        """What F5 does: everything of the page is gone, the session is resumed."""
        session = self.session
        await self.close()
        await self.open(session)

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One request; raises Refused."""
        assert self._socket is not None
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        _SCHEMAS[method].validate(request)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = (method, answer)
        await self._socket.send_json(request)
        return await asyncio.wait_for(answer, ANSWER_SECONDS * (4 if method == "media.offer" else 1))

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            await self.ask("presence.alive", audio_clock=0.0)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            told = json.loads(message.data)
            if "method" in told:
                _SCHEMAS[told["method"]].validate(told)
                self._hear(told["method"], told["params"])
                continue
            method, answer = self._asked.pop(told["id"])
            _SCHEMAS["error" if "error" in told else f"{method}.result"].validate(told)
            if answer.done():
                continue
            if "error" in told:
                answer.set_exception(Refused(told["error"]["data"]["kind"]))
            else:
                answer.set_result(told["result"])

    def _hear(self, method: str, params: dict[str, Any]) -> None:
        if method == "call.state":
            self.told.append(params)
            self.calls[params["call"]] = params
            if params["state"] == "ended":
                self._later(self._drop())
            elif params["media"] == "wanted":
                self._connect(params, "initial")
        elif method == "session.role":
            self.role = params["role"]
            self._later(self._drop())
        elif method == "line.status":
            self.line = params

    def _later(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _connect(self, call: dict[str, Any], reason: str) -> None:
        if self.role == "phone" and self._offered.get(call["call"], -1) < call["media_round"]:
            self._offered[call["call"]] = call["media_round"]
            self._later(self._offer(call["call"], reason))

    async def _offer(self, call: str, reason: str) -> None:
        await self._drop()
        self.browser = browser = Browser(self.hz, self.codec)
        try:
            answer = await self.ask("media.offer", call=call, sdp=await browser.offer(), reason=reason)
            if self.browser is browser:
                await browser.accept(answer["sdp"])
        except Refused:
            if self.browser is browser:
                await self._drop()

    async def _drop(self) -> None:
        browser, self.browser = self.browser, None
        if browser is not None:
            await browser.close()

    async def take(self) -> None:
        """This window becomes the phone."""
        self.role = (await self.ask("session.take"))["role"]
        for call in tuple(self.calls.values()):
            if call["state"] != "ended" and call["media"] == "wanted":
                self._connect(call, "reconnect" if call["answered_at"] else "initial")

    async def call(self, state: str, call: str = "", seconds: float = 10.0) -> dict[str, Any]:
        """Wait until a call of this person is in that state: the named one, else any."""

        def found() -> list[dict[str, Any]]:
            return [c for c in self.calls.values() if c["state"] == state and call in ("", c["call"])]

        try:
            await until(found, seconds)
        except TimeoutError:
            raise AssertionError(f"no call became {state}: {self.calls}") from None
        return found()[-1]

    def states(self, call: str) -> list[str]:
        """Every state that was shown, in order, without repetitions."""
        shown = [told["state"] for told in self.told if told["call"] == call]
        return [state for at, state in enumerate(shown) if at == 0 or shown[at - 1] != state]

    @property
    def rate_hz(self) -> int:
        """Rate of what is heard."""
        return self.browser.rate if self.browser is not None else 48000

    def place(self) -> tuple[Browser | None, int]:
        """Where listening stands."""
        return self.browser, len(self.browser.heard) if self.browser is not None else 0

    def since(self, place: tuple[Browser | None, int]) -> Pcm:
        """What was heard after `place`."""
        if self.browser is None:
            return np.empty(0, np.int16)
        heard = self.browser.heard[place[1] if place[0] is self.browser else 0 :]
        return np.concatenate(heard) if heard else np.empty(0, np.int16)
