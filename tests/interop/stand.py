"""The real add-on and the real telephony, each a process that a test can kill, and doors to look inside."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from addon.admin_cli import run as admin_run
from addon.config import Config
from addon.domain.call_record import CallRecord
from addon.domain.recordings import Recording
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from addon.wiring import build_ports, build_tenancy
from contract import wire
from contract.addresses import Reach
from contract.calls import CallId, Device, Party, RecordingPlan, RecordingRule
from contract.commands import Command, CommandResult, HangUp, PlaceCall
from contract.numbers import LineId, TenantId, UserId
from tests.cast import click
from tests.e2e.product import ROOT
from tests.peers.programs import free_block, start, stop
from tests.phone import Exchange, Phone
from tests.tone import until
from workbench.events import Situation, build_event, send_event
from workbench.supervisor import Stage, addon_command, make_keys
from workbench.tokens import Issuer, private_key_pem

LINE = LineId("pbx")
UNRECORDED = RecordingPlan(False, RecordingRule.USER_OFF)
UP_SECONDS, BUSY_SECONDS = 30.0, 10.0


@dataclass
class Stand:
    """One product on its own folder and ports."""

    folder: Path
    stage: Stage = field(init=False)
    env: dict[str, str] = field(init=False)
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    tenancy: Tenancy = field(init=False)
    ports: Ports = field(init=False)
    _keys: dict[str, wire.Keys] = field(init=False)

    def __post_init__(self) -> None:
        self.stage = Stage(free_block(3), self.folder / "data", self.folder / "keys.json", "workbench-client")
        self.stage.data.mkdir(parents=True)
        make_keys(self.stage.keys_file)
        private_key_pem(self.stage.issuer_key)
        self.env = self.stage.environment(os.environ)
        config = Config.from_env(self.env)
        self._keys = {purpose: wire.Keys(live) for purpose, live in config.keys.items()}
        self.ports = build_ports(config)
        self.tenancy = build_tenancy(config, self.ports)

    def seed(self, *words: str, typed: str = "") -> None:
        """One `python -m addon admin` command while nothing runs yet."""
        said: list[str] = []
        assert (
            admin_run(words, self.tenancy, self.ports, Reach(loopback=True), io.StringIO(f"{typed}\n"), said.append)
            == 0
        ), said

    def admin(self, *words: str, typed: str = "") -> str:
        """The same as an administrator does it: a command of its own beside the running product."""
        done = subprocess.run(
            [sys.executable, "-m", "addon", "admin", *words], cwd=ROOT, env=self.env, input=f"{typed}\n",
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def start(self) -> None:
        """Everything up and healthy."""
        self._begin("site", [sys.executable, "-m", "workbench", "site"])
        self._begin("addon", list(addon_command(self.stage.port)))
        self._begin("telephony", [sys.executable, "-m", "telephony"])
        for name, url in (("site", self.stage.bench), ("addon", self.stage.base), ("telephony", self.stage.telephony)):
            self._healthy(name, url + "/healthz")

    def _begin(self, name: str, command: list[str]) -> None:
        self.programs[name] = start(command, self.folder / f"{name}.log", folder=ROOT, env=self.env)

    def _healthy(self, name: str, url: str) -> None:
        deadline = time.monotonic() + UP_SECONDS
        while time.monotonic() < deadline and self.programs[name].poll() is None:
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{name} is not up:\n{self.log(name)[-3000:]}")

    def log(self, name: str) -> str:
        """What a program wrote so far."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill_telephony(self) -> None:
        """SIGKILL: it has no chance to say anything."""
        self.programs["telephony"].send_signal(signal.SIGKILL)
        self.programs["telephony"].wait()

    def start_telephony(self) -> None:
        self._begin("telephony", [sys.executable, "-m", "telephony"])
        self._healthy("telephony", self.stage.telephony + "/healthz")

    def stop(self) -> None:
        for program in reversed(self.programs.values()):
            stop(program, 8.0)

    @property
    def exchange(self) -> Exchange:
        """What a webphone must know."""
        return Exchange(self.env["TELEPHONY_WS_URL"], self.stage.base, self._keys["tickets"])

    def phone(self, user: str, tenant: str = "acme", **more: Any) -> Phone:
        return Phone(self.exchange, tenant, user, **more)

    async def _signed(self, method: str, path: str, body: bytes = b"") -> Any:
        keys, nonce = self._keys["addon-to-telephony"], secrets.token_hex(16)
        headers = wire.sign_request(keys, "telephony", method, path, body, now=time.time(), nonce=nonce)
        async with (
            aiohttp.ClientSession() as http,
            http.request(method, self.stage.telephony + path, data=body, headers=headers) as answer,
        ):
            assert answer.status == 200, answer.status
            return await answer.json()

    async def command(self, command: Command) -> CommandResult:
        """Signed as the add-on signs it."""
        raw = await self._signed("POST", "/commands", wire.dumps(command))
        return CommandResult(raw["accepted"], raw["reason"])

    async def presence(self, user: str, tenant: str = "acme") -> dict[str, Any]:
        found: dict[str, Any] = await self._signed("GET", f"/presence/{tenant}/{user}")
        return found

    async def hang_up_all(self, user: str, tenant: str = "acme") -> None:
        """End what a test left."""
        person = (TenantId(tenant), UserId(user))
        for call in (await self.presence(user, tenant))["calls"]:
            await self.command(HangUp(CallId(call["call"]), *person))
        async with asyncio.timeout(10):
            while (await self.presence(user, tenant))["calls"]:
                await asyncio.sleep(0.05)

    async def registered(self, user: str, tenant: str = "acme", seconds: float = 10.0) -> None:
        """Wait for the PBX's yes."""
        async with asyncio.timeout(seconds):
            while not (await self.presence(user, tenant))["registered"]:
                await asyncio.sleep(0.05)

    async def dial(self, to: str, user: str = "alice", tenant: str = "acme", **more: Any) -> str:
        """Place a call without the limits of the cards; its id."""
        made = PlaceCall(
            CallId(f"t{secrets.token_hex(8)}"),
            TenantId(tenant),
            UserId(user),
            Device.BROWSER,
            LINE,
            to,
            Party(to),
            UNRECORDED,
        )
        command = replace(made, **more)
        async with asyncio.timeout(BUSY_SECONDS):
            while (result := await self.command(command)).reason == "overloaded":
                await asyncio.sleep(0.2)
        assert result.accepted, result.reason
        return made.call

    async def card(
        self, path: str, user: str = "alice", parameters: Mapping[str, str] | None = None, typed: str = ""
    ) -> Any:
        """What the add-on answers to a signed event of this person; `typed` is what stands in the number field."""
        url = self.stage.base + path
        inputs = {"to": {"stringInputs": {"value": [typed]}}} if typed else {}
        situation = Situation(player=user, parameters=parameters or {}, form_inputs=inputs)
        issuer = Issuer(private_key_pem(self.stage.issuer_key))
        answer = await send_event(url, build_event(issuer, url, situation, now=time.time()))
        assert answer.status == 200, (answer.status, answer.body)
        return answer.body

    async def click(self, card: Any, path: str, user: str = "alice") -> Any:
        """Click the first button of a card that leads to `path`."""
        return await self.card(path, user, click(card, path, self.stage.base))

    async def dial_from_card(self, to: str, user: str = "alice") -> Any:
        """Type a number on the first card and click Call; the card that comes back."""
        home = await self.card("/on/gmail.homepage", user)
        return await self.card("/do/call.place", user, click(home, "/do/call.place", self.stage.base), to)

    async def record(self, call: str, user: str = "alice", tenant: str = "acme", seconds: float = 10.0) -> CallRecord:
        """The add-on's record of a finished call."""
        calls = self.tenancy.of(TenantId(tenant)).calls
        await until(lambda: calls.get(UserId(user), CallId(call)), seconds)
        found = calls.get(UserId(user), CallId(call))
        assert found is not None
        return found

    def calls_of(self, user: str, tenant: str = "acme") -> list[CallRecord]:
        """Finished calls, newest first."""
        return self.tenancy.of(TenantId(tenant)).calls.latest(UserId(user))

    async def recording(self, call: str, user: str = "alice", tenant: str = "acme", seconds: float = 15.0) -> Recording:
        """The add-on's row of a stored recording."""
        recordings = self.tenancy.of(TenantId(tenant)).recordings
        await until(lambda: recordings.get(UserId(user), CallId(call)), seconds)
        found = recordings.get(UserId(user), CallId(call))
        assert found is not None
        return found

    def bytes_of(self, recording: Recording) -> bytes:
        """The stored object."""
        return self.ports.objects.read(recording.object)
