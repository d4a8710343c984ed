"""The host of a PBX is a door into our own network: checked after it is looked up, and again by every packet."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from addon.admin_cli import Refusal, check_host
from addon.config import BadConfig as BadAddonConfig
from addon.config import Config as AddonConfig
from contract.addresses import Reach
from contract.calls import Codec
from telephony.carriers import say_bye
from telephony.config import BadConfig, read_config
from telephony.errors import CarrierError
from telephony.media.frame import Frame
from telephony.media.rtp_port import open_rtp_port
from telephony.sip.flow import Address
from telephony.sip.locate import LookUp, Srv, look_up, resolve
from telephony.sip.trunk import Trunk
from telephony.webrtc.negotiation import allows_public
from tests.tally import tried
from tests.telephony.sip.pair import HOST, FarEnd, line, rtp

pytestmark = pytest.mark.loopback
SPELLED = [
    "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "127.255.255.254",
    "0", "0.0.0.0", "0x0", "00000000000", "localhost", "LOCALHOST", "127.0.0.1.", "１２７.0.0.1", "127。0。0。1", "①②⑦.⓪.⓪.①",
    "10.0.0.1", "10.1", "0xa.1", "167772161", "012.0.0.1", "172.16.0.1", "0xac.16.1", "172.31.255.254", "192.168.1.1", "192.168.257",
    "0300.0250.1.1", "3232235777", "169.254.169.254", "169.254.43518", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376",
    "100.64.0.1", "100.100.100.200", "192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16",
    "::1", "[::1]", "::", "::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "fe80::1", "fd00:ec2::254", "2002:7f00:1::",
    "", " ", "a" * 70 + ".example", "\udce9.example", "x\x00.example", "pbx..example",
]  # fmt: skip
NAMED: dict[str, list[str]] = {
    "metadata.google.internal": ["169.254.169.254"],
    "localtest.example": ["127.0.0.1"],
    "inner.example": ["10.0.0.5", "192.168.1.9", "127.0.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "nothing.example": [],
}


def names(table: dict[str, list[str]]) -> LookUp:
    async def asked(host: str) -> list[str]:
        return table[host] if host in table else await look_up(host)

    return asked


async def no_srv(name: str) -> list[Srv]:
    return []


class Sends:
    """Every datagram that Python code sends in this process, by its address."""

    def __init__(self) -> None:
        self.on, self.to = False, []
        sys.addaudithook(self.hear)  # type: ignore[arg-type] # a hook cannot be taken away again: it is switched

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event in {"socket.sendto", "socket.sendmsg", "socket.connect"}:
            self.to.append(arguments[1])

    @contextmanager
    def watched(self) -> Iterator[list[Any]]:
        self.on, self.to = True, []
        yield self.to
        self.on = False


SENDS = Sends()


def trunk(
    host: str, dev: bool, asked: LookUp = look_up, port: int = 5060, transport: str = "udp"
) -> tuple[Trunk, list[tuple[bool, str]]]:
    statuses: list[tuple[bool, str]] = []
    config = dataclasses.replace(line(port), host=host, transport=transport)
    made = Trunk(
        config,
        Reach(loopback=dev),
        HOST,
        HOST,
        rtp,
        lambda *_: None,
        lambda t, r: statuses.append(t.status(r.user)),
        asked,
        no_srv,
    )
    return made, statuses


async def test_no_spelling_of_an_inner_address_gets_a_packet(capsys: pytest.CaptureFixture[str]) -> None:
    forms = [*SPELLED, *NAMED]
    with SENDS.watched() as sent:
        for form in forms:
            made, statuses = trunk(form, False, names(NAMED))
            running = asyncio.ensure_future(made.run())
            async with asyncio.timeout(20):
                while not statuses and not running.done():
                    await asyncio.sleep(0.005)
            assert statuses == [(False, "unreachable")] and made.address is None, form
            running.cancel()
            await asyncio.wait([running])
    assert [to for to in sent if isinstance(to, tuple)] == []
    tried(capsys, len(forms), 60, "spellings of inner addresses")


async def test_on_a_laptop_loopback_is_reached_and_the_watch_sees_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind((HOST, 0))
        pbx.setblocking(False)
        made, _ = trunk("127.1", True, port=pbx.getsockname()[1])
        with SENDS.watched() as sent:
            running = asyncio.ensure_future(made.run())
            await asyncio.sleep(0.3)
            running.cancel()
            await asyncio.wait([running])
        assert pbx.recv(9000).startswith(b"REGISTER") and pbx.getsockname() in sent


async def test_a_proxy_is_held_to_the_same_rule() -> None:
    with SENDS.watched() as sent:
        for transport in ("udp", "tcp", "tls"):
            for proxy in ("127.0.0.1", "inner.example:5070", "metadata.google.internal"):
                made, statuses = trunk("8.8.4.4", False, names(NAMED), transport=transport)
                made.config = dataclasses.replace(made.config, proxy=proxy)
                running = asyncio.ensure_future(made.run())
                async with asyncio.timeout(20):
                    while not statuses:
                        await asyncio.sleep(0.005)
                assert statuses == [(False, "unreachable")] and made.address is None
                running.cancel()
                await asyncio.wait([running])
    assert [to for to in sent if isinstance(to, tuple)] == []


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_connection_is_not_tried_either(transport: str) -> None:
    listening = await asyncio.start_server(lambda *_: None, HOST, 0)
    made, statuses = trunk("pbx.example", False, names({"pbx.example": ["127.0.0.1", "10.0.0.1"]}), transport=transport)
    with SENDS.watched() as sent:
        running = asyncio.ensure_future(made.run())
        await asyncio.sleep(0.3)
        assert statuses == [(False, "unreachable")] and sent == []
        agent = made.agent
        assert agent is not None
        with pytest.raises(PermissionError):
            await made._connector(agent, secure=False)(listening.sockets[0].getsockname(), 0)
        assert sent == []
    running.cancel()
    await asyncio.wait([running])
    listening.close()


async def test_the_first_allowed_address_is_used_as_it_was_checked() -> None:
    asked: list[str] = []

    async def rebinding(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.1", "8.8.4.4"] if len(asked) == 1 else ["127.0.0.1"]

    assert await resolve("pbx.example", 5060, Reach(), rebinding) == [("8.8.4.4", 5060)]
    with pytest.raises(CarrierError):
        await resolve("pbx.example", 5060, Reach(), rebinding)
    assert asked == ["pbx.example"] * 2


async def test_packets_check_again_where_they_go() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((HOST, 0))
        sink.setblocking(False)

        class Unchecked(Trunk):
            async def _locate(self) -> list[Address]:
                return [sink.getsockname()]

        made = Unchecked(line(5060), Reach(), HOST, HOST, rtp, lambda *_: None, lambda *_: None)
        running = asyncio.ensure_future(made.run())
        await asyncio.sleep(0.3)
        assert made.agent is not None and made.agent._clients
        made.agent._sender(sink.getsockname())(next(iter(made.agent._clients.values())).request)
        facts = {"to": list(sink.getsockname()), "dialog": {}}
        with pytest.raises(CarrierError):
            await say_bye(HOST, HOST, Reach(), facts, None)  # type: ignore[arg-type] # it comes to no line
        port = await open_rtp_port(HOST, may_reach=Reach().allows)
        port.connect(*sink.getsockname(), Codec.PCMU, 0, 101)
        for count in range(20):
            port.send(Frame(b"voice", count * 160, count))
            port.send_digit("5")
        await asyncio.sleep(0.2)
        with pytest.raises(BlockingIOError):
            sink.recv(1)
        assert port.remote is None
        running.cancel()
        await asyncio.wait([running])
        port.close()


def test_the_command_line_and_ice_keep_the_same_rule(capsys: pytest.CaptureFixture[str]) -> None:
    for form in SPELLED:
        with pytest.raises(Refusal):
            check_host(form, Reach())
        assert not allows_public(form) and not Reach().allows(form)
    tried(capsys, len(SPELLED), 60, "spellings at the command line")


PRODUCTION = [
    {"DEV": "1", "GAE_ENV": "standard"},
    {"DEV": "1", "BIND": "0.0.0.0"},
    {"DEV": "1", "BIND": "10.0.0.2"},
    {"DEV": "1", "BIND": "::"},
    {"ADVERTISED_IP": "127.0.0.1"},
    {"ADDON_URL": "http://addon.example"},
]


@pytest.mark.parametrize("env", PRODUCTION)
def test_production_refuses_the_dev_switch_and_what_it_allows(env: dict[str, str]) -> None:
    usual = {"ADDON_URL": "https://addon.example", "ALLOWED_ORIGIN": "https://addon.example", "ADVERTISED_IP": "203.0.114.1", "BIND": "10.0.0.2"}  # fmt: skip
    with pytest.raises(BadConfig) as caught:
        read_config({**usual, **env})
    assert any(problem.split(":")[0] in env for problem in caught.value.problems)
    if "GAE_ENV" in env:
        with pytest.raises(BadAddonConfig, match="DEV=1 is refused on App Engine"):
            AddonConfig.from_env({**env, "BASE_URL": "http://127.0.0.1:8080"})


def test_a_switched_off_dev_is_off() -> None:
    for value in ("", "0", "true", "yes", "01"):
        with pytest.raises(BadConfig) as caught:
            read_config({"DEV": value, "ADDON_URL": "http://127.0.0.1:1"})
        assert any(problem.startswith("ADDON_URL: https") for problem in caught.value.problems)


@pytest.mark.parametrize("private", [True, False])
async def test_a_pbx_in_a_listed_network_is_told_the_address_that_we_have_there(private: bool) -> None:
    far = FarEnd()
    await far.start()
    reach = Reach((ipaddress.ip_network("127.0.0.0/8"),)) if private else Reach(loopback=True)
    made = Trunk(line(far.listens), reach, HOST, "203.0.113.7", rtp, lambda *_: None, lambda *_: None)
    running = asyncio.ensure_future(made.run())
    async with asyncio.timeout(5):
        while "1001" not in far.contacts:
            await asyncio.sleep(0.01)
    assert (HOST if private else "203.0.113.7") in str(far.contacts["1001"])
    running.cancel()
    await asyncio.wait([running])
    far.agent.close()
