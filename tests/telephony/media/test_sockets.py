"""Media sockets are read together: nobody's packets are lost, held back by a flood, or stopped by another's error."""

from __future__ import annotations

import asyncio
import socket

import pytest

from telephony.media import sockets
from telephony.media.sockets import BATCH_FROM_SOCKETS, EMPTY_BATCHES, TURNS, MediaSocket, bind

pytestmark = pytest.mark.loopback
HOST = "127.0.0.1"


class Ear(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.lost = asyncio.Event()
        self.errors: list[Exception] = []
        self.broken = False

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.broken:
            raise ValueError("this call is in trouble")
        self.heard.append(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@pytest.fixture
def mouth() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def many(count: int) -> list[tuple[Ear, MediaSocket]]:
    ears = [Ear() for _ in range(count)]
    return [(ear, bind(ear, HOST, 0)) for ear in ears]


async def until_heard(ears: list[tuple[Ear, MediaSocket]], count: int) -> None:
    async with asyncio.timeout(10):
        while any(len(ear.heard) < count for ear, _ in ears):
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("count", [1, BATCH_FROM_SOCKETS - 1, 4 * BATCH_FROM_SOCKETS])
async def test_every_socket_hears_all_in_order_also_after_silence(count: int, mouth: socket.socket) -> None:
    ears = many(count)
    for burst in range(3):
        for number in range(20):
            for _, sock in ears:
                mouth.sendto(b"%d" % (20 * burst + number), sock.get_extra_info("sockname"))
        await until_heard(ears, 20 * (burst + 1))
        await asyncio.sleep(0.003 * EMPTY_BATCHES + 0.05)
    assert all(ear.heard == [b"%d" % number for number in range(60)] for ear, _ in ears)
    for _, sock in ears:
        sock.close()


async def test_a_flooded_socket_has_a_few_turns_and_the_others_theirs(mouth: socket.socket) -> None:
    ears = many(3)
    flooded, calm = ears[0], ears[1:]
    for _ in range(100):
        mouth.sendto(b"flood", flooded[1].get_extra_info("sockname"))
    for _, sock in calm:
        mouth.sendto(b"voice", sock.get_extra_info("sockname"))
    sockets._OF_LOOP[asyncio.get_running_loop()]._read_all()
    assert len(flooded[0].heard) == TURNS == 8 and all(ear.heard == [b"voice"] for ear, _ in calm)
    for _, sock in ears:
        sock.close()


async def test_trouble_of_one_call_is_told_and_is_not_the_others(mouth: socket.socket) -> None:
    told: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    ears = many(3)
    ears[0][0].broken = True
    for _ in range(2):
        for _, sock in ears:
            mouth.sendto(b"voice", sock.get_extra_info("sockname"))
    await until_heard(ears[1:], 2)
    assert [type(error) for error in told] == [ValueError, ValueError]
    for _, sock in ears:
        sock.close()


async def test_what_cannot_be_sent_is_told_and_a_closed_socket_is_silent() -> None:
    ((ear, sock),) = many(1)
    sock.sendto(bytes(70_000), (HOST, 9))
    assert len(ear.errors) == 1
    sock.close()
    sock.sendto(b"late", (HOST, 9))
    sock.close()
    await asyncio.wait_for(ear.lost.wait(), 5)
    assert len(ear.errors) == 1 and sock.is_closing()


async def test_the_last_socket_ends_the_reading_and_the_next_begins_it_again(mouth: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for count in (2, 2 * BATCH_FROM_SOCKETS, 1):
        ears = many(count)
        for _, sock in ears:
            mouth.sendto(b"voice", sock.get_extra_info("sockname"))
        await until_heard(ears, 1)
        for _, sock in ears:
            sock.close()
        assert loop not in sockets._OF_LOOP
        await asyncio.sleep(0.003)


def test_systems_without_epoll_have_the_same(monkeypatch: pytest.MonkeyPatch, mouth: socket.socket) -> None:
    monkeypatch.setattr(sockets, "_new_poll", sockets.Poll)
    asyncio.run(test_every_socket_hears_all_in_order_also_after_silence(2 * BATCH_FROM_SOCKETS, mouth))
