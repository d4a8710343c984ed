"""The program around in-memory carriers: it recovers, answers, and ends its calls when told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from contract import wire
from contract.calls import CallId, Device, Party, RecordingPlan, RecordingRule
from contract.numbers import LineId, TenantId, UserId
from contract.route_plan import RoutePlan, RouteRequest
from telephony.addon_client import AddonAway
from telephony.calls.uploads import Rendered
from telephony.config import Config
from telephony.journal import Journal
from telephony.sealed import SealedCache
from telephony.server import CachedRoutes, Carriers, serve
from tests.telephony.calls.fakes import MemoryLines, MemoryMedia, ScriptedLeg, connected, exchange, place, until
from tests.telephony.house import AddonStandIn, serving

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]


async def test_restart_says_bye_reports_once_and_stops_cleanly(tmp_path: Path) -> None:
    left = Journal(tmp_path / "journal" / "log")
    before = exchange(left)
    await connected(before, place("old"))
    got: list[Any] = []
    byes: list[str] = []

    async def events(request: web.Request) -> web.Response:
        got.append(wire.loads(await request.read()))
        return web.Response(status=204)

    async def bye(dialog: dict[str, Any]) -> None:
        byes.append(dialog["of"])

    async def idle(_: Any) -> None:
        await asyncio.Event().wait()

    async def never(*_: Any) -> Rendered:
        raise AssertionError

    app = web.Application()
    app.router.add_post("/telephony/events", events)
    addon = TestServer(app)
    await addon.start_server()
    keys = {n: wire.Keys({"k": bytes(32)}) for n in ("addon-to-telephony", "telephony-to-addon", "tickets", "lines")}
    url = str(addon.make_url("")).rstrip("/")
    config = Config(0, "127.0.0.1", url, url, tmp_path, True, "127.0.0.1", keys)
    lines, stop, ready = MemoryLines(), asyncio.Event(), asyncio.get_running_loop().create_future()
    parts = Carriers(
        lines, MemoryMedia(), lambda _: ScriptedLeg(()), bye, never, never, lambda _: None, set, idle, lambda: None
    )
    task = asyncio.ensure_future(serve(config, lambda _: parts, stop, lambda b, p: ready.set_result((b, p))))
    board, port = await asyncio.wait_for(ready, 5)
    body = wire.dumps(place("new", device=Device.DESK))
    signed = wire.sign_request(
        keys["addon-to-telephony"], "telephony", "POST", "/commands", body, now=time.time(), nonce=secrets.token_hex(16)
    )
    async with aiohttp.ClientSession() as http:
        async with http.post(f"http://127.0.0.1:{port}/commands", data=body, headers=signed) as answer:
            assert json.loads(await answer.text())["accepted"]
    await until(lambda: CallId("new") in board.live)
    await until(lambda: got)
    stop.set()
    await asyncio.wait_for(task, 8)
    assert byes == ["+593991112222"]
    assert [(e.call, e.outcome) for e in got if e.call == "old"] == [("old", "our-error")]
    assert not Journal(tmp_path / "journal" / "log").items("call/")
    await before.board.close(seconds=1)
    await addon.close()


class Addon:
    """The add-on's answer to a route request, or its silence."""

    def __init__(self, plan: RoutePlan) -> None:
        self.plan: RoutePlan | None = plan

    async def route(self, asked: RouteRequest) -> RoutePlan:
        if self.plan is None:
            raise AddonAway
        return self.plan


@pytest.mark.parametrize("rule", [RecordingRule.RECORDED, RecordingRule.PLACE_FORBIDS])
async def test_a_plan_from_before_rings_but_never_records(tmp_path: Path, rule: RecordingRule) -> None:
    plan = RoutePlan(UserId("alice"), "Ana", RecordingPlan(rule is RecordingRule.RECORDED, rule, "es"), blocked=False)
    addon = Addon(plan)
    routes = CachedRoutes(addon, SealedCache(tmp_path / "sealed", wire.Keys({"k": bytes(32)})))  # type: ignore[arg-type] # only `route` is asked
    asked = RouteRequest(CallId("i1"), TenantId("acme"), LineId("pbx"), "1001", Party("+593987654321"))
    assert await routes.route(asked) == plan
    addon.plan = None
    again = await routes.route(asked)
    assert again is not None and (again.user, again.caller_name, again.recording.record) == ("alice", "Ana", False)
    wanted = RecordingRule.CONSENT_UNKNOWN if rule is RecordingRule.RECORDED else rule
    assert again.recording.rule is wanted


async def test_a_second_program_on_the_same_data_is_refused_before_it_touches_any(tmp_path: Path) -> None:
    addon = AddonStandIn()
    await addon.start()
    async with serving(addon, tmp_path / "data"):
        (tmp_path / "data" / "spool").mkdir(exist_ok=True)
        (tmp_path / "data" / "spool" / "live.spool").write_bytes(b"voice")
        env = {"PATH": os.environ["PATH"], **addon.environment(tmp_path / "data", 0)}
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "telephony", cwd=ROOT, env=env, stderr=asyncio.subprocess.PIPE
        )
        _, said = await asyncio.wait_for(second.communicate(), 30)
        assert second.returncode == 2 and f"is in use by process {os.getpid()}".encode() in said
        assert (tmp_path / "data" / "spool" / "live.spool").read_bytes() == b"voice"
    async with serving(addon, tmp_path / "data"):
        pass
    await addon.server.close()
