"""The doors of telephony on loopback; every message exchanged is checked against docs/asyncapi.yaml."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer
from jsonschema import Draft202012Validator

from contract import wire
from contract.commands import HangUp
from telephony import api_phone
from telephony.api import Api, SpentNonces, build
from telephony.api_phone import METHODS, MOST_PER_SECOND, SUBPROTOCOL, PhoneDoor
from telephony.journal import Journal
from telephony.leg import Signal
from tests.tally import tried
from tests.telephony.calls.fakes import ALICE, Exchange, exchange, place, until

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]
DOC = yaml.safe_load((ROOT / "docs/asyncapi.yaml").read_text())
MESSAGES = DOC["components"]["messages"]
ORIGIN = "http://127.0.0.1:9"


def check(name: str, message: dict[str, Any]) -> None:
    schema = {**MESSAGES[name]["payload"], "components": DOC["components"]}
    Draft202012Validator(schema).validate(message)


class Page:
    """A test webphone that checks everything it says and hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.asked: dict[int, str] = {}
        self.answers: dict[int, dict[str, Any]] = {}
        self.notes: list[dict[str, Any]] = []
        self.reader = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            told = json.loads(message.data)
            if "method" in told:
                check(told["method"], told)
                self.notes.append(told)
                continue
            check("error" if "error" in told else self.asked[told["id"]] + ".result", told)
            self.answers[told["id"]] = told

    async def ask(self, method: str, *, valid: bool = True, **params: Any) -> dict[str, Any]:
        ident = len(self.asked) + 1
        self.asked[ident] = method
        request = {"jsonrpc": "2.0", "id": ident, "method": method, "params": params}
        if valid:
            check(method, request)
        await self.socket.send_json(request)
        told = await until(lambda: self.answers.get(ident))
        return told.get("result", told.get("error", {}).get("data"))

    def last(self) -> dict[str, Any]:
        return next((n["params"] for n in reversed(self.notes) if n["method"] == "call.state"), {})


class Doors:
    """The application on a free port, with in-memory calls behind it."""

    def __init__(self, x: Exchange, http: aiohttp.ClientSession) -> None:
        self.x, self.http = x, http
        self.keys = wire.Keys({"k": secrets.token_bytes(32)})
        self.spent = SpentNonces()
        api = Api(x.board, self.keys, lambda: {"calls": "ok"})
        door = PhoneDoor(x.board, self.keys, ORIGIN, self.spent.spend, time.time, time.monotonic)
        self.server = TestServer(build(api, door))

    def ticket(self, purpose: str = "phone", host: str = ORIGIN, expires: float = 20) -> str:
        return wire.mint_ticket(
            self.keys, wire.JoinTicket(purpose, *ALICE, host, secrets.token_hex(16), time.time() + expires)
        )

    async def open(self, origin: str = ORIGIN) -> Page:
        url = self.server.make_url("/phone")
        return Page(await self.http.ws_connect(url, origin=origin, protocols=(SUBPROTOCOL,)))

    async def phone(self, **more: Any) -> tuple[Page, dict[str, Any]]:
        page = await self.open()
        return page, await page.ask("session.hello", ticket=self.ticket(), **more)

    async def raw(self) -> aiohttp.ClientWebSocketResponse:
        """A socket whose frames the test reads itself, after its hello."""
        socket = await self.http.ws_connect(self.server.make_url("/phone"), origin=ORIGIN, protocols=(SUBPROTOCOL,))
        hello = {"jsonrpc": "2.0", "id": "h", "method": "session.hello", "params": {"ticket": self.ticket()}}
        await socket.send_json(hello)
        assert (await socket.receive_json(timeout=5))["id"] == "h"
        return socket

    async def send(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        signed = headers or wire.sign_request(
            self.keys, "telephony", method, path, body, now=time.time(), nonce=secrets.token_hex(16)
        )
        async with self.http.request(method, self.server.make_url(path), data=body, headers=signed) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    x = exchange(Journal(tmp_path / "log"))
    x.board.phones.detach(ALICE, x.window)
    async with aiohttp.ClientSession() as http:
        made = Doors(x, http)
        await made.server.start_server()
        yield made
        await asyncio.wait_for(made.server.close(), 5)
        await x.board.close(seconds=1)


def test_document_names_every_method() -> None:
    assert set(METHODS) == {name for name in MESSAGES if name + ".result" in MESSAGES}
    for message in MESSAGES.values():
        Draft202012Validator.check_schema(message["payload"])


async def test_call_from_the_page_with_reload_and_second_window(doors: Doors) -> None:
    page, hello = await doors.phone()
    assert hello["role"] == "phone" and hello["calls"] == []
    status, body = await doors.send("POST", "/commands", wire.dumps(place()))
    assert (status, json.loads(body)) == (200, {"accepted": True, "reason": ""})
    await until(lambda: page.last().get("media") == "wanted")
    offer = asyncio.ensure_future(page.ask("media.offer", call="c1", sdp="opus PCMU", reason="initial"))
    peer = await doors.x.lines.dialled.get()
    peer.events.put(Signal.ANSWERED)
    assert await offer == {"sdp": "PCMU"}
    await until(lambda: page.last()["state"] == "active")
    other, second = await doors.phone()
    assert second["role"] == "remote" and second["calls"][0]["state"] == "active"
    assert (await other.ask("media.offer", call="c1", sdp="PCMU", reason="reconnect"))["kind"] == "not-the-phone"
    assert await other.ask("call.mute", call="c1", muted=True) == {}
    assert page.last()["muted"] is True
    assert await page.ask("call.dtmf", call="c1", digits="42") == {}
    await until(lambda: peer.endpoint.digits == "42")
    assert await page.ask("presence.alive", audio_clock=1.5) == {}
    assert await page.ask("media.stats", call="c1", rtt_ms=20, jitter_ms=1, loss_percent=0) == {}
    status, body = await doors.send("GET", "/presence/acme/alice")
    assert json.loads(body)["webphone"] is True and json.loads(body)["calls"][0]["call"] == "c1"
    await page.socket.close()
    again, third = await doors.phone(resume={"session": hello["session"], "seq": 1})
    assert third["role"] == "phone" and third["calls"][0]["media"] == "wanted"
    assert await again.ask("media.offer", call="c1", sdp="PCMU", reason="reconnect") == {"sdp": "PCMU"}
    assert await other.ask("session.take") == {"role": "phone"}
    await until(lambda: any(n["method"] == "session.role" for n in again.notes))
    assert await other.ask("call.hangup", call="c1") == {}
    await until(lambda: other.last()["state"] == "ended")
    assert (await doors.x.ended("c1"))["outcome"] == "completed"


async def test_a_reload_or_another_window_while_it_rings_goes_on_over_its_own_offer(doors: Doors) -> None:
    page, hello = await doors.phone()
    await doors.send("POST", "/commands", wire.dumps(place()))
    await until(lambda: page.last().get("media") == "wanted")
    offer = asyncio.ensure_future(page.ask("media.offer", call="c1", sdp="PCMU", reason="initial"))
    peer = await doors.x.lines.dialled.get()
    peer.events.put(Signal.RINGING)
    assert await offer == {"sdp": "PCMU"}
    await until(lambda: page.last()["media"] == "up")
    assert (await page.ask("media.offer", call="c1", sdp="PCMU", reason="initial"))["kind"] == "bad-state"
    await page.socket.close()
    again, _ = await doors.phone(resume={"session": hello["session"], "seq": 1})
    assert await again.ask("media.offer", call="c1", sdp="PCMU", reason="reconnect") == {"sdp": "PCMU"}
    assert (again.last()["state"], again.last()["media"]) == ("ringing", "up")
    other, _ = await doors.phone()
    assert await other.ask("session.take") == {"role": "phone"}
    await until(lambda: other.last().get("media") == "wanted")
    assert await other.ask("media.offer", call="c1", sdp="PCMU", reason="initial") == {"sdp": "PCMU"}
    peer.events.put(Signal.ANSWERED)
    await until(lambda: other.last()["state"] == "active")


async def test_tickets_are_for_one_use_one_purpose_one_host(doors: Doors) -> None:
    good = doors.ticket()
    await (await doors.open()).ask("session.hello", ticket=good)
    for bad in (good, doors.ticket("page"), doors.ticket(host="http://evil"), doors.ticket(expires=-1), "x"):
        page = await doors.open()
        assert (await page.ask("session.hello", ticket=bad))["kind"] == "bad-ticket"
        await asyncio.wait_for(page.reader, 3)


ORIGINS: tuple[tuple[str, ...], ...] = (
    (), ("",), ("null",), ("http://evil.example",), (ORIGIN + ".evil.example",), (ORIGIN + "/",), (ORIGIN + "0",), (ORIGIN.replace("http", "https"),),
    ("http://127.0.0.1",), ("http://localhost:9",), ("file://",), (f"http://evil.example {ORIGIN}",), ("http://evil.example", ORIGIN),
)  # fmt: skip


@pytest.mark.parametrize("origins", ORIGINS)
async def test_no_other_page_opens_the_socket(doors: Doors, origins: tuple[str, ...]) -> None:
    headers = [("Origin", origin) for origin in origins]
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await doors.http.ws_connect(doors.server.make_url("/phone"), headers=headers, protocols=(SUBPROTOCOL,))
    assert caught.value.status == 403


async def test_without_a_ticket_nothing_is_served_and_the_socket_closes(
    doors: Doors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [method for method in METHODS if method != "session.hello"]
    for method in refused:
        page = await doors.open()
        assert (await page.ask(method, valid=False))["kind"] == "bad-state"
        await asyncio.wait_for(page.reader, 3)
        assert page.socket.close_code == 1008
    for frame in ("", "x", "[]", '{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","id":1,"method":"session.hello","params":{}}'):
        socket = await doors.http.ws_connect(doors.server.make_url("/phone"), origin=ORIGIN, protocols=(SUBPROTOCOL,))
        await socket.send_str(frame)
        assert "error" in await socket.receive_json(timeout=3)
        await socket.receive(timeout=3)
        assert socket.close_code == 1008
    monkeypatch.setattr(api_phone, "_HELLO_SECONDS", 0.2)
    silent = await doors.open()
    await asyncio.wait_for(silent.reader, 3)
    assert silent.socket.close_code == 1008
    tried(capsys, len(refused) + 6, 15, "first frames without a ticket")


async def test_a_ticket_in_the_address_counts_for_nothing(doors: Doors) -> None:
    ticket = doors.ticket()
    url = doors.server.make_url("/phone").with_query(ticket=ticket, token=ticket, access_token=ticket)
    page = Page(await doors.http.ws_connect(url, origin=ORIGIN, protocols=(SUBPROTOCOL,)))
    assert (await page.ask("session.take"))["kind"] == "bad-state"
    fresh = await doors.open()
    assert (await fresh.ask("session.hello", ticket=ticket))["role"] == "phone"


async def test_another_subprotocol_is_closed(doors: Doors) -> None:
    socket = await doors.http.ws_connect(doors.server.make_url("/phone"), origin=ORIGIN, protocols=("x",))
    await socket.receive(timeout=3)
    assert socket.close_code == 1002


@pytest.mark.parametrize(("size", "code"), [(65_536, None), (65_537, 1009), (1_000_000, 1009)])
async def test_frames_over_64_kb_close_the_socket(doors: Doors, size: int, code: int | None) -> None:
    socket = await doors.raw()
    await socket.send_str('"' + "x" * (size - 2) + '"')
    told = await socket.receive(timeout=5)
    if code is None:
        assert json.loads(told.data)["error"]["data"]["kind"] == "bad-request"
    assert socket.close_code == code


async def test_floods_are_throttled_to_twenty_a_second(doors: Doors, capsys: pytest.CaptureFixture[str]) -> None:
    socket = await doors.raw()
    began, served, refused = time.monotonic(), 0, 0
    for number in range(200):
        await socket.send_json({"jsonrpc": "2.0", "id": number, "method": "presence.alive", "params": {}})
    while served + refused < 60:
        told = await socket.receive_json(timeout=5)
        served += "result" in told
        refused += told.get("error", {}).get("data", {}).get("kind") == "rate-limited"
    assert served <= MOST_PER_SECOND * (1 + time.monotonic() - began) + 1 and refused
    tried(capsys, served + refused, 60, f"frames of a flood: {served} served, {refused} refused")


@pytest.mark.parametrize(
    "method,params",
    [("call.hangup", {}), ("call.hold", {"call": "c1", "held": 1}), ("no", {})],
)
async def test_bad_requests_get_typed_errors(doors: Doors, method: str, params: dict[str, Any]) -> None:
    page, _ = await doors.phone()
    kind = (await page.ask(method, valid=False, **params))["kind"]
    assert kind in {"bad-params", "unknown-method", "unknown-call"}


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "9" * 400, "-1", "true", '"1"'])
async def test_numbers_that_are_none_are_bad_params(doors: Doors, value: str) -> None:
    page, _ = await doors.phone()
    await doors.x.board.command(place())
    await until(lambda: page.last().get("media") == "wanted")
    params = f'{{"call":"c1","rtt_ms":{value},"jitter_ms":1,"loss_percent":0}}'
    page.asked[9] = "media.stats"
    await page.socket.send_str(f'{{"jsonrpc":"2.0","id":9,"method":"media.stats","params":{params}}}')
    assert (await until(lambda: page.answers.get(9)))["error"]["data"]["kind"] == "bad-params"


async def test_commands_need_a_fresh_signature(doors: Doors) -> None:
    body = wire.dumps(HangUp("c9", *ALICE))
    signed = wire.sign_request(
        doors.keys, "telephony", "POST", "/commands", body, now=time.time(), nonce=secrets.token_hex(16)
    )
    assert await doors.send("POST", "/commands", body, signed) == (200, '{"accepted": false, "reason": "unknown-call"}')
    assert (await doors.send("POST", "/commands", body, signed))[0] == 401
    assert (await doors.send("POST", "/commands", b"{}", {"X-CTC-Key": "k"}))[0] == 401
    assert (await doors.send("POST", "/commands", b"{}"))[0] == 400
    assert (await doors.http.get(doors.server.make_url("/healthz"))).status == 200
