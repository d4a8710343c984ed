"""The bridge's CPU beside stock aiortc tracks, interleaved in one run, and the delay it adds at 50 calls.

Each call is a browser (ICE, DTLS-SRTP, PCMU, 50 packets a second each way) bridged to a plain RTP party; CPU is user and
system time of the bridge's process. Run: `python -m bench.bridge --calls 20 --load 50 --seconds 4 --rounds 3`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.load.traffic import Ask, Call, Window, send_for_ever

MIN_RATIO, MAX_P99_MS = 7.0, 5.0
SETTLE_SECONDS, STRAGGLE_SECONDS = 1.0, 0.6


@dataclass(frozen=True)
class Result:
    """One window of one bridge; CPU in ms per call and second, delays in ms."""

    cpu_ms: float
    to_phone: list[float]
    to_browser: list[float]
    sent: int
    lost: int
    misrouted: int
    late_ms: list[float]


def quantile(values: list[float], share: float) -> float:
    """0 for nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


@asynccontextmanager
async def bridge(mode: str, niceness: int) -> AsyncIterator[Ask]:
    """A bridge in a process of its own."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load.bridges", mode, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )  # fmt: skip
    assert server.stdin is not None and server.stdout is not None
    stdin, stdout = server.stdin, server.stdout
    if niceness:
        os.setpriority(os.PRIO_PROCESS, server.pid, niceness)

    async def ask(what: dict[str, Any]) -> dict[str, Any]:
        stdin.write(json.dumps(what).encode() + b"\n")
        return dict(json.loads(await stdout.readline()))

    try:
        yield ask
    finally:
        server.kill()
        await server.wait()


async def measure(mode: str, calls: int, seconds: float, niceness: int) -> Result:
    """Set up the calls, let them talk, count one window."""
    window = Window(began=2**62)
    async with bridge(mode, niceness) as ask:
        live = [Call(number, lambda: window) for number in range(calls)]
        for call in live:
            await call.connect(ask)
        ends = [end for call in live for end in call.ends()]
        sending = asyncio.ensure_future(send_for_ever(ends, lambda: window))
        await asyncio.sleep(SETTLE_SECONDS)
        window.late_ms.clear()
        before = (await ask({}))["cpu"]
        window.began = now_ns()
        await asyncio.sleep(seconds)
        window.ended = now_ns()
        used = (await ask({}))["cpu"] - before
        late, lasted = list(window.late_ms), (now_ns() - window.began) / 1e9
        await asyncio.sleep(STRAGGLE_SECONDS)
        sending.cancel()
        for call in live:
            await call.close()
    delays = window.delays_ms
    return Result(
        used * 1000 / calls / lasted, delays["phone"], delays["browser"], window.sent, window.sent - window.received(),
        window.misrouted, late,
    )  # fmt: skip


def now_ns() -> int:
    """Unix time."""
    import time

    return time.time_ns()


def row(name: str, calls: int, results: list[Result]) -> str:
    """One line of the table."""
    cpu = statistics.median(result.cpu_ms for result in results)
    to_phone = [delay for result in results for delay in result.to_phone]
    to_browser = [delay for result in results for delay in result.to_browser]
    sent, lost = sum(result.sent for result in results), sum(result.lost for result in results)
    return (
        f"{name:22} {calls:5d} {cpu:8.2f} {quantile(to_phone, 0.5):8.2f} {quantile(to_phone, 0.99):8.2f} "
        f"{quantile(to_browser, 0.5):8.2f} {quantile(to_browser, 0.99):8.2f} {100 * lost / max(1, sent):7.2f} {sent:8d}"
    )


async def compare(calls: int, load: int, seconds: float, rounds: int, niceness: int) -> None:
    """Rounds of each bridge after the other, then the table and what the issue asks of it."""
    plan = {
        "ours": ("ours", calls), "stock tracks": ("stock", calls), "stock tracks, uvloop": ("stock-uvloop", calls),
        "ours, recorded": ("recorded", calls), "ours, loaded": ("ours", load),
    }  # fmt: skip
    found: dict[str, list[Result]] = {name: [] for name in plan}
    for number in range(rounds):
        for name, (mode, count) in plan.items():
            print(f"round {number + 1} of {rounds}: {name}, {count} calls ...", file=sys.stderr, flush=True)
            found[name].append(await measure(mode, count, seconds, niceness))
    print(
        f"{'bridge':22} {'calls':>5} {'CPU ms':>8} {'->phone':>8} {'p99 ms':>8} {'->web':>8} {'p99 ms':>8} "
        f"{'lost %':>7} {'packets':>8}"
    )
    for name, (_, count) in plan.items():
        print(row(name, count, found[name]))
    ratio, same_loop = (
        statistics.median(stock.cpu_ms / ours.cpu_ms for stock, ours in zip(found[name], found["ours"], strict=True))
        for name in ("stock tracks", "stock tracks, uvloop")
    )
    loaded = found["ours, loaded"]
    worst = max(
        quantile([delay for result in loaded for delay in result.to_phone], 0.99),
        quantile([delay for result in loaded for delay in result.to_browser], 0.99),
    )
    late = quantile([delay for result in loaded for delay in result.late_ms], 0.99)
    misrouted = sum(result.misrouted for results in found.values() for result in results)
    print(
        f"stock / ours at {calls} calls: {ratio:.1f} (limit: at least {MIN_RATIO:.0f}); with uvloop on both: {same_loop:.1f}"
    )
    print(
        f"p99 added at {load} calls: {worst:.2f} ms (limit: at most {MAX_P99_MS:.0f} ms); misrouted packets: {misrouted}"
    )
    print(f"the generator sent its packets up to {late:.1f} ms late (p99), which no delay above includes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--calls", type=int, default=20, help="for the comparison; stock tracks carry some 30 on a core"
    )
    parser.add_argument("--load", type=int, default=50, help="calls for the delay")
    parser.add_argument("--seconds", type=float, default=4.0, help="of one window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0, help="priority of the bridges on a shared machine (root)")
    given = parser.parse_args()
    asyncio.run(compare(given.calls, given.load, given.seconds, given.rounds, given.nice))


if __name__ == "__main__":
    main()
