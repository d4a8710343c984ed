"""UDP, TCP and TLS through a Kamailio to baresip phones: calls both ways, its restart within a call, and whom we refuse."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from addon.admin_cli import UNWELL
from addon.admin_cli import run as admin_run
from contract.addresses import Reach
from contract.calls import Outcome
from tests.interop.conftest import House
from tests.interop.stand import Stand
from tests.interop.test_lines import with_problem
from tests.peers.authority import Authority
from tests.peers.baresip import Baresip
from tests.peers.kamailio import Kamailio
from tests.peers.programs import free_block
from tests.phone import Phone
from tests.tone import hears_note, until

pytestmark = pytest.mark.interop
EXTENSIONS = {"udp": "3101", "tcp": "3102", "tls": "3103"}
PHONES = {"udp": "4101", "tcp": "4102", "tls": "4103"}
USERS = {number: f"word-{number}" for number in (*EXTENSIONS.values(), *PHONES.values(), "3109")}


@dataclass
class Edge:
    """A PBX on three transports, a phone on each, and a tenant of ours on each, whose user has the tenant's name."""

    stand: Stand
    pbx: Kamailio
    certificate: tuple[str, str]
    phones: dict[str, Baresip]

    def tenant(self, name: str, extension: str, *words: str) -> None:
        """A tenant with one user of the same name and a line."""
        self.stand.seed("add-tenant", "--id", name, "--name", name, "--domain", f"{name}.example")
        self.stand.seed("add-line", "--tenant", name, *words)
        user = ["--id", name, "--name", name, "--email", f"{name}@{name}.example", "--extension", extension]
        self.stand.seed("add-user", "--tenant", name, *user, "--password-stdin", typed=USERS[extension])

    def line(self, transport: str, ca: str, domain: str = "pbx.test") -> list[str]:
        """Arguments of add-line."""
        port = self.pbx.port + (transport == "tls")
        more = ["--ca-file", ca] if transport == "tls" else []
        return ["--registrar", f"127.0.0.1:{port}", "--transport", transport, "--domain", domain, *more]

    @asynccontextmanager
    async def call(self, ours: str, theirs: str) -> AsyncIterator[tuple[Phone, Baresip, str]]:
        """A call from a tenant's webphone to a phone, each hearing the other."""
        phone = self.phones[theirs]
        async with self.stand.phone(ours, ours) as webphone:
            call = await self.stand.dial(PHONES[theirs], ours, ours)
            await webphone.call("active", call)
            await hears_note(webphone, phone.hz)
            await hears_note(phone, webphone.hz)
            yield webphone, phone, call


@pytest.fixture(scope="module")
def edge(house: House) -> Iterator[Edge]:
    authority, folder = Authority(), house.folder / "edge"
    certificate = authority.issue("pbx.test", "127.0.0.1")
    pbx = Kamailio(folder, free_block(2), USERS, certificate=certificate)
    at = {"udp": pbx.port, "tcp": pbx.port, "tls": pbx.port + 1}
    strict = Kamailio(
        house.folder / "strict", free_block(2), USERS, certificate=authority.issue("pbx.test"), clients=authority.ca
    )
    phones = {
        transport: Baresip(
            folder / transport, free_block(40), number, USERS[number], f"127.0.0.1:{at[transport]}", hz, transport.upper(), "auto",
            transport=transport, ca=authority.ca, certificate="".join(authority.issue("127.0.0.1")),
        )
        for (transport, number), hz in zip(PHONES.items(), (480.0, 580.0, 690.0), strict=True)
    }  # fmt: skip
    made = Edge(house.stand, pbx, certificate, phones)
    folder.mkdir()
    (folder / "ca.pem").write_text(authority.ca)
    (folder / "other.pem").write_text(Authority("somebody else").ca)
    try:
        pbx.start()
        strict.start()
        for phone in phones.values():
            phone.start()
        for transport, extension in EXTENSIONS.items():
            made.tenant(transport, extension, *made.line(transport, str(folder / "ca.pem")))
        made.tenant("wrongca", "3109", *made.line("tls", str(folder / "other.pem")))
        made.tenant("wrongname", "3109", *made.line("tls", str(folder / "ca.pem"), "other.test"))
        made.tenant(
            "notls", "3109", *made.line("tls", str(folder / "ca.pem"))[2:], "--registrar", f"127.0.0.1:{pbx.port}"
        )
        at_strict = ["--registrar", f"127.0.0.1:{strict.port + 1}", *made.line("tls", str(folder / "ca.pem"))[2:]]
        made.tenant("nocert", "3109", *at_strict)
        for file, text in zip(("our.pem", "our.key"), authority.issue("cticontrol.test"), strict=True):
            (folder / file).write_text(text)
        proof = ["--client-cert-file", str(folder / "our.pem"), "--client-key-file", str(folder / "our.key")]
        made.tenant("mutual", "3109", *at_strict, *proof)
        for phone in phones.values():
            phone.ready()
        yield made
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.stop(), (*phones.values(), strict)))
        pbx.stop()


@pytest.fixture(autouse=True)
async def _alone(edge: Edge) -> AsyncIterator[None]:
    for phone in edge.phones.values():
        phone.forget()
    for transport in EXTENSIONS:
        await edge.stand.registered(transport, transport)
    yield
    for transport in EXTENSIONS:
        await edge.stand.hang_up_all(transport, transport)


@pytest.mark.parametrize("theirs", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("ours", ["udp", "tcp", "tls"])
async def test_a_call_out_over_one_transport_reaches_a_phone_on_any(edge: Edge, ours: str, theirs: str) -> None:
    async with edge.call(ours, theirs) as (webphone, phone, call):
        await webphone.ask("call.hold", call=call, held=True)
        await webphone.call("held", call)
        await webphone.ask("call.hangup", call=call)
        await until(lambda: phone.saw("CALL_CLOSED"))
        assert (await edge.stand.record(call, ours, ours)).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("theirs", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("ours", ["udp", "tcp", "tls"])
async def test_a_call_in_comes_over_the_connection_of_our_registration(edge: Edge, ours: str, theirs: str) -> None:
    phone = edge.phones[theirs]
    async with edge.stand.phone(ours, ours) as webphone:
        phone.tell("dial", f"sip:{EXTENSIONS[ours]}@127.0.0.1:{edge.pbx.port + (theirs == 'tls')};transport={theirs}")
        call = (await webphone.call("ringing"))["call"]
        await webphone.ask("call.answer", call=call)
        await webphone.call("active", call)
        await hears_note(webphone, phone.hz)
        await hears_note(phone, webphone.hz)
        phone.tell("hangup")
        assert (await webphone.call("ended", call))["outcome"] == "completed"


@pytest.mark.parametrize(
    ("ours", "ends"), [("udp", "they hang up"), ("tcp", "they hang up"), ("tls", "they hang up"), ("tls", "we hang up")]
)
async def test_a_call_outlives_a_restart_of_the_pbx(edge: Edge, ours: str, ends: str) -> None:
    name = f"restart-{ours}-{ends.partition(' ')[0]}"
    folder = edge.pbx.folder.parent / name
    pbx = Kamailio(folder, free_block(2), USERS, certificate=edge.certificate)
    at = f"127.0.0.1:{pbx.port}"
    phone = Baresip(folder / "phone", free_block(40), PHONES["udp"], USERS[PHONES["udp"]], at, 480.0, "Pia", "auto")
    again = Edge(edge.stand, pbx, edge.certificate, {"udp": phone})
    try:
        pbx.start()
        phone.start()
        again.tenant(name, EXTENSIONS[ours], *again.line(ours, str(edge.pbx.folder / "ca.pem")))
        phone.ready()
        await edge.stand.registered(name, name, 20)
        async with again.call(name, "udp") as (webphone, _, call):
            await asyncio.to_thread(pbx.stop)
            if ours != "udp":
                assert await with_problem(edge.stand, name, name, 10) == "unreachable"
            await hears_note(phone, webphone.hz)
            pbx.start()
            await edge.stand.registered(name, name, 45)
            await hears_note(webphone, phone.hz)
            if ends == "we hang up":
                await webphone.ask("call.hangup", call=call)
                await until(lambda: phone.saw("CALL_CLOSED"))
            else:
                phone.tell("hangup")
                assert (await webphone.call("ended", call))["outcome"] == "completed"
        assert (await edge.stand.record(call, name, name)).outcome is Outcome.COMPLETED
    finally:
        phone.stop()
        pbx.stop()


@pytest.mark.parametrize(
    ("tenant", "code", "words"),
    [
        ("wrongca", "untrusted-certificate", "add-line --ca-file"),
        ("wrongname", "wrong-certificate-name", "is for another name"),
        ("notls", "tls-failed", "does it speak TLS 1.2"),
        ("nocert", "tls-failed", "does it want a client certificate"),
    ],
)
async def test_a_pbx_that_is_not_who_it_should_be_is_refused_and_the_administrator_told_why(
    edge: Edge, tenant: str, code: str, words: str
) -> None:
    assert await with_problem(edge.stand, tenant, tenant, 30) == code
    said: list[str] = []
    arguments = ("check-line", "--tenant", tenant)
    status = await asyncio.to_thread(
        admin_run, arguments, edge.stand.tenancy, edge.stand.ports, Reach(loopback=True), io.StringIO(), said.append
    )
    assert status == UNWELL and words in said[0]
    async with edge.stand.phone(tenant, tenant) as webphone:
        assert webphone.line == {"registered": False, "problem": code}


async def test_a_pbx_that_wants_a_client_certificate_gets_it(edge: Edge) -> None:
    await edge.stand.registered("mutual", "mutual", 30)


async def test_no_key_or_password_of_these_lines_is_in_a_log(edge: Edge) -> None:
    texts = [edge.stand.log(name) for name in edge.stand.programs]
    assert not [word for word in (*USERS.values(), "PRIVATE KEY") for text in texts if word in text]
