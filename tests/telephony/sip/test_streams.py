"""Lines over TCP and TLS: calls both ways on one connection, what becomes of them when it falls, and hostile streams."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from contract.addresses import Reach
from contract.calls import CallId, Codec, Device, Direction, Outcome, Party, RecordingPlan, RecordingRule
from contract.numbers import LineId, TenantId
from telephony.calls.call import Call, Clock
from telephony.carriers import say_bye
from telephony.leg import Signal
from telephony.sip import flow as flow_module
from telephony.sip import next_hop
from telephony.sip.flow import PING, PONG, Address, Flow, Stream
from telephony.sip.leg import SipLeg
from telephony.sip.message import Message, parse, response
from telephony.sip.next_hop import connect
from telephony.sip.transaction import ServerTransaction
from telephony.sip.useragent import MAX_DATAGRAM_BYTES, UserAgent
from tests.telephony.sip.pair import ALICE, HOST, FarEnd, Ours, line, pair, until
from tests.telephony.sip.stream_end import AUTHORITY, Accepting, StreamEnd, secure_end
from tests.telephony.sip.test_legs import answers
from tests.telephony.test_lines import Addon, following

pytestmark = pytest.mark.loopback


def tcp() -> StreamEnd:
    return StreamEnd(script=answers)


def tls() -> StreamEnd:
    made = secure_end("pbx.test")
    made.script = answers
    return made


def over(far: StreamEnd, **more: str) -> dict[str, str]:
    trust = {"ca": AUTHORITY.ca, "domain": "pbx.test"} if far.context else {}
    return {"transport": far.transport, **trust, **more}


async def came(what: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.01)


async def call_up(ours: Ours) -> SipLeg:
    leg = ours.dial("600")
    await leg.ring()
    await until(leg, Signal.ANSWERED)
    return leg


@pytest.mark.parametrize("make", [tcp, tls])
async def test_a_line_registers_calls_and_is_called_on_one_connection(make: Callable[[], StreamEnd]) -> None:
    far = make()
    async with pair(far, **over(far)) as ours:
        assert ours.statuses == [(True, "")]
        name, port = far.transport.upper(), ours.trunk.agent.port if ours.trunk.agent else 0
        register = far.seen[-1]
        assert register.via.transport == name and register.via.port == port == far.streams[0].remote[1]
        assert far.contacts["1001"] == f"<sip:1001@{HOST}:{port};transport={far.transport}>"
        leg = await call_up(ours)
        await leg.hang_up()
        assert (await until(far.legs[0], Signal.ENDED)).outcome is Outcome.COMPLETED
        calling = far.call("1001")
        await calling.ring()
        inbound = await ours.invited.get()
        await inbound.settle(Codec.PCMU)
        await inbound.answer()
        await until(calling, Signal.ANSWERED)
        await calling.hang_up()
        await until(inbound, Signal.ENDED)
        assert len(far.streams) == 1
        await came(lambda: ours.trunk.agent and not ours.trunk.agent._servers)


async def test_the_connection_comes_back_on_the_same_port_and_a_call_outlives_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_hop, "FIRST_RETRY_SECONDS", 0.1)
    far = tcp()
    async with pair(far, **over(far)) as ours:
        leg = await call_up(ours)
        assert ours.trunk.agent is not None
        port = ours.trunk.agent.port
        far.vanish()
        await came(lambda: ours.statuses == [(True, ""), (False, "unreachable")])
        await far.listen()
        await came(lambda: ours.statuses[-1] == (True, ""))
        assert ours.trunk.agent.port == port and far.contacts["1001"].startswith(f"<sip:1001@{HOST}:{port};")
        await far.legs[0].hang_up()
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.COMPLETED


async def test_another_port_ends_the_binding_of_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_hop, "FIRST_RETRY_SECONDS", 0.1)
    far = tcp()
    async with pair(far, **over(far)) as ours:
        agent, before = ours.trunk.agent, far.contacts["1001"]
        assert agent is not None
        far.vanish()
        await came(lambda: ours.statuses[-1] == (False, "unreachable"))
        agent._port = 0
        await far.listen()
        await came(lambda: ours.statuses[-1] == (True, ""))
        contacts = far.seen[-1].all("Contact")
        assert contacts[1] == f"{before};expires=0" and contacts[0] != before and str(agent.port) in contacts[0]


async def test_what_waited_on_a_lost_connection_fails_at_once() -> None:
    def rings(far: FarEnd, transaction: ServerTransaction, request: Message) -> None:
        transaction.respond(response(request, 180, "Ringing", "t"))

    far = StreamEnd(script=rings)
    async with pair(far, **over(far)) as ours:
        leg = ours.dial("600")
        await leg.ring()
        await until(leg, Signal.RINGING)
        began = time.monotonic()
        far.drop()
        assert (await until(leg, Signal.ENDED)).outcome is Outcome.PBX_UNREACHABLE and time.monotonic() - began < 5


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_with_a_proxy_every_request_goes_there_and_the_registrar_is_only_a_name(transport: str) -> None:
    far = FarEnd(script=answers) if transport == "udp" else tcp()
    await far.start()
    port = far.listens
    far.start = nothing  # type: ignore[method-assign] # it has begun
    proxy = {"host": "registrar.invalid", "proxy": f"{HOST}:{port}", "transport": transport}
    async with pair(far, **proxy) as ours:
        assert ours.statuses == [(True, "")]
        leg = await call_up(ours)
        route = f"<sip:{HOST}:{port}{';transport=tcp' if transport == 'tcp' else ''};lr>"
        for method, uri in (("REGISTER", "sip:registrar.invalid"), ("INVITE", "sip:600@registrar.invalid")):
            sent = next(m for m in reversed(far.seen) if m.method == method)
            assert (sent.uri.removesuffix(f":{port}"), sent.get("Route")) == (uri, route)
        await leg.hang_up()
        await until(far.legs[0], Signal.ENDED)


async def nothing() -> None:
    """For what has been done."""


async def test_a_pbx_that_closes_each_connection_is_not_hammered() -> None:
    far = tcp()
    async with pair(far, **over(far)) as ours:
        for _ in range(25):
            await asyncio.sleep(0.1)
            far.drop()
        assert len(far.streams) <= 3 and ours.statuses[0] == (True, "")


class Raw:
    """A connection of ours to a bare socket."""

    def __init__(self) -> None:
        self.agent = Accepting(lambda *_: None, HOST)
        self.heard: list[str] = []

    @asynccontextmanager
    async def opened(
        self, keep_alive_seconds: float = 120.0
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Stream]]:
        ends: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_server(lambda r, w: ends.put_nowait((r, w)), HOST, 0)
        stream = Stream(self.agent, keep_alive_seconds=keep_alive_seconds)
        await asyncio.get_running_loop().create_connection(lambda: stream, *server.sockets[0].getsockname())
        reader, writer = await ends.get()
        try:
            yield reader, writer, stream
        finally:
            writer.close()
            stream.close()
            server.close()


OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP pbx.test;branch=z9hG4bK%d\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=none\r\n"
    b"Call-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


async def test_a_ping_gets_a_pong_and_requests_are_answered_in_order() -> None:
    async with Raw().opened() as (reader, writer, _):
        writer.write(PING + OPTIONS % 1 + PING + OPTIONS % 2)
        async with asyncio.timeout(5):
            assert await reader.readexactly(2) == PONG
            first = parse(await reader.readuntil(b"\r\n\r\n"))
            assert await reader.readexactly(2) == PONG
            second = parse(await reader.readuntil(b"\r\n\r\n"))
        assert [m.via.branch for m in (first, second)] == ["z9hG4bK1", "z9hG4bK2"] and first.status == 481


async def test_a_far_end_that_once_answered_a_ping_and_then_none_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "PONG_SECONDS", 0.2)
    async with Raw().opened(0.3) as (reader, writer, stream):
        async with asyncio.timeout(5):
            assert await reader.readexactly(4) == PING
            assert await reader.readexactly(4) == PING, "one that never answered is left alone"
            assert stream.is_open
            writer.write(PONG)
            assert await reader.readexactly(4) == PING
            await stream.closed


@pytest.mark.parametrize(
    "sent", [b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"x" * 40_000, b"OPTIONS sip:a@b SIP/2.0\r\nl: 70000\r\n\r\n"]
)
async def test_a_stream_that_cannot_be_read_is_ended(sent: bytes) -> None:
    async with Raw().opened() as (_, writer, stream):
        writer.write(sent)
        async with asyncio.timeout(5):
            await stream.closed
        assert not stream.is_open


async def test_a_message_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "MESSAGE_SECONDS", 0.5)
    async with Raw().opened() as (_, writer, stream):
        for _ in range(3):
            writer.write((OPTIONS % 1)[:100])
            await asyncio.sleep(0.02)
            writer.write((OPTIONS % 1)[100:])
            await asyncio.sleep(0.3)
        assert stream.is_open
        began = time.monotonic()
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(10):
                for byte in OPTIONS % 2 + b" " * 500:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.05)
                    assert not stream.closed.done() or time.monotonic() - began < 9
                    if stream.closed.done():
                        raise ConnectionError
        assert stream.closed.done() and time.monotonic() - began < 9


async def test_a_far_end_that_reads_nothing_costs_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "MAX_UNSENT_BYTES", 100_000)
    async with Raw().opened() as (_, _silent, stream):
        most = 0
        async with asyncio.timeout(10):
            while stream.is_open:
                stream.send(b"x" * 60_000, stream.remote)
                assert stream._wire is not None
                most = max(most, stream._wire.get_write_buffer_size())
        assert most < 200_000


async def test_a_flood_is_read_at_the_allowed_rate_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_module, "PER_SECOND", 50)
    async with Raw().opened() as (reader, writer, stream):
        writer.write(b"".join(OPTIONS % n for n in range(1000)))
        began = time.monotonic()
        async with asyncio.timeout(20):
            for _ in range(1000):
                await reader.readuntil(b"\r\n\r\n")
        assert stream.is_open and time.monotonic() - began < 20


class Both(FarEnd):
    """UDP, and TCP on the same port if it is asked to."""

    ways: list[str]

    async def listen(self) -> asyncio.Server:
        self.ways, far = [], self

        class Told(Accepting):
            def heard(self, data: bytes, source: Address, flow: Flow) -> None:
                far.ways.append(flow.transport)
                super().heard(data, source, flow)

        taking = Told(self.asked, HOST)
        taking.dialogs = self.agent.dialogs
        return await asyncio.get_running_loop().create_server(lambda: Stream(taking), HOST, self.agent.port)


@pytest.mark.parametrize("takes_tcp", [True, False])
async def test_what_is_too_large_for_a_datagram_goes_over_tcp_where_the_pbx_takes_it(takes_tcp: bool) -> None:
    far = Both(script=answers)
    async with pair(far) as ours:
        server = await far.listen() if takes_tcp else None
        small, agent = await call_up(ours), ours.trunk.agent
        assert agent is not None and far.seen[-1].via.transport == "UDP"
        await small.hang_up()
        registration = ours.trunk.registration(ALICE)
        assert registration is not None
        leg = ours.trunk.outgoing(registration, "6" * MAX_DATAGRAM_BYTES, (Codec.PCMU,))
        await leg.ring()
        await until(leg, Signal.ANSWERED)
        invite = next(m for m in reversed(far.seen) if m.method == "INVITE")
        assert invite.via.transport == ("TCP" if takes_tcp else "UDP") and len(invite.encode()) > MAX_DATAGRAM_BYTES
        assert ("TCP" in getattr(far, "ways", [])) is takes_tcp
        await leg.hang_up()
        await until(far.legs[-1], Signal.ENDED)
        if server is not None:
            server.close()


async def test_a_port_that_is_taken_is_replaced_by_another() -> None:
    agent = UserAgent(lambda *_: None, HOST)
    with_port = await asyncio.start_server(lambda *_: None, HOST, 0)
    target: Address = with_port.sockets[0].getsockname()
    first = await connect(agent, target, HOST)
    second = await connect(agent, target, HOST, first.port)
    assert first.is_open and second.is_open and second.port != first.port
    first.close()
    second.close()
    with_port.close()


async def test_a_dialog_of_an_earlier_run_gets_its_bye_over_the_new_connection(tmp_path: Path) -> None:
    far, addon = tcp(), Addon()
    await far.start()
    addon.listed = [line(far.port, transport="tcp")]
    async with following(addon, tmp_path) as lines:
        plan = RecordingPlan(False, RecordingRule.USER_OFF)
        call = Call(
            CallId("c1"), TenantId("acme"), ALICE, LineId("pbx"), Direction.OUTBOUND, Device.BROWSER, Party("600"), plan,
            Clock(time.time, time.monotonic),
        )  # fmt: skip
        await came(lambda: lines.status(TenantId("acme"), ALICE) == (True, ""))
        leg = lines.dial(call, "600", (Codec.PCMU,))
        assert isinstance(leg, SipLeg)
        leg.waits_to_confirm = False
        await leg.ring()
        await came(lambda: lines.dialog(leg))
        facts = lines.dialog(leg)
        assert facts is not None and facts["transport"] == "TCP" and facts["line"] == ["acme", "pbx"]
        far.drop()
        await came(lambda: not lines.status(TenantId("acme"), ALICE)[0])
        await say_bye(HOST, HOST, Reach(loopback=True), json.loads(json.dumps(facts)), lines)
        await came(lambda: far.legs[0]._stage.name == "OVER")
    far.vanish()
