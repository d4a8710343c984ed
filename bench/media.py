"""What a call costs and adds: ours beside Janus' SIP plugin, rtpengine and stock aiortc tracks, interleaved in one run.

Ours is what an answered call runs in production: browser leg, SIP leg by INVITE, bridge, plane and port, on uvloop. Each
call is a browser (ICE, DTLS-SRTP) and an RTP party, 50 packets a second each way, played by the C engine `rtpload`.
Run: `python -m bench.media --calls 50,100,150 --seconds 2 --rounds 8`, as root to have Janus in a network of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bench.load.anchors import enter_namespace
from bench.load.browser_sdp import AUDIO, Audio
from bench.load.engine import CannotBuild, Engine
from bench.load.servers import JanusSip, Lines, Rtpengine, Server
from bench.load.session import Session, Window

OURS, RECORDED, JANUS, RTPENGINE, STOCK = "ours", "ours, recorded", "janus sip", "rtpengine", "stock tracks"
SERVER_CPU, ENGINE_CPU = 0, 1
STOCK_CALLS = 20
MAX_LOSS_PERCENT, MAX_P99_MS = 0.1, 20.0
MAX_RATIO_LOSS_PERCENT = 1.0
Start = Callable[[Audio, int, int], Awaitable[Server]]


def _ours(*more: str) -> Start:
    async def start(audio: Audio, cpu: int, niceness: int) -> Server:
        name = next(name for name, known in AUDIO.items() if known is audio)
        return await Lines.start(["bench.load.answered", name, *more], audio, True, cpu, niceness)

    return start


async def _stock(audio: Audio, cpu: int, niceness: int) -> Server:
    return await Lines.start(["bench.load.bridges", "stock-uvloop"], audio, False, cpu, niceness)


STARTS: dict[str, Start] = {
    OURS: _ours(), JANUS: JanusSip.start, RTPENGINE: Rtpengine.start, RECORDED: _ours("recorded"), STOCK: _stock,
}  # fmt: skip


@dataclass
class Found:
    """What the rounds gave: windows by server and number of calls, set-ups by server."""

    windows: dict[tuple[str, int], list[Window]] = field(default_factory=lambda: defaultdict(list))
    churned: dict[str, list[Window]] = field(default_factory=lambda: defaultdict(list))
    set_ups: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    failed: int = 0


def present(wanted: Sequence[str], in_namespace: bool) -> tuple[list[str], list[str]]:
    """Which servers can be run here, and why the others cannot."""
    found, reasons = [], []
    for name in wanted:
        if name == JANUS and shutil.which("janus") is None:
            reasons.append("janus is missing: apt install janus")
        elif name == JANUS and not in_namespace:
            reasons.append("janus needs a network namespace: run as root, apt install iproute2 util-linux")
        elif name == RTPENGINE and shutil.which("rtpengine") is None:
            reasons.append("rtpengine is missing: apt install rtpengine-daemon")
        else:
            found.append(name)
    return found, reasons


@asynccontextmanager
async def _sessions(names: Sequence[str], given: argparse.Namespace) -> AsyncIterator[dict[str, Session]]:
    """A fresh engine and fresh servers, all up at once."""
    engine, audio = await Engine.start(ENGINE_CPU, given.nice), AUDIO[given.codec]
    servers: list[Server] = []
    try:
        made = {}
        for place, name in enumerate(names):
            servers.append(await STARTS[name](audio, SERVER_CPU, given.nice))
            made[name] = Session(servers[-1], engine, audio, place)
        yield made
    finally:
        for server in servers:
            await server.close()
        await engine.stop()


async def _load(names: Sequence[str], given: argparse.Namespace, found: Found) -> None:
    """The servers take turns, one short window each, at every number of calls."""
    async with _sessions(names, given) as sessions:
        for count in given.calls:
            for name, session in sessions.items():
                print(f"{name}: {count} calls come up ...", file=sys.stderr, flush=True)
                await session.bring_up(min(count, STOCK_CALLS) if name == STOCK else count)
            for _ in range(given.rounds):
                for name, session in sessions.items():
                    if name != STOCK or count == given.calls[0]:
                        found.windows[name, count].append(await session.window(given.seconds))
        for _ in range(given.rounds if given.churn else 0):
            for name, session in sessions.items():
                if name not in {STOCK, RECORDED}:
                    found.churned[name].append(await session.window(given.seconds, given.churn))
        found.failed = sum(session.failed for session in sessions.values())
        for session in sessions.values():
            await session.take_down()


async def _set_ups(names: Sequence[str], given: argparse.Namespace, found: Found) -> None:
    """A fresh server for each round of set-ups."""
    for _ in range(given.rounds):
        for name in names:
            async with _sessions([name], given) as sessions:
                found.set_ups[name].append(await sessions[name].set_ups(given.setups, 16))


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _row(name: str, windows: Sequence[Window]) -> str:
    """One line of the table: medians over the rounds, loss over all of them, the longest pause."""
    cpu = _median([window.cpu_ms for window in windows])
    lost = 100 * sum(window.lost for window in windows) / max(1, sum(window.sent for window in windows))
    return (
        f"{name:22} {windows[0].calls:6d} {cpu:8.2f} {1000 / cpu if cpu else 0:8.0f} {lost:8.3f} "
        f"{_median([window.p50_ms for window in windows]):8.2f} {_median([window.p99_ms for window in windows]):8.2f} "
        f"{_median([window.memory_kb for window in windows]):8.0f} {_median([window.threads for window in windows]):8.1f} "
        f"{max(window.pause_ms for window in windows):8.1f} {sum(window.misrouted for window in windows):6d}"
    )


def _whole(window: Window) -> bool:
    return 100 * window.lost <= MAX_RATIO_LOSS_PERCENT * window.sent


def _ratios(found: Found, of: str, to: str, what: Callable[[Window], float] = lambda window: window.cpu_ms) -> str:
    """Median and range of one server's figure over another's, round by round; a round that lost packets says nothing."""
    lines = []
    for (name, count), windows in found.windows.items():
        ours = found.windows.get((to, count), [])
        values = [what(a) / what(b) for a, b in zip(windows, ours, strict=False) if what(b) and _whole(a) and _whole(b)]
        if name == of and values:
            lines.append(f"{_median(values):.2f} ({min(values):.2f} to {max(values):.2f}) at {count}")
    return ", ".join(lines)


def show(found: Found, given: argparse.Namespace) -> None:
    """The tables, then the ratios."""
    print(
        f"{'server':22} {'calls':>6} {'CPU ms':>8} {'per core':>8} {'lost %':>8} {'p50 ms':>8} {'p99 ms':>8} "
        f"{'KB/call':>8} {'threads':>8} {'GC ms':>8} {'astray':>6}"
    )
    for (name, _), windows in sorted(found.windows.items(), key=lambda item: item[0][1]):
        print(_row(name, windows))
    for name, windows in found.churned.items():
        print(_row(f"{name}, churn", windows))
    if found.set_ups:
        print(f"{'':22} {'CPU ms':>8} {'per core and s':>15} {'per s':>8}")
    for name, made in found.set_ups.items():
        cpu, rate = _median([cpu for cpu, _ in made]), _median([rate for _, rate in made])
        print(f"{name + ', set up':22} {cpu:8.2f} {1000 / cpu if cpu else 0:15.0f} {rate:8.0f}")
    for other in (JANUS, RTPENGINE):
        if ratios := _ratios(found, other, OURS):
            print(f"{other} / ours, CPU: {ratios} calls; memory: {_ratios(found, other, OURS, lambda w: w.memory_kb)}")
    if ratios := _ratios(found, RECORDED, OURS):
        print(f"recorded / not recorded, CPU: {ratios} calls")
    stock = _median([window.cpu_ms for (name, _), ws in found.windows.items() if name == STOCK for window in ws])
    if ours := _median([window.cpu_ms for window in found.windows.get((OURS, given.calls[0]), [])]):
        print(f"stock tracks / ours, CPU: {stock / ours:.1f} at {given.calls[0]} calls") if stock else None
    every = [window for windows in (*found.windows.values(), *found.churned.values()) for window in windows]
    late, busy = max(window.late_p99_ms for window in every), max(window.generator_busy for window in every)
    print(
        f"the engine sent up to {late:.1f} ms late (p99) and used {100 * busy:.0f} % of its core; failed calls: {found.failed}"
    )


async def _sweep(given: argparse.Namespace) -> None:
    """More and more calls through ours until packets are lost or late; a step that fails is tried once more."""

    best = 0
    async with _sessions([OURS], given) as sessions:
        for count in given.sweep:
            await sessions[OURS].bring_up(count)
            for _ in range(2):
                window = await sessions[OURS].window(given.seconds)
                print(_row(OURS, [window]), flush=True)
                good = 100 * window.lost / max(1, window.sent) <= MAX_LOSS_PERCENT and window.p99_ms <= MAX_P99_MS
                if good:
                    break
            if not good:
                break
            best = count
    print(f"most calls on one core: {best} (at most {MAX_LOSS_PERCENT} % lost, p99 {MAX_P99_MS:.0f} ms)")


async def run(given: argparse.Namespace, in_namespace: bool) -> None:
    """All rounds, then what they gave."""
    names, reasons = present([name for name in STARTS if name in given.servers.split(";")], in_namespace)
    for reason in reasons:
        print(reason)
    if given.codec != "pcmu" and STOCK in names:
        names.remove(STOCK)
    gc.disable()
    if given.sweep:
        await _sweep(given)
        return
    found = Found()
    await _load(names, given, found)
    if given.setups:
        await _set_ups([name for name in names if name not in {STOCK, RECORDED}], given, found)
    show(found, given)


def _counts(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    in_namespace = enter_namespace()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=_counts, default=[20, 50, 100, 150], help="numbers of calls, rising")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one window")
    parser.add_argument("--rounds", type=int, default=5, help="windows of each server at each number of calls")
    parser.add_argument("--churn", type=float, default=0.0, help="calls a second that come and go in one more window")
    parser.add_argument("--setups", type=int, default=0, help="calls set up without media, 16 at once, from nothing")
    parser.add_argument("--codec", choices=AUDIO, default="pcmu")
    parser.add_argument("--servers", default=";".join(STARTS), help="some of: %(default)s")
    parser.add_argument(
        "--sweep", type=_counts, default=[], help="numbers of calls for ours alone, until it is too much"
    )
    parser.add_argument("--nice", type=int, default=0, help="priority of server and engine on a shared machine (root)")
    given = parser.parse_args()
    os.sched_setaffinity(0, {ENGINE_CPU} & os.sched_getaffinity(0) or os.sched_getaffinity(0))
    try:
        asyncio.run(run(given, in_namespace))
    except CannotBuild as error:
        print(f"bench.media cannot run: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
