"""Calls through one server: brought up, timed in windows, churned, taken down.

Several servers can be up at once on one engine; only the calls of one talk at a time, so that short windows of each can
take turns and what else the machine does falls on all of them alike.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.load.browser_sdp import HOST, Audio, Description, browser_offer
from bench.load.engine import Engine
from bench.load.meter import Meter
from bench.load.servers import Server

AT_ONCE = 8
SETTLE_SECONDS, STRAGGLE_SECONDS, CONNECT_SECONDS = 0.5, 0.4, 30.0
# Numbers of one server's calls on the engine; those that churn come after those that stay.
NUMBERS, CHURNED_FROM, CHURNED_LASTS = 1600, 1000, 0.5


@dataclass(frozen=True, slots=True)
class Window:
    """One window: CPU in ms per call and second, delays in ms of the slower direction."""

    calls: int
    cpu_ms: float
    busy: float
    sent: int
    lost: int
    misrouted: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    memory_kb: float
    threads: float
    pause_ms: float
    late_p99_ms: float
    generator_busy: float
    failed: int


class Session:
    """One server under load; `place` counts the servers on the engine from 0."""

    _windows = 0

    def __init__(self, server: Server, engine: Engine, audio: Audio, place: int = 0) -> None:
        self._server, self._engine, self._audio, self._first = server, engine, audio, place * NUMBERS
        self._meter = Meter(server.process.pid)
        self._empty_kb, self._empty_threads = self._meter.memory_kb(), self._meter.threads()
        self.up: set[int] = set()
        self.failed = 0

    async def _legs(self, number: int) -> None:
        """Both legs of one call, connected; raises what server or engine say."""
        audio, engine = self._audio, self._engine
        made = {"tsinc": audio.ticks, "ip": HOST, "mode": "g711", "plen": audio.payload_bytes, "pt": audio.payload_type}
        ufrag, password = secrets.token_hex(4), secrets.token_hex(12)
        port, ssrc = await engine.leg(2 * number, type="w", lufrag=ufrag, lpwd=password, **made)
        far_port, _ = await engine.leg(2 * number + 1, type="r", **made)
        offer = browser_offer(port, ufrag, password, engine.fingerprint, ssrc, audio)
        answer, far = await self._server.call(number, offer, far_port)
        read = Description.parse(answer)
        host, port = read.candidates[0]
        up = engine.connected(2 * number)
        # a=setup in the answer is the server's role; the browser's is the other one.
        role = "s" if read.setup == "active" else "c"
        engine.say(
            f"ice id={2 * number} ip={host} port={port} rufrag={read.ufrag} rpwd={read.password} dtls={role} "
            f"fp={read.fingerprint} pt={read.payload_type(audio)} ext={read.extension_hex()}"
        )
        engine.say(f"dst id={2 * number + 1} ip={far[0]} port={far[1]}")
        await asyncio.wait_for(up, CONNECT_SECONDS)

    async def _begin(self, number: int) -> None:
        try:
            await self._legs(number)
            self.up.add(number)
        except Exception as error:  # counted and shown; the others go on
            self.failed += 1
            print(f"call {number}: {type(error).__name__} {error}", file=sys.stderr)

    def _talk(self, word: str) -> None:
        for number in self.up:
            self._engine.say(f"{word} id={2 * number}")
            self._engine.say(f"{word} id={2 * number + 1}")

    async def _end(self, number: int) -> None:
        self.up.discard(number)
        try:
            await self._server.hang_up(number)
        except Exception as error:  # as above
            self.failed += 1
            print(f"call {number}: {type(error).__name__} {error}", file=sys.stderr)
        for leg in (2 * number, 2 * number + 1):
            self._engine.say(f"del id={leg}")

    async def bring_up(self, calls: int, at_once: int = AT_ONCE) -> None:
        """Until so many calls are connected; they are silent."""
        waiting = iter(range(self._first + len(self.up), self._first + calls))

        async def worker() -> None:
            for number in waiting:
                await self._begin(number)

        await asyncio.gather(*(worker() for _ in range(at_once)))

    async def take_down(self) -> None:
        """Hang up all."""
        waiting = iter(sorted(self.up))

        async def worker() -> None:
            for number in waiting:
                await self._end(number)

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    @asynccontextmanager
    async def _churned(self, per_second: float) -> AsyncIterator[None]:
        """Further calls without media that come and go."""
        brief: set[asyncio.Task[None]] = set()

        async def one(number: int) -> None:
            await self._begin(number)
            await asyncio.sleep(CHURNED_LASTS)
            if number in self.up:
                await self._end(number)

        async def keep() -> None:
            for turn in itertools.count():
                number = self._first + CHURNED_FROM + turn % (NUMBERS - CHURNED_FROM)
                task = asyncio.ensure_future(one(number))
                brief.add(task)
                task.add_done_callback(brief.discard)
                await asyncio.sleep(1 / per_second)

        keeping = asyncio.ensure_future(keep()) if per_second else None
        if keeping is not None:
            await asyncio.sleep(1)
        try:
            yield
        finally:
            if keeping is not None:
                keeping.cancel()
                await asyncio.gather(*brief)

    async def window(self, seconds: float, churn: float = 0.0) -> Window:
        """Let them talk for a while; what happened meanwhile."""
        Session._windows = Session._windows % 250 + 1
        engine, calls = self._engine, len(self.up)
        memory, threads = self._meter.memory_kb(), self._meter.threads()
        self._talk("go")
        await asyncio.sleep(SETTLE_SECONDS)
        await self._server.pauses_ms()
        async with self._churned(churn):
            spent = (await engine.counted(0))["gen_cpu"]
            await engine.window(Session._windows)
            began, before = time.monotonic(), self._meter.cpu_seconds()
            await asyncio.sleep(seconds)
            used, lasted = self._meter.cpu_seconds() - before, time.monotonic() - began
            await engine.window(0)
            spent = (await engine.counted(0))["gen_cpu"] - spent
        self._talk("halt")
        await asyncio.sleep(STRAGGLE_SECONDS)
        pauses = await self._server.pauses_ms()
        told = await engine.counted(Session._windows)
        ways: list[dict[str, Any]] = [told["to_rtp"], told["to_rtc"]]
        return Window(
            calls, used * 1000 / lasted / max(1, calls), used / lasted,
            sum(way["tx"] for way in ways), sum(max(0, way["tx"] - way["rx"]) for way in ways), told["misroute"],
            *(max(way[name] for way in ways) / 1000 for name in ("p50", "p99", "max")),
            max(0, memory - self._empty_kb) / max(1, calls), max(0, threads - self._empty_threads) / max(1, calls),
            max(pauses, default=0.0), told["late_p99_us"] / 1000, spent / lasted, self.failed,
        )  # fmt: skip

    async def set_ups(self, calls: int, at_once: int) -> tuple[float, float]:
        """CPU ms per set-up and set-ups per second, without media; call it on an empty session."""
        await self.bring_up(4)
        began, before = time.monotonic(), self._meter.cpu_seconds()
        await self.bring_up(4 + calls, at_once)
        lasted = time.monotonic() - began
        await asyncio.sleep(0.3)
        made = max(1, len(self.up) - 4)
        return (self._meter.cpu_seconds() - before) * 1000 / made, made / lasted
