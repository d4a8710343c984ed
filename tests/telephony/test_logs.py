"""Nothing that must not be known is in a log line or a file name: whole calls and failing paths, searched for canaries."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import logging
import secrets
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from contract import log_lines, wire
from contract.calls import CallId, Device, Party, RecordingPlan, RecordingRule
from contract.commands import PlaceCall
from contract.numbers import TenantId
from contract.route_plan import RoutePlan
from contract.uploads import UploadGrant
from telephony import logs
from telephony.api_phone import SUBPROTOCOL, Page
from telephony.calls.switchboard import Switchboard
from telephony.media.rtp_port import RtpPort
from telephony.sip.digest import Credentials
from telephony.sip.message import Message, response
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import UserAgent, new_tag
from tests.tally import tried
from tests.telephony.calls.fakes import until
from tests.telephony.house import AddonStandIn, serving
from tests.telephony.sip.pair import ALICE, FarEnd, line
from tests.telephony.sip.test_legs import answers
from tests.telephony.webrtc.peers import Browser
from tests.tone import hum

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]
ACME = TenantId("acme")
CANARIES = {
    "SIP password": "sip-canary-Pw7",
    "dialled number": "593987650123",
    "dialled name": "Canaria Dialled",
    "number of the caller": "0987000456",
    "name of the caller": "Canaria Caller",
    "digits of the user": "8642075310",
    "digits of the far party": "1527536428",
    "upload token": "upload-canary-9c",
    "address": "address-canary-4d",
    "header": "header-canary-7e",
    "reason": "reason-canary-2f",
    "words": "words-canary-6a",
}
C = CANARIES
CALLER = f'"{C["name of the caller"]}" <sip:{C["number of the caller"]}@pbx>'


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The log as production writes it, our loggers at DEBUG, and beside it every extra that is not pii."""
    stream, root = io.StringIO(), logging.getLogger()
    before, level = list(root.handlers), root.level
    handler = logs.set_up(stream, logging.DEBUG)

    class Extras(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            usual = logging.makeLogRecord({}).__dict__
            more = {k: v for k, v in record.__dict__.items() if k not in usual and not k.startswith("pii.")}
            stream.write(f"EXTRA {more!r}\n")

    extras = Extras()
    root.addHandler(extras)
    yield stream
    for added in (handler, extras):
        root.removeHandler(added)
    root.setLevel(level)
    assert root.handlers == before
    for ours in ("telephony", "contract", "aioice", "aiortc"):
        logging.getLogger(ours).setLevel(logging.NOTSET)


def found_in(text: str, addon: AddonStandIn, more: list[str]) -> list[str]:
    """The names of the canaries that are in a text."""
    wanted = dict(CANARIES)
    for purpose, secret in addon.secrets.items():
        wanted |= {f"{purpose} key": secret.hex(), f"{purpose} key in base64": base64.b64encode(secret).decode()[:40]}
    wanted |= {f"ticket {number}": ticket.split(".")[1] for number, ticket in enumerate(more)}
    return [name for name, value in wanted.items() if value.lower() in text.lower()]


def contents(folder: Path) -> dict[str, str]:
    """Every file by its name."""
    return {str(path): path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()}


class Phone:
    """A page that says hello and answers what the program asks."""

    def __init__(self, addon: AddonStandIn, http: aiohttp.ClientSession, port: int) -> None:
        self.addon, self.http, self.port = addon, http, port
        self.tickets: list[str] = []
        self.state: dict[str, Any] = {}
        self.answers: dict[int, Any] = {}
        self.count = 0

    def ticket(self) -> str:
        held = wire.JoinTicket("phone", ACME, ALICE, self.addon.url, secrets.token_hex(16), time.time() + 20)
        self.tickets.append(wire.mint_ticket(self.addon.keys("tickets"), held))
        return self.tickets[-1]

    async def open(self, ticket: str | None = None, path: str = "/phone") -> Any:
        self.socket = await self.http.ws_connect(
            f"http://127.0.0.1:{self.port}{path}", origin=self.addon.url, protocols=(SUBPROTOCOL,)
        )
        self.reader = asyncio.ensure_future(self._read())
        return await self.ask("session.hello", ticket=ticket or self.ticket())

    async def _read(self) -> None:
        async for message in self.socket:
            told = json.loads(message.data)
            if told.get("method") == "call.state":
                self.state = told["params"]
            elif "id" in told:
                self.answers[told["id"]] = told

    async def ask(self, method: str, **params: Any) -> Any:
        self.count += 1
        number = self.count
        await self.socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        told = await until(lambda: self.answers.get(number), 10)
        return told.get("result", told.get("error"))


def place(call: str, number: str = "+" + C["dialled number"], device: Device = Device.BROWSER) -> PlaceCall:
    plan = RecordingPlan(True, RecordingRule.RECORDED, "en")
    party = Party(number, C["dialled name"])
    return PlaceCall(CallId(call), ACME, ALICE, device, line(1).line, number, party, plan)


class Scene:
    """The whole program with a PBX and a page."""

    def __init__(
        self, addon: AddonStandIn, far: FarEnd, board: Switchboard, port: int, http: aiohttp.ClientSession
    ) -> None:
        self.addon, self.far, self.board, self.port, self.http = addon, far, board, port, http
        self.phone = Phone(addon, http, port)

    async def told(self, command: PlaceCall) -> Any:
        """What the program answers once this machine is not too busy for a call."""
        async with asyncio.timeout(30):
            while (answer := await self.addon.command(self.http, self.port, command))["reason"] == "overloaded":
                await asyncio.sleep(0.2)
        return answer

    async def connected(self, call: str) -> Browser:
        browser = Browser(440)
        assert (await self.told(place(call)))["accepted"]
        await self.offered(call, browser)
        return browser

    async def rung(self) -> Any:
        """A call of the PBX that rings the page, once this machine is not too busy for one."""
        async with asyncio.timeout(40):
            while True:
                calling = self.far.call("1001")
                calling._identity.from_value = CALLER
                await calling.ring()
                for _ in range(40):
                    if self.phone.state.get("state") == "ringing":
                        return calling
                    await asyncio.sleep(0.1)
                await calling.hang_up()

    async def offered(self, call: str, browser: Browser) -> None:
        await until(lambda: self.phone.state.get("media") == "wanted" and self.phone.state["call"] == call, 10)
        answer = await self.phone.ask("media.offer", call=call, sdp=await browser.offer(), reason="initial")
        await browser.accept(answer["sdp"])
        await until(lambda: self.phone.state["state"] == "active", 10)

    async def recorded(self) -> None:
        """The notice has been spoken and the tape runs; a call that will not come to that is shown as it stands."""
        try:
            await until(lambda: self.phone.state["recording"] not in {"off", "announcing"}, 20)
        except AssertionError:
            raise AssertionError(f"the call is not recorded: {self.phone.state}") from None
        assert self.phone.state["recording"] == "on", self.phone.state


@pytest.fixture
async def scene(tmp_path: Path, logged: io.StringIO) -> AsyncIterator[Scene]:
    far, addon = FarEnd(password=C["SIP password"], script=answers), AddonStandIn(upload_token=C["upload token"])
    await far.start()
    addon.lines = [line(far.agent.port, C["SIP password"])]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        addon.metrics_port = free.getsockname()[1]
    addon.plan = RoutePlan(ALICE, C["name of the caller"], RecordingPlan(True, RecordingRule.RECORDED, "en"))
    await addon.start()
    asyncio.get_running_loop().set_exception_handler(logs.loop_met_error)
    async with aiohttp.ClientSession() as http, serving(addon, tmp_path / "data") as (board, port):
        made = Scene(addon, far, board, port, http)
        await until(lambda: "1001" in far.contacts, 10)
        await made.phone.open()
        yield made
    for leg in far.legs:
        await leg.hang_up()
    far.agent.close()
    await addon.server.close()


async def test_whole_calls_leave_no_canary_in_logs_or_names(
    scene: Scene, logged: io.StringIO, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = await scene.connected("c1")
    far = scene.far.legs[-1]
    assert far.endpoint is not None
    digits: list[str] = []
    far.endpoint.on_frame = lambda frame: digits.append(frame.digit)
    humming = asyncio.ensure_future(hum(far.endpoint, 650))
    assert await scene.phone.ask("call.dtmf", call="c1", digits=C["digits of the user"]) == {}
    for digit in C["digits of the far party"]:
        far.endpoint.send_digit(digit)
    await scene.recorded()
    await until(lambda: "".join(digits) == C["digits of the user"], 10)
    await asyncio.sleep(1)
    kept = contents(tmp_path)
    assert any(name.endswith(".spool") for name in kept) and any(name.endswith("log") for name in kept)
    await scene.phone.ask("call.hangup", call="c1")
    await until(lambda: "c1:recording" in scene.addon.told, 20)
    humming.cancel()
    await browser.close()
    calling = await scene.rung()
    inbound, second = scene.phone.state["call"], Browser(440)
    await scene.phone.ask("call.answer", call=inbound)
    await scene.offered(inbound, second)
    await calling.hang_up()
    await until(lambda: inbound in scene.addon.ended(), 10)
    await second.close()
    kept |= contents(tmp_path)
    async with scene.http.get(f"http://127.0.0.1:{scene.addon.metrics_port}/metrics") as answer:
        watched = await answer.text()
    text = logged.getvalue() + watched
    assert 'calls_ended_total{device="browser",direction="outbound",outcome="completed"} 1.0' in watched
    assert "POST /commands 200" in text
    assert found_in(text + "\n".join(kept), scene.addon, scene.phone.tickets) == []
    allowed = {name for name in CANARIES if name.startswith(("dialled", "number of", "name of"))}
    assert set(found_in("".join(kept.values()), scene.addon, scene.phone.tickets)) <= allowed
    ended = scene.addon.ended()["c1"]
    assert (ended.peer.name, ended.outcome) == (C["dialled name"], "completed")
    tried(capsys, len(scene.addon.ended()), 2, f"whole calls, {len(kept)} files, searched for {len(CANARIES)} canaries")


async def http_noise(scene: Scene) -> None:
    """Requests that are wrong in every way, with canaries in path, query, headers and body."""
    url, canary = f"http://127.0.0.1:{scene.port}", C["address"]
    ticket = scene.phone.ticket()
    headers = {"Referer": f"https://x/phone?ticket={ticket}", "User-Agent": C["header"], "X-CTC-Signature": C["header"]}
    for path in ("/phone", f"/phone?ticket={ticket}&t={canary}", f"/{canary}", f"/presence/acme/{canary}", f"/presence/{canary}/x/{canary}"):  # fmt: skip
        for method in ("GET", "POST", "DELETE", canary.upper()):
            async with scene.http.request(method, url + path, headers=headers, data=C["words"]) as answer:
                assert answer.status in {400, 401, 403, 404, 405}
    body = b'{"v":1,"type":"PlaceCall","body":{"dial":"' + C["dialled number"].encode() + b'","call":7}}'
    keys = scene.addon.keys("addon-to-telephony")
    signed = wire.sign_request(keys, "telephony", "POST", "/commands", body, now=time.time(), nonce=C["header"] * 2)
    async with scene.http.post(url + "/commands", data=body, headers=signed) as answer:
        assert answer.status == 400
    async with scene.http.post(url + "/commands", data=b"x" * 400_000, headers=signed) as answer:
        assert answer.status == 413
    for raw in (
        f"GET /phone?ticket={ticket} HTTP/9.{canary}\r\n\r\n", f"{canary}\r\n\r\n", f"GET /{canary} HTTP/1.1\r\nbad {C['header']}\r\n\r\n",
        f"GET /{canary} HTTP/1.1\r\nContent-Length: {C['header']}\r\n\r\n", f"POST /commands HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{canary}\r\n",
        f"GET /phone HTTP/1.1\r\nHost: x\r\nCookie: {'a' * 9000}{canary}\r\n\r\n",
    ):  # fmt: skip
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.port)
        writer.write(raw.encode())
        await writer.drain()
        await asyncio.wait_for(reader.read(4000), 5)
        writer.close()


UPGRADE = (
    "GET /phone HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ctc.phone.v1\r\n\r\n"
)


async def test_pages_that_left_while_the_program_stood_still_are_no_errors(
    scene: Scene, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = UPGRADE.format(origin=scene.addon.url).encode()
    ping = b"\x89\x80\x00\x00\x00\x00"
    before = logged.tell()
    for number in range(12):
        with socket.create_connection(("127.0.0.1", scene.port)) as page:
            if number % 2:
                await asyncio.sleep(0.1)
            page.sendall(asked + ping * (number % 3))
            if number % 4 == 3:
                await asyncio.sleep(0.1)
                page.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await until(lambda: logged.getvalue()[before:].count("api_phone a page left") >= 6, 10)
    assert "message" in await scene.phone.ask("call.hangup", call="none")
    text = logged.getvalue()[before:]
    assert "Error handling request" not in text and "ConnectionResetError" not in text and "ERROR" not in text, text
    assert text.count("api_phone ") <= 12
    tried(capsys, 12, 12, "pages that left before they were served")


async def page_noise(scene: Scene) -> None:
    """Tickets that are none, frames that are wrong, an offer that cannot be read."""
    for ticket in (C["words"], scene.phone.tickets[0], f"k1.{C['words']}\udce9.x", "k1." + C["words"] * 100):
        other = Phone(scene.addon, scene.http, scene.port)
        assert (await other.open(ticket, f"/phone?ticket={scene.phone.tickets[0]}"))["message"] == "bad-ticket"
    for method, params in (
        (C["words"], {}), ("call.dtmf", {"call": C["words"], "digits": C["digits of the user"]}), ("call.hangup", {"call": C["words"]}),
        ("media.offer", {"call": "c2", "sdp": f"v=0\r\na=ice-pwd:{C['words']}", "reason": "reconnect"}), ("media.stats", {"call": "c2", "rtt_ms": C["words"]}),
    ):  # fmt: skip
        assert "message" in await scene.phone.ask(method, **params)


async def pbx_noise(scene: Scene) -> None:
    """A PBX that sends nonsense, quotes what it should not and refuses."""
    agent = next(iter(scene.board.kit.lines._trunks.values())).agent  # type: ignore[attr-defined] # the real lines
    nonsense = [f"INVITE sip:{C['words']} SIP/2.0\r\n\r\n", f"SIP/2.0 200 {C['reason']}\r\nVia: {C['words']}\r\n\r\n"]
    good = (
        f"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nTo: <sip:1001@b>\r\nCall-ID: {C['words']}\r\nCSeq: 1 INVITE\r\n"
    )
    nonsense += [f"INVITE sip:1001@x SIP/2.0\r\n{good}From: {name}\r\n\r\n" for name in (C["words"], CALLER)]
    for text in nonsense:
        scene.far.agent.flow.send(text.encode(), ("127.0.0.1", agent.port))  # type: ignore[union-attr] # it is open

    def refuses(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        transaction.respond(response(request, 500, f"no route to {C['dialled number']} {C['reason']}", new_tag()))

    scene.far.script = refuses
    for number, command in enumerate((place("r1", device=Device.DESK), place("r2"))):
        await scene.told(command)
        if number:
            await until(lambda: scene.phone.state.get("call") == "r2" and scene.phone.state["media"] == "wanted", 10)
            browser = Browser(440)
            await scene.phone.ask("media.offer", call="r2", sdp=await browser.offer(), reason="initial")
            await browser.close()
    await until(lambda: "r2" in scene.addon.ended(), 10)
    odd = 'Digest realm="Canari\udce1", nonce="n", algorithm=MD5'
    scene.far.proved = lambda t, r: (
        bool(t.respond(response(r, 401, "x", new_tag(), ("WWW-Authenticate", odd)))) and False
    )  # type: ignore[method-assign] # a PBX gone odd
    registrar = next(iter(scene.board.kit.lines._trunks.values())).registrars[ALICE]  # type: ignore[attr-defined] # the real lines
    registrar.credentials.realm = ""
    assert await registrar._register(60) == 0


async def broken_parts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of ours and of libraries whose messages quote what they met."""

    def raises(*arguments: Any, **named: Any) -> Any:
        raise ValueError(f"invalid literal: {C['words']} {C['dialled number']} {arguments[-1:]!r}")

    async def fails(*arguments: Any, **named: Any) -> Any:
        raises(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(type(scene.board.kit.lines), "dial", raises)
        await scene.addon.command(scene.http, scene.port, place("b1"))
        await until(lambda: scene.phone.state.get("call") == "b1" and scene.phone.state["media"] == "wanted", 10)
        await scene.phone.ask("call.hold", call="b1", held=True)
        browser = Browser(440)
        await scene.phone.ask("media.offer", call="b1", sdp=await browser.offer(), reason="initial")
        await browser.close()
        await until(lambda: "b1" in scene.addon.ended(), 10)
    with monkeypatch.context() as patch:
        patch.setattr(type(scene.addon), "_body", fails)
        patch.setattr(Switchboard, "command", fails)
        body, keys = wire.dumps(place("b2")), scene.addon.keys("addon-to-telephony")
        signed = wire.sign_request(keys, "telephony", "POST", "/commands", body, now=time.time(), nonce=secrets.token_hex(16))  # fmt: skip
        async with scene.http.post(f"http://127.0.0.1:{scene.port}/commands", data=body, headers=signed) as answer:
            assert answer.status == 500
    with monkeypatch.context() as patch:
        patch.setattr(Switchboard, "mine", raises)
        assert (await scene.phone.ask("call.hold", call=C["words"], held=True))["message"] == "our-error"
    port = RtpPort(lambda: 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(RtpPort, "_begin_event", raises)
        asyncio.get_running_loop().call_soon(port._begin_event, C["digits of the user"])
        asyncio.get_running_loop().create_task(fails(C["digits of the user"]), name="a task")
        await asyncio.sleep(0.05)
    gc.collect()
    await asyncio.sleep(0.05)


async def test_failing_paths_leave_no_canary_in_the_log(
    scene: Scene,
    logged: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await http_noise(scene)
    await page_noise(scene)
    await broken_parts(scene, monkeypatch)
    await pbx_noise(scene)
    text = logged.getvalue()
    names = "\n".join(str(path) for path in tmp_path.rglob("*"))
    for kept in (
        "builtins.ValueError",
        "a call failed by our own error",
        "a webphone request failed",
        "an error that nobody awaited",
    ):
        assert kept in text, kept
    assert found_in(text + names, scene.addon, scene.phone.tickets) == []
    tried(capsys, text.count("\n"), 100, f"log lines of failing paths searched for {len(CANARIES)} canaries")


def test_a_program_that_cannot_go_on_says_why_without_quoting(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        addon = AddonStandIn()
        addon.server = type("Nowhere", (), {"make_url": lambda self, path: "http://127.0.0.1:9"})()
        env = addon.environment(tmp_path, taken.getsockname()[1])
        done = subprocess.run([sys.executable, "-m", "telephony"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1 and "telephony stopped by an error" in done.stderr and "EADDRINUSE" in done.stderr
    assert "127.0.0.1:9" not in done.stderr
    assert all(secret.hex() not in done.stderr for secret in addon.secrets.values())


def test_an_error_is_shown_by_kind_and_place_and_its_causes_too() -> None:
    try:
        try:
            int("words-canary")
        except ValueError as error:
            raise KeyError("number-canary") from error
    except KeyError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "text", (), sys.exc_info(), extra={"call": "c1", "pii.callee": "+1", "other": "x"})  # fmt: skip
    shown = log_lines.PlainFormatter().format(record)
    assert "canary" not in shown and "+1" not in shown and " call=c1" in shown
    assert shown.index("builtins.ValueError") < shown.index("builtins.KeyError") and "test_logs.py" in shown
    group = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "t", (), (ExceptionGroup, ExceptionGroup("canary", [OSError(28, "canary")]), None))  # fmt: skip
    assert "OSError ENOSPC" in log_lines.PlainFormatter().format(group)


def test_secrets_are_not_in_the_picture_of_what_holds_them() -> None:
    config, password = line(5060, C["SIP password"]), C["SIP password"]
    assert password not in repr(config) and password not in repr(config.registrations[0])
    assert password not in repr(Credentials("1001", password))
    proof = Message("INVITE", "sip:x", headers=(("Authorization", C["words"]),), body=C["words"].encode())
    assert C["words"] not in repr(proof) and C["words"] not in repr(ServerTransaction(proof, *[print] * 4))
    assert C["words"] not in repr(UserAgent(print, C["words"]))
    assert C["words"] not in repr(wire.Keys({"k1": C["words"].encode()})) + repr(UploadGrant("o", C["words"]))
    assert C["words"] not in repr(Page(C["words"]))
