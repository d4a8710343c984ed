"""Which server of a PBX is asked, in which order, and which next when it is dead (RFC 3263, RFC 2782)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from contract.addresses import Reach
from contract.lines import LineConfig
from telephony.errors import CarrierError
from telephony.leg import Signal
from telephony.sip import locate as locate_module
from telephony.sip import next_hop, patience, registration
from telephony.sip.flow import Address
from telephony.sip.locate import Srv, locate, look_up_srv, ordered
from telephony.sip.message import Message, response
from telephony.sip.next_hop import DeadTargets, wait_after
from telephony.sip.transaction import ServerTransaction
from telephony.sip.trunk import Trunk
from tests.peers.name_server import NameServer
from tests.tally import tried
from tests.telephony.sip.pair import ALICE, HOST, FarEnd, line, rtp, until
from tests.telephony.sip.stream_end import StreamEnd
from tests.telephony.sip.test_legs import answers

pytestmark = pytest.mark.loopback


def test_priorities_come_in_order_and_weights_by_chance(capsys: pytest.CaptureFixture[str]) -> None:
    records = [Srv(20, 0, 4, "d"), Srv(10, 60, 1, "a"), Srv(10, 40, 2, "b"), Srv(10, 0, 3, "c")]
    rolls, firsts, runs = random.Random(7), Counter[str](), 20_000
    for _ in range(runs):
        found = [record.target for record in ordered(records, rolls.random)]
        assert sorted(found) == ["a", "b", "c", "d"] and found[-1] == "d"
        firsts[found[0]] += 1
    assert 0.57 < firsts["a"] / runs < 0.63 and 0.37 < firsts["b"] / runs < 0.43 and 0 < firsts["c"] / runs < 0.03
    assert ordered([], rolls.random) == []
    tried(capsys, runs, 20_000, "orders of four servers")


def test_a_dead_target_comes_last_until_its_time_is_over() -> None:
    now = [0.0]
    dead = DeadTargets(lambda: now[0])
    a, b, c = (("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.3", 5060))
    dead.mark(b)
    assert dead.order([b, a, c]) == [a, c, b] and dead.is_dead(b)
    now[0] = 10
    dead.mark(a)
    dead.mark(c)
    assert dead.order([c, a, b]) == [b, c, a], "all are dead: the one that failed first"
    dead.forget(c)
    assert dead.order([b, a, c]) == [c, b, a]
    now[0] = 1000
    assert dead.order([b, a, c]) == [b, a, c]


def test_the_wait_doubles_to_half_an_hour_and_is_never_the_same_for_all() -> None:
    assert [wait_after(n, 1.0) for n in range(1, 10)] == [2, 30, 60, 120, 240, 480, 960, 1800, 1800]
    assert wait_after(5, 0.0) == 120 and 120 < wait_after(5, 0.5) < 240


ZONE = {
    ("_sip._udp.pbx.test.", "SRV"): ["20 1 5070 b.pbx.test.", "10 1 5060 a.pbx.test."],
    ("_sip._tcp.pbx.test.", "SRV"): ["0 0 5060 a.pbx.test."],
    ("_sips._tcp.pbx.test.", "SRV"): ["0 0 5061 inner.pbx.test.", "5 0 5062 b.pbx.test."],
    ("_sip._udp.closed.test.", "SRV"): ["0 0 0 ."],
    ("_sip._udp.inner.test.", "SRV"): ["0 0 5060 inner.pbx.test."],
    ("closed.test.", "A"): ["8.8.8.8"],
}
ADDRESSES = {"a.pbx.test": ["8.8.8.8", "8.8.4.4"], "b.pbx.test": ["9.9.9.9"], "inner.pbx.test": ["10.0.0.1"], "plain.test": ["1.1.1.1"], "pbx.test": ["1.0.0.1"]}  # fmt: skip


async def addresses(host: str) -> list[str]:
    if host not in ADDRESSES:
        raise OSError("no such name")
    return ADDRESSES[host]


@pytest.fixture
async def server() -> AsyncIterator[NameServer]:
    made = NameServer(ZONE)
    yield made
    made.close()


def to(host: str, transport: str = "udp", port: int = 0, proxy: str = "") -> LineConfig:
    return replace(line(5060), host=host, port=port, transport=transport, proxy=proxy)


async def test_srv_records_lead_to_servers_and_their_absence_to_the_name_itself(server: NameServer) -> None:
    resolver = await server.open()

    async def srv(name: str) -> list[Srv]:
        return await look_up_srv(name, resolver)

    async def where(config: LineConfig) -> list[Address]:
        return await locate(config, Reach(), addresses, srv)

    a, b = [("8.8.8.8", 5060), ("8.8.4.4", 5060)], [("9.9.9.9", 5070)]
    assert await where(to("pbx.test")) == [*a, *b]
    assert await where(to("pbx.test", "tcp")) == a
    assert await where(to("pbx.test", "tls")) == [("9.9.9.9", 5062)], "an inner address is left out"
    assert await where(to("nowhere.invalid", proxy="pbx.test")) == [*a, *b]
    assert await where(to("plain.test")) == [("1.1.1.1", 5060)]
    assert await where(to("plain.test", "tls")) == [("1.1.1.1", 5061)]
    for config in (to("closed.test"), to("inner.test"), to("nowhere.invalid")):
        with pytest.raises(CarrierError):
            await where(config)
    server.asked.clear()
    assert await where(to("pbx.test", port=5066)) == [("1.0.0.1", 5066)]
    assert await where(to("a.pbx.test", proxy="pbx.test:5066")) == [("1.0.0.1", 5066)]
    with pytest.raises(CarrierError):
        await where(to("192.0.2.9"))
    assert server.asked == [], "a port or an address rules SRV out"


@pytest.mark.parametrize("how", ["mute", "broken"])
async def test_without_an_answer_of_the_name_server_the_addresses_serve(
    server: NameServer, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate_module, "DNS_SECONDS", 0.3)
    setattr(server, how, True)
    assert await look_up_srv("_sip._udp.pbx.test", await server.open()) == []
    assert await look_up_srv("_sip._udp." + "a" * 70 + ".test", await server.open()) == []


@asynccontextmanager
async def line_to(transport: str, *ports: int) -> AsyncIterator[tuple[Trunk, list[tuple[bool, str]]]]:
    """A line whose name has one SRV record for each port, the first of the best priority."""
    statuses: list[tuple[bool, str]] = []

    async def srv(name: str) -> list[Srv]:
        return [Srv(rank, 0, port, HOST) for rank, port in enumerate(ports)]

    async def host(name: str) -> list[str]:
        return [HOST]

    config = replace(line(0), host="pbx.test", transport=transport)
    trunk = Trunk(
        config,
        Reach(loopback=True),
        HOST,
        HOST,
        rtp,
        lambda *_: None,
        lambda t, r: statuses.append(t.status(r.user)),
        host,
        srv,
    )
    running = asyncio.ensure_future(trunk.run())
    try:
        yield trunk, statuses
    finally:
        running.cancel()
        await asyncio.wait([running])


async def came(what: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


async def test_a_silent_first_server_is_left_for_the_second_and_calls_go_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "PATIENCE_SECONDS", 0.5)
    silent, far = FarEnd(), FarEnd(script=answers)
    silent.asked = lambda *_: None  # type: ignore[method-assign] # it hears and says nothing
    await silent.start()
    await far.start()
    async with line_to("udp", silent.agent.port, far.agent.port) as (trunk, statuses):
        await came(lambda: (True, "") in statuses)
        assert trunk.address == (HOST, far.agent.port) and statuses == [(False, "unreachable"), (True, "")]
        registration_ = trunk.registration(ALICE)
        assert registration_ is not None
        leg = trunk.outgoing(registration_, "600", ())
        await leg.ring()
        await until(leg, Signal.ANSWERED)
        await leg.hang_up()
    silent.agent.close()
    far.agent.close()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_server_that_ignores_a_call_is_left_so_that_the_next_call_succeeds(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "GIVE_UP_SECONDS", 0.3)
    monkeypatch.setattr(next_hop, "FIRST_RETRY_SECONDS", 0.1)
    deaf, far = (FarEnd(), FarEnd(script=answers)) if transport == "udp" else (StreamEnd(), StreamEnd(script=answers))
    await deaf.start()
    await far.start()
    async with line_to(transport, deaf.listens, far.listens) as (trunk, statuses):
        await came(lambda: statuses == [(True, "")])
        mine = trunk.registration(ALICE)
        assert mine is not None
        ignored = trunk.outgoing(mine, "600", ())
        await ignored.ring()
        await came(lambda: trunk.address == (HOST, far.listens) and far.contacts and statuses[-1] == (True, ""))
        leg = trunk.outgoing(mine, "600", ())
        await leg.ring()
        await until(leg, Signal.ANSWERED)
        await leg.hang_up()
    for one in (deaf, far):
        one.agent.close()


def out_of_service(transaction: ServerTransaction, request: Message) -> bool:
    transaction.respond(response(request, 503, "Service Unavailable", "t"))
    return False


async def test_a_server_that_says_503_is_left_and_two_that_do_are_not_hammered() -> None:
    first, second = FarEnd(), FarEnd()
    first.proved = out_of_service  # type: ignore[method-assign] # out of service
    await first.start()
    await second.start()
    async with line_to("udp", first.agent.port, second.agent.port) as (_, statuses):
        await came(lambda: (True, "") in statuses)
        assert len(first.seen) == 1
    second.seen.clear()
    second.proved = out_of_service  # type: ignore[method-assign] # as well
    async with line_to("udp", first.agent.port, second.agent.port) as (trunk, statuses):
        await asyncio.sleep(1.5)
        assert statuses == [(False, "unreachable")] and len(first.seen) + len(second.seen) <= 4
        assert trunk.address is not None
    first.agent.close()
    second.agent.close()


async def test_a_connection_falls_and_the_other_server_takes_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hop, "RECONNECT_SECONDS", 0.1)
    monkeypatch.setattr(next_hop, "SETTLED_SECONDS", 0.0)
    first, second = StreamEnd(), StreamEnd()
    await first.start()
    await second.start()
    async with line_to("tcp", first.port, second.port) as (trunk, statuses):
        await came(lambda: statuses == [(True, "")])
        assert trunk.address == (HOST, first.port)
        first.vanish()
        await came(lambda: statuses == [(True, ""), (False, "unreachable"), (True, "")], 5)
        assert trunk.address == (HOST, second.port)
        await first.listen()
        second.drop()
        await came(lambda: len(statuses) == 5)
        assert trunk.address == (HOST, first.port), "both have failed: the one that failed first may be back"
    for far in (first, second):
        far.vanish()


async def test_a_connection_that_answers_no_register_is_given_up_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "PATIENCE_SECONDS", 0.3)
    hung, far = StreamEnd(), StreamEnd()
    hung.asked = lambda *_: None  # type: ignore[method-assign] # it takes and says nothing
    await hung.start()
    await far.start()
    async with line_to("tcp", hung.port, far.port) as (trunk, statuses):
        await came(lambda: (True, "") in statuses)
        assert trunk.address == (HOST, far.port)
    for one in (hung, far):
        one.vanish()
