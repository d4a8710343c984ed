"""The signed client against a loopback add-on, and a process killed in the middle of a call."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract import wire
from contract.calls import CallId, Outcome, Party
from contract.events import CallEnded
from contract.lines import LineConfig
from contract.numbers import LineId, TenantId
from contract.route_plan import RouteRequest
from telephony.addon_client import AddonAway, AddonClient, UnknownToAddon
from telephony.calls.recovery import recover
from telephony.journal import Journal
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


PROGRAM = """
import asyncio, sys
from pathlib import Path
from telephony.journal import Journal
from tests.telephony.calls.fakes import connected, exchange, place
async def main():
    x = exchange(Journal(Path(sys.argv[1])))
    await connected(x, place(record=True))
    while not x.media.tapes:
        await asyncio.sleep(0.01)
    print("up", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_killed_in_a_call_it_ends_once_as_our_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    child = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "up\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    for _ in range(3):
        journal = Journal(path)
        recover(journal, now=time.time())
        dialogs = list(journal.items("dialog/").values())
        journal.close()
    assert [d["of"] for d in dialogs] == ["+593991112222"]
    (entry,) = Journal(path).items("event/").values()
    event = wire.loads(entry["wire"].encode(), CallEnded)
    assert event.outcome is Outcome.OUR_ERROR and event.answered_at and event.talk_seconds < 10
    assert Journal(path).items("tape/")["tape/c1"]["cut_short"] is True
