"""What each number of the demo PBX does when it is called."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from contract.calls import Codec, Outcome, Party
from telephony.leg import Signal
from telephony.media import prompt, tones
from telephony.media.codecs import Pcm
from telephony.media.frame import Endpoint, Frame
from telephony.media.plane import Plane
from telephony.sip.leg import SipLeg

if TYPE_CHECKING:
    from workbench.pbx.exchange import Exchange

RATE_HZ = 16000
SPEAK_HZ, EARLY_HZ, DESK_HZ, OUTSIDE_HZ, CALL_BACK_HZ = 650.0, 440.0, 520.0, 650.0, 480.0
RIGHT_HZ, WRONG_HZ = 1000.0, 300.0
CODE = "1234"
OLD_PHONE_RING_SECONDS = 2.0
RING_SECONDS, EARLY_SECONDS, CALL_BACK_AFTER_SECONDS, RING_BACK_SECONDS = 1.0, 3.0, 3.0, 45.0
CALL_BACK_PARTY = Party("+593991234567", "")
GREETING = Path(__file__).parent / "greeting.wav"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One call to a number of the PBX."""

    exchange: Exchange
    leg: SipLeg
    caller: str
    called: str


Script = Callable[[Incoming], Awaitable[None]]


def digit_hz(digit: str) -> float:
    """The hum that extension 605 answers to a digit."""
    return 400.0 + 50.0 * "0123456789*#ABCD".index(digit)


async def _until_over(leg: SipLeg) -> Outcome:
    while True:
        event = await leg.events.next()
        if event.signal is Signal.ENDED:
            return event.outcome or Outcome.COMPLETED


async def _beside(leg: SipLeg, work: Awaitable[None]) -> None:
    """Do `work` until it is done or the party leaves, then wait for the end."""
    task = asyncio.ensure_future(work)
    try:
        await _until_over(leg)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _answer(call: Incoming, after_seconds: float = 0.0, codec: Codec | None = None) -> Endpoint:
    """Ring, then answer with `codec`, else with the caller's first one."""
    leg = call.leg
    if after_seconds:
        await leg.ring()
        await asyncio.sleep(after_seconds)
    await leg.settle(codec or leg.offered().codecs[0])
    await leg.answer()
    assert leg.endpoint is not None
    return leg.endpoint


async def _hum(endpoint: Endpoint, hz: float) -> None:
    while True:
        await prompt.play(endpoint, tones.sine(hz, 5.0, RATE_HZ), RATE_HZ)


async def echo(call: Incoming) -> None:
    """Every frame and digit goes back where it came from."""
    endpoint = await _answer(call)

    def back(frame: Frame) -> None:
        if frame.digit:
            endpoint.send_digit(frame.digit)
        else:
            endpoint.send(frame)

    endpoint.on_frame = back
    await _until_over(call.leg)


def _greeting() -> Pcm:
    with wave.open(str(GREETING), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


async def speak(call: Incoming) -> None:
    """A tone, then a sentence, again and again."""
    endpoint = await _answer(call, 0.5)

    async def talk() -> None:
        greeting = await asyncio.to_thread(_greeting)
        while True:
            await prompt.play(endpoint, tones.sine(SPEAK_HZ, 4.0, RATE_HZ), RATE_HZ)
            await prompt.play(endpoint, greeting, RATE_HZ)

    await _beside(call.leg, talk())


async def ring_for_ever(call: Incoming) -> None:
    """Nobody answers."""
    await call.leg.ring()
    await _until_over(call.leg)


async def busy(call: Incoming) -> None:
    """486."""
    await call.leg.hang_up(Outcome.BUSY)


async def early(call: Incoming) -> None:
    """A tone before the answer, another one after it."""
    leg = call.leg
    await leg.settle(leg.offered().codecs[0])
    await leg.progress()
    assert leg.endpoint is not None
    await prompt.play(leg.endpoint, tones.sine(EARLY_HZ, EARLY_SECONDS, RATE_HZ), RATE_HZ)
    endpoint = await _answer(call)
    await _beside(leg, _hum(endpoint, OUTSIDE_HZ))


async def check_digits(call: Incoming) -> None:
    """Hums each digit back; after # says by a high or low tone whether the code was 1234."""
    endpoint = await _answer(call)
    heard: asyncio.Queue[str] = asyncio.Queue()
    endpoint.on_frame = lambda frame: heard.put_nowait(frame.digit) if frame.digit else None

    async def judge() -> None:
        typed = ""
        while True:
            digit = await heard.get()
            await prompt.play(endpoint, tones.sine(digit_hz(digit), 0.3, RATE_HZ), RATE_HZ)
            if digit == "#":
                verdict = RIGHT_HZ if typed == CODE else WRONG_HZ
                await prompt.play(endpoint, tones.sine(verdict, 1.0, RATE_HZ), RATE_HZ)
            typed = "" if digit in "*#" else typed + digit

    await _beside(call.leg, judge())


async def call_back(call: Incoming) -> None:
    """Hums, and calls the caller 3 s after the end, as an outside number."""
    endpoint = await _answer(call)
    await _beside(call.leg, _hum(endpoint, CALL_BACK_HZ))
    call.exchange.spawn(_ring_back(call.exchange, call.caller))


async def _ring_back(exchange: Exchange, extension: str) -> None:
    await asyncio.sleep(CALL_BACK_AFTER_SECONDS)
    leg = exchange.outgoing(extension, CALL_BACK_PARTY)
    if leg is None:
        return
    try:
        await leg.ring()
        async with asyncio.timeout(RING_BACK_SECONDS):
            while True:
                event = await leg.events.next()
                if event.signal is Signal.ENDED:
                    return
                if event.signal is Signal.ANSWERED and leg.endpoint is not None:
                    break
        await _beside(leg, _hum(leg.endpoint, CALL_BACK_HZ))
    except TimeoutError:
        await leg.hang_up(Outcome.NO_ANSWER)
    finally:
        exchange.legs.discard(leg)


async def old_phone(call: Incoming) -> None:
    """Rings for two seconds and then speaks G.711 A-law only, whatever was offered first."""
    endpoint = await _answer(call, OLD_PHONE_RING_SECONDS, Codec.PCMA)
    await _beside(call.leg, _hum(endpoint, OUTSIDE_HZ))


async def desk(call: Incoming) -> None:
    """A desk phone whose owner picks up after a second."""
    await _ringing_then_hum(call, DESK_HZ)


async def outside(call: Incoming) -> None:
    """Somebody in the public network who picks up after a second."""
    await _ringing_then_hum(call, OUTSIDE_HZ)


async def _ringing_then_hum(call: Incoming, hz: float) -> None:
    leg = call.leg
    await leg.ring()
    left = asyncio.ensure_future(_until_over(leg))
    done, _ = await asyncio.wait({left}, timeout=RING_SECONDS)
    if done:
        return
    left.cancel()
    endpoint = await _answer(call)
    await _beside(leg, _hum(endpoint, hz))


async def unknown(call: Incoming) -> None:
    """404."""
    await call.leg.hang_up(Outcome.UNREACHABLE)


async def phone(call: Incoming) -> None:
    """A registered phone: two legs joined, early media, hold and the end passed on."""
    out = call.exchange.outgoing(call.called, call.leg.party, call.leg.offered().codecs)
    if out is None:
        await unknown(call)
        return
    left = asyncio.ensure_future(_until_over(call.leg))
    try:
        await out.ring()
        outcome = await _ringing(call.leg, out, left)
        if outcome is not None:
            await call.leg.hang_up(outcome)
            return
        left.cancel()
        await _joined(call.leg, out)
    finally:
        left.cancel()
        await out.hang_up()
        call.exchange.legs.discard(out)


async def _ringing(leg: SipLeg, out: SipLeg, left: asyncio.Future[Outcome]) -> Outcome | None:
    """None once the called phone answered, else how the caller's leg ends."""
    while True:
        told = asyncio.ensure_future(out.events.next())
        both: set[asyncio.Future[Any]] = {told, left}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if left.done():
            told.cancel()
            return left.result()
        event = told.result()
        if event.signal is Signal.ENDED:
            return event.outcome or Outcome.UNREACHABLE
        if event.signal is Signal.RINGING:
            await leg.ring()
        elif event.signal is Signal.EARLY_MEDIA and out.endpoint is not None:
            await leg.settle(out.endpoint.codec)
            await leg.progress()
            if leg.endpoint is not None:
                Plane(leg.endpoint, out.endpoint)
        elif event.signal is Signal.ANSWERED:
            return None


async def _joined(leg: SipLeg, out: SipLeg) -> None:
    assert out.endpoint is not None
    await leg.settle(out.endpoint.codec)
    await leg.answer()
    assert leg.endpoint is not None
    plane = Plane(leg.endpoint, out.endpoint)

    async def follow(one: SipLeg, other: SipLeg) -> None:
        while True:
            event = await one.events.next()
            if event.signal is Signal.ENDED:
                await other.hang_up()
                return
            if event.signal in {Signal.HELD, Signal.RESUMED}:
                await other.hold(event.signal is Signal.HELD)

    async with asyncio.TaskGroup() as group:
        group.create_task(follow(leg, out))
        group.create_task(follow(out, leg))
    plane.close()


NUMBERS: dict[str, Script] = {
    "600": echo,
    "601": speak,
    "602": ring_for_ever,
    "603": busy,
    "604": early,
    "605": check_digits,
    "606": call_back,
    "607": old_phone,
}
DESKS = frozenset({"2001", "2002"})


def script_for(call: Incoming) -> Script:
    """A registered phone first, then the test numbers, desk phones and the outside world."""
    if call.called in NUMBERS:
        return NUMBERS[call.called]
    if call.exchange.registered(call.called) is not None:
        return phone
    if call.called in DESKS:
        return desk
    digits = call.called.lstrip("+")
    return outside if digits.isdigit() and (len(digits) >= 7 or digits in {"911", "112"}) else unknown
