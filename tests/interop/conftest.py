"""One product, one Kamailio as the company's PBX with baresip phones behind it, and a sipp that plays another PBX."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from addon.domain.call_record import CallRecord
from tests.interop.stand import Stand
from tests.peers import scenarios
from tests.peers.baresip import Baresip
from tests.peers.front import Front
from tests.peers.kamailio import Kamailio
from tests.peers.programs import free_block, missing
from tests.peers.rtp_ear import RtpEar
from tests.peers.sipp import Sipp
from tests.tone import listen, until

USERS = {number: f"word-{number}" for number in ("1001", "1002", "1003", "1005", "1009", "2001", "7001")}
G711 = "PCMU/8000/1,PCMA/8000/1"


@dataclass
class House:
    """What a test has: the product, the PBX and who is behind it."""

    stand: Stand
    pbx: Kamailio
    bob: Baresip
    carol: Baresip
    desk: Baresip
    front: Front
    folder: Path
    rung_out: Future[CallRecord] | None = None

    def sipp(self, name: str, steps: str, service: str = "", seconds: int = 20) -> Sipp:
        """A scenario behind the front, which is the PBX of Charlie's company."""
        made = Sipp(self.folder / "sipp", name, steps, service, f"127.0.0.1:{self.front.near}", seconds)
        self.front.behind = made.port
        return made


def _seed(stand: Stand, house: House) -> None:
    """Alice's company has the Kamailio; Charlie's the sipp; Walter's password is wrong; Nora's PBX is not there."""
    lines = [
        ("acme", "acme.example", f"127.0.0.1:{house.pbx.port}", ("--domain", "pbx.test")),
        ("zeta", "zeta.example", f"127.0.0.1:{house.front.port}", ()),
        ("wrong", "wrong.example", f"127.0.0.1:{house.pbx.port}", ()),
        ("lost", "lost.example", f"127.0.0.1:{free_block(1)}", ()),
    ]
    for tenant, domain, registrar, more in lines:
        stand.seed("add-tenant", "--id", tenant, "--name", tenant, "--domain", domain, "--region", "EC")
        stand.seed("add-line", "--tenant", tenant, "--registrar", registrar, *more)
    people = [
        ("acme", "alice", "1001", "2001", USERS["1001"]),
        ("acme", "erin", "1005", "", USERS["1005"]),
        ("zeta", "charlie", "3001", "", "any"),
        ("wrong", "walter", "7001", "", "mistyped"),
        ("lost", "nora", "7002", "", "any"),
    ]
    for tenant, user, extension, desk, password in people:
        words = [
            "add-user",
            "--tenant",
            tenant,
            "--id",
            user,
            "--name",
            user.title(),
            "--email",
            f"{user}@{tenant}.example",
        ]
        words += ["--extension", extension, *(["--desk", desk] if desk else []), "--password-stdin"]
        stand.seed(*words, typed=password)


async def _ring_out(house: House) -> CallRecord:
    """Erin's window is open and she does not answer: it rings as long as her plan says, then the caller is told."""
    await house.stand.registered("erin")
    async with RtpEar(770.0) as ear, house.stand.phone("erin") as erin:
        script = scenarios.uac_is_announced(ear.port)
        target = f"127.0.0.1:{house.pbx.port}"
        async with Sipp(house.folder / "sipp", "rings-out", script, "1005", target, 60) as sipp:
            call = (await erin.call("ringing"))["call"]
            await until(lambda: len(ear.heard) > 50, 45)
            spoken = await listen(ear, 1.0)
            assert np.sqrt(np.mean(spoken.astype(float) ** 2)) > 300, "the announcement is not heard"
            await erin.call("ended", call)
            await sipp.verdict()
        return await house.stand.record(call, "erin")


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if missing():
        pytest.skip(missing())
    folder = tmp_path_factory.mktemp("interop")
    pbx = Kamailio(folder / "kamailio", free_block(1), USERS)
    at = f"127.0.0.1:{pbx.port}"

    def baresip(name: str, user: str, hz: float, answers: str, codecs: str = G711, rate_hz: int = 8000) -> Baresip:
        return Baresip(folder / name, free_block(40), user, USERS[user], at, hz, name.title(), answers, codecs, rate_hz)

    made = House(
        Stand(folder), pbx, baresip("bob", "1002", 660.0, "auto"), baresip("carol", "1003", 550.0, "manual", "G722/16000/1", 16000),
        baresip("desk", "2001", 520.0, "auto"), Front(), folder,
    )  # fmt: skip
    phones = (made.bob, made.carol, made.desk)
    try:
        pbx.start()
        made.front.start()
        _seed(made.stand, made)
        for phone in phones:
            phone.start()
        made.stand.start()
        for phone in phones:
            phone.ready()
        with ThreadPoolExecutor(1) as beside:
            for user, tenant in (("alice", "acme"), ("charlie", "zeta")):
                beside.submit(asyncio.run, made.stand.registered(user, tenant)).result()
            made.rung_out = beside.submit(asyncio.run, _ring_out(made))
            yield made
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.stop(), (*phones, made.stand)))
        made.front.stop()
        pbx.stop()


@pytest.fixture(autouse=True)
async def _nobody_talks(house: House) -> AsyncIterator[None]:
    """Each test begins and ends without calls, so that one that fails takes no other with it."""
    for phone in (house.bob, house.carol, house.desk):
        phone.forget()
    yield
    for tenant, user in (("acme", "alice"), ("zeta", "charlie")):
        await house.stand.hang_up_all(user, tenant)
