"""Cut off before and after every durable step from a call's end to its stored recording: one record and one recording all the same (R7)."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import aiohttp
import pytest

from contract.calls import CallId, Outcome
from contract.commands import HangUp
from contract.events import RecordingReady
from telephony import journal
from telephony.sip import transaction as transactions
from tests.tally import tried
from tests.telephony.sip.pair import ALICE
from tests.telephony.test_kill import ACME, Hospital, place

pytestmark = pytest.mark.loopback
# The product with a shorter notice, which leaves the world at the step that it is told, counted from the call's end.
PROGRAM = """
import os, sys
from dataclasses import replace
from pathlib import Path
from telephony import __main__ as program
from telephony.addon_client import AddonClient
from telephony.journal import Journal
from telephony.media import prompt

prompt.CLIPS, count, cut = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
steps, armed = 0, False

def point():
    global steps
    if not armed:
        return
    steps += 1
    count.write_text(str(steps))
    if steps == cut:
        os._exit(9)

def cutting(step):
    def done(*arguments):
        point()
        found = step(*arguments)
        point()
        return found
    return done

def cutting_later(step):
    async def done(*arguments):
        point()
        found = await step(*arguments)
        point()
        return found
    return done

honest = Journal.commit
def commit(self, put=None, drop=()):
    global armed
    armed = armed or any(key.startswith("event/") and ":ended" in key for key in put or {})
    cutting(honest)(self, put, drop)

Journal.commit = commit
AddonClient.send_event = cutting_later(AddonClient.send_event)
AddonClient.grant = cutting_later(AddonClient.grant)
build = program.build_carriers
def built(*arguments):
    parts = build(*arguments)
    return replace(parts, render=cutting_later(parts.render), upload=cutting_later(parts.upload), forget=cutting(parts.forget))
program.build_carriers = built
sys.exit(program.main())
"""


class Ward(Hospital):
    """A hospital whose patient dies at a step."""

    cut = 0

    @property
    def count(self) -> Path:
        return self.folder / "steps"

    def program(self) -> tuple[str, ...]:
        return PROGRAM, str(self.folder / "clips"), str(self.count), str(self.cut)

    def spooled(self) -> list[Path]:
        return list((self.folder / "data" / "spool").glob("*.spool"))

    async def talk_and_hang_up(self, http: aiohttp.ClientSession, call: str) -> None:
        """One recorded call that the user ends."""
        assert (await self.addon.command(http, self.port, place(call)))["accepted"]
        async with asyncio.timeout(30):
            while not any(path.stat().st_size > 4000 for path in self.spooled()):
                await asyncio.sleep(0.02)
        try:
            await self.addon.command(http, self.port, HangUp(CallId(call), ACME, ALICE))
        except aiohttp.ClientError:
            assert self.cut, "it went away without being told to"

    def left(self) -> dict[str, object]:
        """What the journal still holds of calls."""
        live, _ = journal._read((self.folder / "data" / "journal" / "log").read_bytes())
        return {key: value for key, value in live.items() if "c" in key and "line" not in key}

    async def told(self, call: str) -> None:
        """Both stories of the call have arrived and nothing of it is kept here."""
        async with asyncio.timeout(40):
            while f"{call}:ended" not in self.addon.told or f"{call}:recording" not in self.addon.told:
                await asyncio.sleep(0.05)
            while self.spooled() or any(key.startswith(("call/", "tape/", "dialog/")) for key in self.left()):
                await asyncio.sleep(0.05)

    async def one_cut(self, http: aiohttp.ClientSession, cut: int) -> None:
        """Leave at this step, start again, look."""
        assert self.process is not None
        call = f"cut{cut}"
        await self.talk_and_hang_up(http, call)
        status = await asyncio.wait_for(self.process.wait(), 40)
        assert status == 9, f"step {cut} was never reached: {status}"
        self.cut = 0
        await self.start()
        await self.told(call)
        ended, recording = self.addon.ended()[call], self.addon.told[f"{call}:recording"]
        # Before the first commit the end is not known to the disk: the next run says what it knows.
        assert ended.outcome is (Outcome.OUR_ERROR if cut == 1 else Outcome.COMPLETED)
        assert isinstance(recording, RecordingReady) and recording.sha256 and self.addon.objects[call]


@pytest.mark.parametrize(
    "stride",
    [
        pytest.param(3, marks=pytest.mark.timeout(600)),
        pytest.param(1, marks=[pytest.mark.long, pytest.mark.timeout(3000)]),
    ],
)
async def test_cut_off_at_any_step_a_call_is_one_record_and_one_recording(
    tmp_path: Path, stride: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transactions, "TIMEOUT_SECONDS", 4.0)  # of the phones: an answer that nobody acknowledges
    ward = Ward(tmp_path, random.Random(1))
    await ward.open()
    try:
        async with aiohttp.ClientSession() as http:
            await ward.start()
            await ward.talk_and_hang_up(http, "whole")
            await ward.told("whole")
            steps = int(ward.count.read_text())
            cuts = range(1, steps + 1, stride)
            for cut in cuts:
                assert ward.process is not None
                ward.process.terminate()
                await ward.process.wait()
                ward.cut = cut
                await ward.start()
                await ward.one_cut(http, cut)
            assert len(ward.addon.ended()) == len(cuts) + 1
    finally:
        await ward.close()
    tried(capsys, len(cuts), 5, f"of {steps} steps at which it was cut off")
