"""Two Kamailios behind one name: when the one that serves dies, the other takes over, and calls go through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from contract.addresses import Reach
from contract.calls import Codec
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from telephony.leg import Signal
from telephony.sip.locate import Srv
from telephony.sip.trunk import Trunk
from tests.interop.conftest import House
from tests.peers import scenarios
from tests.peers.authority import Authority
from tests.peers.kamailio import Kamailio
from tests.peers.programs import free_block
from tests.peers.rtp_ear import RtpEar
from tests.peers.sipp import Sipp
from tests.telephony.sip.pair import HOST, rtp, until

pytestmark = pytest.mark.interop
USER = UserId("olga")


async def came(what: Callable[[], object], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_the_second_server_takes_over_and_the_first_serves_again(house: House, transport: str) -> None:
    authority, carrier = Authority(), free_block(1)
    secure, statuses = transport == "tls", list[tuple[bool, str]]()
    first, second = (
        Kamailio(
            house.folder / f"{name}-{transport}", free_block(2), {"3101": "word"}, f"{HOST}:{carrier}", certificate=authority.issue("pbx.test")
        )
        for name in ("first", "second")
    )  # fmt: skip

    async def srv(name: str) -> list[Srv]:
        assert name == {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}[transport] + ".pbx.test"
        return [Srv(rank, 0, pbx.port + secure, HOST) for rank, pbx in enumerate((first, second))]

    async def host(name: str) -> list[str]:
        return [HOST]

    config = LineConfig(TenantId("acme"), LineId("pbx"), 1, "pbx.test", 0, transport, register_seconds=10)
    registration = Registration(USER, Extension("3101"), "3101", "word")
    trunk = Trunk(
        replace(config, registrations=(registration,), ca=authority.ca if secure else ""), Reach(loopback=True), HOST, HOST, rtp,
        lambda *_: None, lambda t, r: statuses.append(t.status(r.user)), host, srv,
    )  # fmt: skip
    first.start()
    second.start()
    running = asyncio.ensure_future(trunk.run())
    try:
        await came(lambda: (True, "") in statuses, 10)
        assert trunk.address == (HOST, first.port + secure)
        await asyncio.to_thread(first.stop)
        await came(lambda: statuses == [(True, ""), (False, "unreachable"), (True, "")], 40)
        assert trunk.address == (HOST, second.port + secure)
        async with (
            RtpEar(770.0) as ear,
            Sipp(house.folder / "sipp", f"failover-{transport}", scenarios.uas_early(ear.port), port=carrier) as sipp,
        ):
            leg = trunk.outgoing(registration, "9001", (Codec.PCMU,))
            await leg.ring()
            await until(leg, Signal.ANSWERED, 10)
            await leg.hang_up()
            await sipp.verdict()
        first.start()
        await asyncio.to_thread(second.stop)
        await came(lambda: statuses[3:] == [(False, "unreachable"), (True, "")], 60)
        assert trunk.address == (HOST, first.port + secure)
    finally:
        running.cancel()
        await asyncio.wait([running])
        first.stop()
        second.stop()
