"""SIP call set-up and tear-down on one core, signalling only, with the bare parse of the same bytes as the limit beside it.

A call is INVITE, 180, 200, ACK, BYE, 200 over UDP to a scripted far end in another process: transactions, dialog, SDP and
leg of the product, with a media port that opens no socket. Run: `python -m bench.sip_setup --calls 200 --rounds 7`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any, ClassVar

from contract.calls import Codec, Party
from telephony.leg import Signal
from telephony.media.frame import Frame
from telephony.sip.flow import Address, Flow
from telephony.sip.identity import Identity
from telephony.sip.leg import SipLeg
from telephony.sip.message import parse
from telephony.sip.useragent import UserAgent

FAR_ENDS, AT_ONCE = 32, 16
CODECS = (Codec.PCMU, Codec.PCMA)


class NoMedia:
    """A media port without a socket."""

    local_port = 40002
    codec = Codec.PCMU
    on_frame = None

    def connect(self, *_where: Any) -> None:
        """Nowhere."""

    def set_direction(self, sending: bool, receiving: bool) -> None:
        """Neither."""

    def send(self, frame: Frame) -> None:
        """Nothing."""

    def send_digit(self, digit: str, duration_ms: int = 120) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing is open."""


async def no_media() -> Any:
    """In place of a bound RTP port."""
    return NoMedia()


async def until(leg: SipLeg, signal: Signal) -> None:
    """Wait for one event of the leg."""
    while (await leg.events.next()).signal is not signal:
        pass


async def call(agent: UserAgent, to: Address) -> None:
    """Dial, be answered, hang up."""
    identity = Identity("<sip:1001@pbx.example>", "1001", None, to)
    leg = SipLeg(agent, identity, Party("+593987654321"), no_media, CODECS, f"sip:+593987654321@{to[0]}:{to[1]}")
    await leg.ring()
    await until(leg, Signal.ANSWERED)
    await leg.hang_up()
    await until(leg, Signal.ENDED)


async def setups_ms(agents: list[UserAgent], far: list[Address], calls: int) -> tuple[float, float]:
    """CPU and wall-clock ms per call, some calls at once; lost packets would show as time."""
    waiting = iter(range(calls))

    async def worker() -> None:
        for number in waiting:
            await call(agents[number % len(agents)], far[number % len(far)])

    wall, began = time.perf_counter(), time.process_time_ns()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    used = (time.process_time_ns() - began) / 1e6
    return used / calls, (time.perf_counter() - wall) * 1000 / calls


def parse_ms(messages: list[bytes], calls: int) -> float:
    """CPU ms to read what one call receives, and nothing more."""
    began = time.process_time_ns()
    for _ in range(calls):
        for message in messages:
            parse(message)
    return (time.process_time_ns() - began) / calls / 1e6


class Heard(UserAgent):
    """A user agent that keeps what it heard."""

    kept: ClassVar[list[bytes]] = []

    def heard(self, data: bytes, source: Address, flow: Flow) -> None:
        """As ever, and kept."""
        self.kept.append(data)
        super().heard(data, source, flow)


async def sample(to: Address) -> list[bytes]:
    """The datagrams that one call receives."""
    agent = await Heard.open("127.0.0.1", 0, lambda ip: True, lambda *_: None)
    await call(agent, to)
    await asyncio.sleep(0.1)
    agent.close()
    return list(Heard.kept)


async def run(calls: int, rounds: int) -> None:
    """Print the table."""
    child = subprocess.Popen([sys.executable, "-m", "bench.load.far_end", str(FAR_ENDS)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        far: list[Address] = [(host, port) for host, port in json.loads(child.stdout.readline())]
        messages = await sample(far[0])
        agents = [await UserAgent.open("127.0.0.1", 0, lambda ip: True, lambda *_: None) for _ in far]
        await setups_ms(agents, far, calls)
        made, bare, walls = [], [], []
        for _ in range(rounds):
            cpu, wall = await setups_ms(agents, far, calls)
            made.append(cpu)
            walls.append(wall)
            bare.append(parse_ms(messages, calls))
        ratio = statistics.median(a / b for a, b in zip(made, bare, strict=True))
        cost = statistics.median(made)
        print(f"{'CPU ms per call':>16} {'calls/s per core':>17} {'parse ms':>9} {'ratio':>6} {'received':>9}")
        print(f"{cost:16.3f} {1000 / cost:17.0f} {statistics.median(bare):9.3f} {ratio:6.1f} {len(messages):9d}")
        for agent in agents:
            agent.close()
    finally:
        child.terminate()
        child.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200, help="per round")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    try:
        import uvloop
    except ImportError:
        uvloop = None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        runner.run(run(given.calls, given.rounds))


if __name__ == "__main__":
    main()
