"""Strangers can neither stop a call that comes up nor end one that is up, nor fill our memory."""

from __future__ import annotations

import asyncio
import re
import socket
import struct

import aioice.ice
import pytest
from aioice import stun

from contract.calls import Codec
from telephony.webrtc import guard
from tests.telephony.webrtc.peers import Browser, new_leg
from tests.tone import until

pytestmark = pytest.mark.loopback
HOST = "127.0.0.1"
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


async def test_ten_calls_of_ten_come_up_and_stay_up_under_a_spray() -> None:
    strangers = Strangers()
    spraying = asyncio.ensure_future(strangers.run())
    calls = []
    for _ in range(10):
        browser, leg = Browser(440, Codec.PCMU), new_leg()
        await leg.settle(Codec.PCMU)
        offer = await browser.offer()
        strangers.ports = ports_of(offer)
        answer = await leg.take_offer(offer)
        strangers.ports = ports_of(offer) + ports_of(answer)
        await browser.accept(answer)
        await asyncio.wait_for(leg.connected.wait(), 10)
        calls.append((browser, leg))
    strangers.ports = [port for browser, _ in calls for port in ports_of(browser.pc.remoteDescription.sdp)]
    marks = [leg.endpoint.received for _, leg in calls if leg.endpoint is not None]
    await asyncio.sleep(2)
    spraying.cancel()
    assert strangers.sent > 2000
    for (browser, leg), mark in zip(calls, marks, strict=True):
        assert leg.endpoint is not None and leg.endpoint.received - mark > 50
        assert browser.pc.connectionState == "connected" and leg.events.queue.empty()
        await leg.hang_up()
        await browser.close()
    for each in strangers.sockets:
        each.close()


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


async def test_a_thousand_unanswered_offers_open_no_socket_and_go_away() -> None:
    browser = Browser(440)
    offer = await browser.offer()
    before = len(asyncio.all_tasks())
    legs = [new_leg(answer_seconds=0.5) for _ in range(1000)]
    waiting = asyncio.gather(*(leg.take_offer(offer) for leg in legs), return_exceptions=True)
    await asyncio.sleep(0.1)
    assert all(leg._peer is None for leg in legs)
    assert {type(result).__name__ for result in await waiting} == {"MediaError"}
    assert len(asyncio.all_tasks()) <= before + 1
    await browser.close()


def test_the_guard_stands_in_the_place_of_what_it_guards() -> None:
    guard.check_versions()
    assert aioice.ice.StunProtocol is guard.GuardedProtocol
