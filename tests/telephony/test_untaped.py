"""What must not be on a recording is not on the disk: each span of a call has its own voice, and the spool is searched."""

from __future__ import annotations

import asyncio
import secrets
import time
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from contract.calls import CallId, Codec, RecordingRule
from contract.commands import HoldCall, StopRecording
from telephony.journal import Journal
from telephony.leg import Signal
from telephony.media import tones
from telephony.media.frame import Endpoint, Frame
from telephony.media.rtp_port import RtpPort, open_rtp_port
from telephony.media.spool import read_spool
from telephony.media.studio import Studio
from tests.tally import tried
from tests.telephony.calls.fakes import ALICE, Exchange, MemoryEndpoint, ScriptedLeg, connected, exchange, place, until
from tests.tone import hum, loudest_hz

pytestmark = pytest.mark.loopback


class QuickStudio(Studio):
    """The real spools and planes; notices are as long as the test wants."""

    notice_seconds = 0.05
    spoken: list[Endpoint]

    async def say(self, endpoint: Endpoint, clip: str, language: str) -> None:
        self.spoken = [*getattr(self, "spoken", []), endpoint]
        await asyncio.sleep(self.notice_seconds)


class Tape:
    """A call on real media parts, and what is on the disk of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.x: Exchange = exchange(Journal(folder / "journal" / "log"))
        self.studio = QuickStudio(folder / "spool", time.monotonic)
        self.x.board.kit.media = self.studio
        self.said: dict[bytes, None] = {}
        self.number = 0

    async def begin(self, *, record: bool = True, notice_seconds: float = 0.05) -> None:
        self.studio.notice_seconds = notice_seconds
        self.call, self.peer = await connected(self.x, place(record=record))
        if record:
            await until(lambda: self.call.recording == "announcing")

    async def on(self) -> None:
        await until(lambda: self.call.recording == "on", 10)

    @property
    def user(self) -> MemoryEndpoint:
        assert self.call.browser is not None and isinstance(self.call.browser.endpoint, MemoryEndpoint)
        return self.call.browser.endpoint

    def speak(self, what: str, *sides: str) -> None:
        """One frame of each side, marked with the span's name."""
        for side in sides or ("user", "peer"):
            self.number += 1
            words = f"{side} {what}".encode()
            self.said[words] = None
            end = self.user if side == "user" else self.peer.endpoint
            assert end is not None
            if end.on_frame is not None:
                end.on_frame(Frame(words.ljust(160, b"."), self.number * 160, self.number))

    async def bytes_on_disk(self) -> bytes:
        """Everything in every file, after the spool was synced."""
        await asyncio.sleep(0)
        tape = self.studio._tapes.get(CallId("c1"))
        if tape is not None:
            await until(lambda: not tape._buffer or tape._finished.is_set(), 5)
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())

    async def words(self) -> set[str]:
        """Which of the spoken spans are on the disk."""
        data = await self.bytes_on_disk()
        return {words.decode() for words in self.said if words.ljust(160, b".") in data}


@pytest.fixture
async def tape(tmp_path: Path) -> AsyncIterator[Tape]:
    made = Tape(tmp_path)
    yield made
    await made.x.board.close(seconds=1)
    await asyncio.to_thread(made.studio.close)


async def test_a_call_that_is_not_recorded_leaves_no_file(tape: Tape) -> None:
    await tape.begin(record=False)
    tape.speak("off")
    await asyncio.sleep(0.6)
    assert await tape.words() == set() and not list(tape.folder.rglob("*.spool"))


async def test_no_span_that_must_not_be_taped_is_on_the_disk(tape: Tape, capsys: pytest.CaptureFixture[str]) -> None:
    await tape.begin(notice_seconds=0.4)
    tape.speak("in the notice")
    await tape.on()
    tape.speak("open 1")
    tape.call.connection.mute(True)
    tape.speak("while muted")
    tape.call.connection.mute(False)
    tape.speak("open 2")
    asked = asyncio.Event()

    async def slow_hold(held: bool) -> None:
        asked.set()
        await asyncio.sleep(0.2)

    tape.peer.hold = slow_hold  # type: ignore[method-assign] # a PBX that takes its time
    holding = asyncio.ensure_future(tape.x.board.command(HoldCall("c1", *ALICE, True)))
    await asked.wait()
    tape.speak("while the hold is asked for")
    await holding
    tape.speak("on hold")
    asked.clear()
    resuming = asyncio.ensure_future(tape.x.board.command(HoldCall("c1", *ALICE, False)))
    await asked.wait()
    tape.speak("while the resume is asked for")
    await resuming
    tape.speak("open 3")
    for leg, name in ((tape.peer, "far party"), (tape.call.browser, "user")):
        leg.events.put(Signal.HELD)
        await asyncio.sleep(0.02)
        tape.speak(f"held by the {name}")
        leg.events.put(Signal.RESUMED)
        await asyncio.sleep(0.02)
    tape.speak("open 4")
    await tape.call.connection.replace_user("PCMU")
    tape.speak("open 5")
    tape.peer.endpoint.hear(digit="9")
    tape.speak("after the objection")
    assert tape.call.recording_rule is RecordingRule.PARTY_OBJECTED
    tape.call.hang_up()
    await tape.x.ended("c1")
    tape.speak("after the end")
    kept = {f"{side} open {n}" for side in ("user", "peer") for n in range(1, 6)} | {"peer while muted"}
    assert await tape.words() == kept
    tried(capsys, len(tape.said) - len(kept), 16, "voices that must not be on the disk")


async def test_a_notice_that_a_party_did_not_hear_whole_is_spoken_again(tape: Tape) -> None:
    await tape.begin(notice_seconds=0.3)
    tape.peer.events.put(Signal.HELD)
    await asyncio.sleep(0.05)
    tape.peer.events.put(Signal.RESUMED)
    await asyncio.sleep(0.35)
    assert tape.call.recording == "announcing" and len(tape.studio.spoken) == 4
    tape.speak("in the second notice")
    new = ScriptedLeg(codecs=(Codec.PCMU,))
    tape.x.board.kit.browser_leg = lambda call: new
    await tape.call.connection.replace_user("PCMU")
    await until(lambda: len(tape.studio.spoken) == 6)
    assert new.endpoint in tape.studio.spoken[-2:]
    tape.speak("in the third notice")
    await tape.on()
    tape.speak("open")
    assert await tape.words() == {"user open", "peer open"}


async def test_a_party_that_holds_us_before_the_notice_is_waited_for(tape: Tape) -> None:
    await tape.begin(notice_seconds=0.1)
    tape.peer.events.put(Signal.HELD)
    await asyncio.sleep(0.5)
    assert tape.call.recording == "announcing"
    tape.peer.events.put(Signal.RESUMED)
    await tape.on()


@pytest.mark.parametrize("discard", [True, False])
async def test_after_stop_nothing_is_added_and_a_discarded_recording_is_gone(tape: Tape, discard: bool) -> None:
    await tape.begin()
    await tape.on()
    tape.speak("before")
    await tape.bytes_on_disk()
    await tape.x.board.command(StopRecording("c1", *ALICE, discard))
    tape.speak("after")
    await until(lambda: tape.studio._tapes[CallId("c1")]._finished.is_set(), 5)
    assert await tape.words() == (set() if discard else {"user before", "peer before"})
    assert bool(list(tape.folder.rglob("*.spool"))) is not discard
    assert bool(tape.x.journal.items("tape/")) is not discard


async def test_a_discard_is_noted_before_the_file_goes(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    await tape.begin()
    await tape.on()
    order: list[str] = []
    real, made = tape.x.journal.commit, tape.studio._tapes[CallId("c1")]
    monkeypatch.setattr(tape.x.journal, "commit", lambda *a: (order.append("noted"), real(*a))[1])
    monkeypatch.setattr(type(made), "discard", lambda self: order.append("gone"))
    tape.call.connection.stop_recording(True)
    assert order[:2] == ["noted", "gone"]


class PortLeg(ScriptedLeg):
    """A party on a real RTP port."""

    port: RtpPort

    async def settle(self, codec: Codec) -> None:
        self.endpoint = self.port  # type: ignore[assignment] # a real one in the place of the memory one
        self.settled.set()


async def test_digits_are_neither_heard_nor_written(tape: Tape, capsys: pytest.CaptureFixture[str]) -> None:
    """Real RTP: both parties hum and press keys, and the rendered file holds the humming alone."""
    digits = "".join(secrets.choice("012345678*#ABCD") for _ in range(12))
    phone, user, peer, desk = [await open_rtp_port("127.0.0.1") for _ in range(4)]
    for one, other in ((phone, user), (user, phone), (peer, desk), (desk, peer)):
        one.connect("127.0.0.1", other.local_port, Codec.PCMU, 0, 101)
    legs = [PortLeg(codecs=(Codec.PCMU,)) for _ in range(2)]
    for leg, port in zip(legs, (user, peer), strict=True):
        leg.port = port
    tape.x.board.kit.browser_leg = lambda call: legs[0]
    tape.x.lines.dial = lambda *_: (tape.x.lines.dialled.put_nowait(legs[1]), legs[1])[1]  # type: ignore[method-assign] # the line's far party
    await tape.begin()
    await tape.on()
    received: list[str] = []
    desk.on_frame = phone.on_frame = lambda frame: received.append(frame.digit)
    humming = [asyncio.ensure_future(hum(phone, 350)), asyncio.ensure_future(hum(desk, 550))]
    await asyncio.sleep(0.3)
    for digit in digits:
        phone.send_digit(digit)
        desk.send_digit(digit)
    tape.call.connection.dial_digits(digits)
    await until(lambda: len("".join(received)) == 3 * len(digits), 20)
    await asyncio.sleep(0.5)
    for task in humming:
        task.cancel()
    assert digits.encode() not in await tape.bytes_on_disk()
    tape.call.hang_up()
    await tape.x.ended("c1")
    wav, _ = await tape.studio.render(CallId("c1"))
    assert {len(frame.payload) for frame in read_spool(wav.with_suffix(".spool")).frames} == {160}
    with wave.open(str(wav)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    for channel, hz in ((0, 350), (1, 550)):
        assert abs(loudest_hz(sound[:, channel], 8000) - hz) < 15
        assert loudest_key(sound[:, channel]) < 0.05
    assert loudest_key(keys(digits)) > 0.3
    for port in (phone, user, peer, desk):
        port.close()
    tried(capsys, 3 * len(digits), 36, "digits pressed into a recorded call")


def keys(digits: str) -> np.ndarray:
    """The tones of a keypad (ITU-T Q.23), as a phone that sends no events would play them."""
    low, high = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    rows = ["123A", "456B", "789C", "*0#D"]
    parts = []
    for digit in digits:
        row = next(n for n, keypad in enumerate(rows) if digit in keypad)
        pair = tones.sine(low[row], 0.12, 8000) // 2 + tones.sine(high[rows[row].index(digit)], 0.12, 8000) // 2
        parts += [pair, tones.silence(0.08, 8000)]
    return np.concatenate(parts)


def loudest_key(sound: np.ndarray) -> float:
    """The largest share of energy that any 100 ms have at a keypad's high tones."""
    shares = [0.0]
    for at in range(0, len(sound) - 800, 400):
        power = np.abs(np.fft.rfft(sound[at : at + 800] * np.hanning(800))) ** 2
        hz = np.fft.rfftfreq(800, 1 / 8000)
        total = power[hz > 50].sum()
        if total > 1e8:
            shares += [float(power[np.abs(hz - key) < 15].sum() / total) for key in (1209, 1336, 1477, 1633)]
    return max(shares)
