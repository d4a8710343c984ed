"""Strangers can neither stop a call that comes up nor end one that is up, nor fill our memory."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import aioice.ice
import pytest
from aioice import stun

from contract.calls import Codec, Outcome
from telephony.webrtc import guard
from telephony.webrtc.leg import ANSWER_SECONDS, CONNECT_SECONDS
from tests.tally import tried
from tests.telephony.webrtc.peers import Browser, new_leg
from tests.tone import until

pytestmark = pytest.mark.loopback
HOST = "127.0.0.1"
ROOT = Path(__file__).parents[3]
CLIENT_HELLO = (
    bytes.fromhex("16feff0000000000000000002f0100002300000000000000 23fefd".replace(" ", ""))
    + bytes(33)
    + b"\0\2\0\0\1\0"
)
ALERT = bytes.fromhex("15feff000000000000000000020228")
CUT_STUN = struct.pack("!HHI12s", 1, 8, stun.COOKIE, b"x" * 12) + struct.pack("!HHI", 0x8028, 2, 0)
UNKNOWN = bytes.fromhex("000100002112a442") + b"y" * 12
SPRAY = (
    b"",
    b"\x15",
    ALERT,
    CLIENT_HELLO,
    CUT_STUN,
    UNKNOWN,
    bytes.fromhex("80000001000000a0deadbeef") + bytes(160),
    b"\xff" * 40,
)


def ports_of(sdp: str) -> list[int]:
    return [int(port) for port in re.findall(r"a=candidate:\S+ \d+ udp \d+ \S+ (\d+) ", sdp)]


class Strangers:
    """Three sockets that spray at the ports they know, about 500 times a second each."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.sent = 0
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
        for each in self.sockets:
            each.bind((HOST, 0))
            each.setblocking(False)

    async def run(self) -> None:
        while True:
            for each in self.sockets:
                for port in self.ports:
                    each.sendto(SPRAY[self.sent % len(SPRAY)], (HOST, port))
                    self.sent += 1
            await asyncio.sleep(0.002)

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.mark.parametrize(
    ("number", "seconds"), [(20, 3), pytest.param(100, 60, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
async def test_calls_come_up_and_live_ones_stay_up_under_a_spray(
    number: int, seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers = Strangers()
    spraying = asyncio.ensure_future(strangers.run())
    calls = []
    for at in range(number):
        browser, leg = Browser(440, Codec.PCMU), new_leg(connect_seconds=60, silence_seconds=60)
        await leg.settle(Codec.PCMU)
        offer = await browser.offer()
        strangers.ports = ports_of(offer)
        answer = await leg.take_offer(offer)
        strangers.ports = ports_of(offer) + ports_of(answer)
        await asyncio.sleep(0.05)  # sprayed while no check was made yet
        await browser.accept(answer)
        await asyncio.wait_for(leg.connected.wait(), 30)
        if at < 10:
            calls.append((browser, leg, ports_of(answer)))
        else:
            await leg.hang_up()
            await browser.close()
    set_up = strangers.sent
    strangers.ports = [port for _, _, ports in calls for port in ports]
    marks = [leg.endpoint.received for _, leg, _ in calls if leg.endpoint is not None]
    await asyncio.sleep(seconds)
    spraying.cancel()
    for (browser, leg, _), mark in zip(calls, marks, strict=True):
        assert leg.endpoint is not None and leg.endpoint.received - mark > 20
        assert browser.pc.connectionState == "connected" and leg.events.queue.empty()
        await leg.hang_up()
        await browser.close()
    strangers.close()
    tried(capsys, set_up, 25 * number, f"hostile datagrams at {number} calls that come up")
    tried(capsys, strangers.sent - set_up, 600 * seconds, "at 10 live calls")


@pytest.mark.parametrize("data", SPRAY, ids=[f"{at}-{data[:6].hex()}" for at, data in enumerate(SPRAY)])
async def test_no_single_datagram_of_a_stranger_ends_a_call_in_either_state_of_ice(data: bytes) -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg()
    await leg.settle(Codec.PCMU)
    offer = await browser.offer()
    answer = await leg.take_offer(offer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((HOST, 0))
        for port in ports_of(offer) + ports_of(answer):
            stranger.sendto(data, (HOST, port))
        accepting = asyncio.ensure_future(browser.accept(answer))
        while not leg.connected.is_set():
            for port in ports_of(offer) + ports_of(answer):
                stranger.sendto(data, (HOST, port))
            await asyncio.sleep(0.001)
        await accepting
        assert leg.endpoint is not None
        for _ in range(30):
            for port in ports_of(answer):
                stranger.sendto(data, (HOST, port))
            await asyncio.sleep(0.002)
        mark = leg.endpoint.received
        await until(lambda: leg.endpoint.received > mark + 10)
    assert leg.events.queue.empty()
    await leg.hang_up()
    await browser.close()


async def test_before_ice_is_proven_nothing_is_queued_and_the_queue_is_bounded() -> None:
    connection = guard.GuardedConnection(ice_controlling=False)
    await connection.gather_candidates()
    port = connection.local_candidates[0].port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((HOST, 0))
        for _ in range(200):
            stranger.sendto(b"\x16" + bytes(1200), (HOST, port))
            await asyncio.sleep(0)
        await until(lambda: connection.refused >= 190)
        assert connection._queue.qsize() == 0
        connection.prove(stranger.getsockname())
        for _ in range(200):
            stranger.sendto(b"\x16" + bytes(1200), (HOST, port))
            await asyncio.sleep(0)
        await until(lambda: connection.refused >= 320)
        assert connection._queue.qsize() == guard.MAX_QUEUED
    await connection.close()


async def test_strangers_get_at_most_twenty_error_answers_a_second() -> None:
    connection = guard.GuardedConnection(ice_controlling=False)
    await connection.gather_candidates()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((HOST, 0))
        stranger.setblocking(False)
        for _ in range(200):
            stranger.sendto(UNKNOWN, (HOST, connection.local_candidates[0].port))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        answers = 0
        while True:
            try:
                stranger.recv(500)
                answers += 1
            except BlockingIOError:
                break
    assert 0 < answers <= guard.MAX_ERROR_ANSWERS_PER_SECOND
    await connection.close()


async def test_a_thousand_unanswered_offers_open_no_socket_and_go_away(capsys: pytest.CaptureFixture[str]) -> None:
    browser = Browser(440)
    offer = await browser.offer()
    before = len(asyncio.all_tasks())
    legs = [new_leg(answer_seconds=0.5) for _ in range(1000)]
    waiting = asyncio.gather(*(leg.take_offer(offer) for leg in legs), return_exceptions=True)
    await asyncio.sleep(0.1)
    assert all(leg._peer is None for leg in legs)
    assert {type(result).__name__ for result in await waiting} == {"MediaError"}
    assert len(asyncio.all_tasks()) <= before + 1
    assert ANSWER_SECONDS <= 30 and CONNECT_SECONDS <= 30
    await browser.close()
    tried(capsys, len(legs), 1000, "unanswered offers")


async def test_an_answered_offer_that_never_connects_is_gone_in_time() -> None:
    browser, leg = Browser(440, Codec.PCMU), new_leg(connect_seconds=0.3)
    await leg.settle(Codec.PCMU)
    answer = await leg.take_offer(await browser.offer())
    assert (await asyncio.wait_for(leg.events.next(), 5)).outcome is Outcome.MEDIA_FAILED
    await until(lambda: leg._peer is not None and leg._peer.connectionState == "closed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, ports_of(answer)[0]))
    await browser.close()


MEMORY = """
import asyncio, socket, sys
from contract.calls import Codec, Outcome
from tests.telephony.webrtc.peers import Browser, new_leg
from tests.telephony.webrtc.test_guard import HOST, ports_of

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1]) * 4096

async def main():
    offer = await Browser(440, Codec.PCMU).offer()
    warm = new_leg()
    await warm.settle(Codec.PCMU)
    await warm.take_offer(offer)
    before = resident()
    legs = [new_leg() for _ in range(1000)]
    waiting = [asyncio.ensure_future(leg.take_offer(offer)) for leg in legs]
    await asyncio.sleep(0.2)
    unanswered = resident()
    answered = []
    for _ in range(40):
        leg = new_leg()
        await leg.settle(Codec.PCMU)
        answered.append((leg, ports_of(await leg.take_offer(offer))[0]))
    up = resident()
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        for _ in range(1000):
            for _, port in answered:
                flood.sendto(b"\x16" + bytes(1200), (HOST, port))
                sent += 1
            await asyncio.sleep(0)
    print(unanswered - before, resident() - up, sent, flush=True)
asyncio.run(main())
import os; os._exit(0)
"""


def test_memory_is_bounded_before_a_call_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    offers, flood, sent = map(int, done.stdout.split()[-3:])
    assert offers < 100e6, f"1000 unanswered offers took {offers / 1e6:.0f} MB"
    assert flood < 20e6, f"{sent} datagrams took {flood / 1e6:.0f} MB"
    tried(
        capsys, sent, 40_000, f"datagrams before an answer: {flood / 1e6:.1f} MB; 1,000 offers: {offers / 1e6:.1f} MB"
    )


def test_the_guard_stands_in_the_place_of_what_it_guards() -> None:
    guard.check_versions()
    assert aioice.ice.StunProtocol is guard.GuardedProtocol
