"""Killed at any moment, the next start hangs everybody up, reports each call once and keeps each recording to the last second."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import signal
import socket
import sys
import threading
import time
import wave
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from contract.calls import CallId, Device, Outcome, Party, RecordingPlan, RecordingRule
from contract.commands import HoldCall, PlaceCall
from contract.events import RecordingFailed, RecordingReady
from contract.numbers import Extension, TenantId
from telephony import journal
from telephony.leg import Signal
from telephony.media import prompt, tones
from telephony.sip import transaction as transactions
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message
from telephony.sip.transaction import ServerTransaction
from tests.tally import tried
from tests.telephony.calls.fakes import until
from tests.telephony.house import AddonStandIn, serving
from tests.telephony.sip.pair import ALICE, FarEnd, line
from tests.tone import hears

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]
ACME = TenantId("acme")
CALLS, DESK, NOTICE_SECONDS = 4, "2001", 0.3
DESK_HZ, CALLEE_HZ = 440, 660
# The product with a shorter notice, so that more of the kills hit a recording.
PROGRAM = """
import sys
from pathlib import Path
from telephony.__main__ import main
from telephony.media import prompt
prompt.CLIPS = Path(sys.argv[1])
sys.exit(main())
"""


class Stall(threading.Thread):
    """How long this machine let a thread wait for its turn and for the disk: what no product can make up for."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.worst, self.on = path, 0.0, True

    def run(self) -> None:
        with self.path.open("wb") as file:
            while self.on:
                began = time.monotonic()
                file.write(b"x" * 4096)
                file.flush()
                os.fsync(file.fileno())
                time.sleep(0.02)
                self.worst = max(self.worst, time.monotonic() - began - 0.02)


@dataclass
class Hospital:
    """A PBX whose phones hum, an add-on that listens, and a telephony process to be killed."""

    folder: Path
    dice: random.Random
    addon: AddonStandIn = field(default_factory=AddonStandIn)
    far: FarEnd = field(init=False)
    process: asyncio.subprocess.Process | None = None
    port: int = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    ended: dict[SipLeg, float] = field(default_factory=dict)

    async def open(self) -> None:
        self.far = FarEnd(script=self.answer)
        await self.far.start()
        config = line(self.far.agent.port)
        registration = replace(config.registrations[0], desk=Extension(DESK))
        self.addon.lines = [replace(config, registrations=(registration,))]
        await self.addon.start()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        clips = self.folder / "clips"
        clips.mkdir()
        with wave.open(str(clips / "recording-notice.en.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(tones.sine(900, NOTICE_SECONDS, 8000).tobytes())

    def answer(self, far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        """Ring a moment, answer, hum until the end."""
        if request.method != "INVITE":
            return
        leg = far.take(transaction)
        desk = f"sip:{DESK}@" in request.uri
        self.tasks.append(asyncio.ensure_future(self.talk(leg, DESK_HZ if desk else CALLEE_HZ)))

    async def talk(self, leg: SipLeg, hz: int) -> None:
        async def hum() -> None:
            while True:
                assert leg.endpoint is not None
                await prompt.play(leg.endpoint, tones.sine(hz, 10.0, 8000), 8000)

        await leg.ring()
        await asyncio.sleep(self.dice.uniform(0.0, 0.15))
        await leg.settle(leg.offered().codecs[0])
        await leg.answer()
        humming = asyncio.ensure_future(hum())
        while (await leg.events.next()).signal is not Signal.ENDED:
            pass
        self.ended[leg] = time.monotonic()
        humming.cancel()

    def program(self) -> tuple[str, ...]:
        """What follows `python -c`."""
        return PROGRAM, str(self.folder / "clips")

    async def start(self) -> None:
        self.far.contacts.clear()
        env = {"PATH": os.environ["PATH"], **self.addon.environment(self.folder / "data", self.port)}
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", *self.program(), cwd=ROOT, env=env, stderr=log
            )
        async with asyncio.timeout(60):
            while "1001" not in self.far.contacts:
                assert self.process.returncode is None, (self.folder / "log").read_text()[-3000:]
                await asyncio.sleep(0.02)

    async def kill(self) -> float:
        """The moment of death, in Unix seconds."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        moment = time.time()
        await self.process.wait()
        return moment

    def tapes(self) -> dict[str, float]:
        """Recordings that the journal knew at the kill, and when their notice had ended."""
        live, _ = journal._read((self.folder / "data" / "journal" / "log").read_bytes())
        return {k.removeprefix("tape/"): v["notice_ended_at"] for k, v in live.items() if k.startswith("tape/")}

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(self.process.wait(), 20)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for leg in self.far.legs:
            await leg.hang_up()
        self.far.agent.close()
        await self.addon.server.close()


def place(call: str) -> PlaceCall:
    plan = RecordingPlan(True, RecordingRule.RECORDED, "en")
    return PlaceCall(
        CallId(call), ACME, ALICE, Device.DESK, line(1).line, "+593991112222", Party("+593991112222"), plan
    )


@dataclass
class Round:
    """One kill: what was promised before it."""

    accepted: list[str]
    tapes: dict[str, float]
    killed_at: float
    held: str
    stall: float


async def one_kill(house: Hospital, http: aiohttp.ClientSession, number: int, stall: Stall) -> Round:
    """Four calls, a moment, a kill."""
    names = [f"r{number}c{n}" for n in range(CALLS)]
    moment = time.monotonic() + house.dice.uniform(0.02, 2.6)
    stall.worst = 0.0
    asking = [asyncio.ensure_future(house.addon.command(http, house.port, place(name))) for name in names]
    held = names[0] if house.dice.random() < 0.5 else ""
    while time.monotonic() < moment:
        await asyncio.sleep(min(0.05, max(0.0, moment - time.monotonic())))
        if held and moment - time.monotonic() > 0.3 and asking[0].done() and house.dice.random() < 0.1:
            with contextlib.suppress(aiohttp.ClientError):
                await house.addon.command(http, house.port, HoldCall(CallId(held), ACME, ALICE, True))
    killed_at = await house.kill()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    accepted = [n for n, told in zip(names, answers, strict=True) if isinstance(told, dict) and told["accepted"]]
    return Round(accepted, house.tapes(), killed_at, held, stall.worst)


def check_recording(told: Any, sound: bytes, ended_at: float, round_: Round) -> float:
    """Seconds that the kill cost; the file plays, each party on its own side."""
    seconds = 0.0
    if isinstance(told, RecordingReady):
        seconds = told.seconds
        assert told.cut_short
        with wave.open(io.BytesIO(sound)) as file:
            assert abs(file.getnframes() / file.getframerate() - seconds) < 0.01
            both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        if seconds > 0.6:
            assert hears(both[1600:, 0], DESK_HZ, 8000) and hears(both[1600:, 1], CALLEE_HZ, 8000)
    else:
        assert isinstance(told, RecordingFailed) and told.reason == "nothing-recorded"
    return round_.killed_at - ended_at - seconds


async def check(house: Hospital, round_: Round) -> list[float]:
    """After the next start: every promise kept within its time."""
    async with asyncio.timeout(30):
        while not set(round_.accepted) <= set(house.addon.ended()) or not all(
            f"{call}:recording" in house.addon.told for call in round_.tapes
        ):
            await asyncio.sleep(0.05)
    async with asyncio.timeout(35):
        while not all(leg in house.ended for leg in house.far.legs):
            await asyncio.sleep(0.05)
    lost = []
    for call in round_.accepted:
        facts = house.addon.ended()[call]
        assert facts.outcome is Outcome.OUR_ERROR and facts.ended_at <= round_.killed_at + 1
        assert facts.talk_seconds <= round_.killed_at - facts.started_at + 1
    for call, notice_ended_at in round_.tapes.items():
        told = house.addon.told[f"{call}:recording"]
        cost = check_recording(told, bytes(house.addon.objects.get(call, b"")), notice_ended_at, round_)
        if call != round_.held:
            assert cost <= 1.0 + 2 * round_.stall, f"{cost:.2f} s of {call} are lost; the machine stalled {round_.stall:.2f} s"  # fmt: skip
            lost.append(cost)
    return lost


@pytest.mark.parametrize(
    ("kills", "floor"),
    [
        pytest.param(10, 8, marks=pytest.mark.timeout(600)),
        pytest.param(100, 120, marks=[pytest.mark.long, pytest.mark.timeout(4000)]),
    ],
)
async def test_killed_at_random_moments_nothing_is_lost_doubled_or_left_up(
    tmp_path: Path, kills: int, floor: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transactions, "TIMEOUT_SECONDS", 4.0)  # of the phones: an answer that nobody acknowledges
    house, stall = Hospital(tmp_path, random.Random(kills)), Stall(tmp_path / "stall")
    await house.open()
    stall.start()
    calls, lost = 0, []
    try:
        await house.start()
        for number in range(kills):
            async with aiohttp.ClientSession() as http:
                round_ = await one_kill(house, http, number, stall)
            await house.start()
            lost += await check(house, round_)
            calls += len(round_.accepted)
        said = [event for event in house.addon.said if event.endswith(":ended")]
        assert len(house.addon.ended()) >= calls and len(said) <= len(set(said)) + kills * CALLS
        assert not list((tmp_path / "data" / "spool").glob("*"))
    finally:
        stall.on = False
        await house.close()
    worst = max(lost, default=0.0)
    tried(
        capsys, calls, 3 * kills, f"calls killed in {kills} kills, {len(lost)} recordings, at most {worst:.2f} s lost"
    )
    assert len(lost) >= floor


async def test_a_start_deletes_what_no_call_keeps_and_only_that(tmp_path: Path) -> None:
    addon, data = AddonStandIn(away=True), tmp_path / "data"
    await addon.start()
    kept = journal.Journal(data / "journal" / "log")
    kept.commit({"tape/kept": {"facts": {"tenant": "acme", "user": "alice"}, "notice_ended_at": time.time()}})
    kept.close()
    (data / "spool").mkdir()
    for name in ("kept.spool", "stray.spool", "stray.wav", "stray.part", "other.spool"):
        (data / "spool" / name).write_bytes(b"voice")
    async with serving(addon, data):
        await until(lambda: not list((data / "spool").glob("[so]*")), 5)
        assert [path.name for path in (data / "spool").iterdir() if path.suffix == ".spool"] == ["kept.spool"]
    await addon.server.close()
