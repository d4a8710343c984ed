"""Lines of real PBXs: wrong passwords and silence are named, calls over them refused; another PBX takes over while we run."""

from __future__ import annotations

import asyncio
import json

import pytest

from contract.calls import CallId, Device, Outcome, Party
from contract.commands import PlaceCall
from contract.numbers import TenantId, UserId
from tests.interop.conftest import USERS, House
from tests.interop.stand import LINE, UNRECORDED, Stand
from tests.peers import scenarios
from tests.peers.authority import Authority
from tests.peers.kamailio import Kamailio
from tests.peers.programs import free_block
from tests.peers.rtp_ear import RtpEar
from tests.peers.sipp import Sipp
from tests.tone import hears_note

pytestmark = pytest.mark.interop


async def refusal(house: House, tenant: str, user: str) -> str:
    """What telephony answers to a call over this line."""
    call = PlaceCall(
        CallId(f"{tenant}-1"), TenantId(tenant), UserId(user), Device.BROWSER, LINE, "1002", Party("1002"), UNRECORDED
    )
    result = await house.stand.command(call)
    assert not result.accepted
    return result.reason


async def with_problem(stand: Stand, tenant: str, user: str, seconds: float) -> str:
    """The problem that presence names, once there is one."""
    async with asyncio.timeout(seconds):
        while not (found := await stand.presence(user, tenant))["problem"]:
            await asyncio.sleep(0.2)
    assert not found["registered"]
    return str(found["problem"])


async def test_a_wrong_password_is_named_and_no_call_is_tried(house: House) -> None:
    assert await with_problem(house.stand, "wrong", "walter", 10) == "wrong-password"
    assert await refusal(house, "wrong", "walter") == "line-down"
    async with house.stand.phone("walter", "wrong") as walter:
        assert walter.line == {"registered": False, "problem": "wrong-password"}
        typed = USERS["7001"]
        words = [
            "add-user",
            "--tenant",
            "wrong",
            "--id",
            "walter",
            "--name",
            "Walter",
            "--email",
            "walter@wrong.example",
        ]
        await asyncio.to_thread(house.stand.admin, *words, "--extension", "7001", "--password-stdin", typed=typed)
        await house.stand.registered("walter", "wrong")
        assert walter.line == {"registered": True, "problem": ""}


async def test_a_pbx_that_does_not_answer_is_named_and_no_call_is_tried(house: House) -> None:
    assert await with_problem(house.stand, "lost", "nora", 45) == "unreachable"
    assert await refusal(house, "lost", "nora") == "line-down"


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_another_pbx_takes_over_while_the_product_runs(house: House, transport: str, algorithm: str) -> None:
    carrier, authority, port = free_block(1), Authority(), free_block(2)
    users = {"3001": "any"}
    folder = house.folder / f"kamailio-{transport}-{algorithm}"
    pbx = Kamailio(
        folder, port, users, f"127.0.0.1:{carrier}", algorithm, one_time_nonces=True, certificate=authority.issue("pbx.test")
    )  # fmt: skip
    pbx.start()
    try:
        more = []
        if transport == "tls":
            (folder / "ca.pem").write_text(authority.ca)
            port, more = port + 1, ["--domain", "pbx.test", "--ca-file", str(folder / "ca.pem")]
        words = ["add-line", "--tenant", "zeta", "--registrar", f"127.0.0.1:{port}", "--transport", transport]
        said = await asyncio.to_thread(house.stand.admin, *words, *more)
        assert str(port) in said and "does not answer" not in said
        await house.stand.registered("charlie", "zeta")
        async with RtpEar(770.0) as ear, house.stand.phone("charlie", "zeta") as charlie:
            steps = scenarios.uas_early(ear.port)
            async with Sipp(house.folder / "sipp", f"carrier-{transport}-{algorithm}", steps, port=carrier) as sipp:
                call = await house.stand.dial("9001", "charlie", "zeta")
                await charlie.call("active", call)
                await hears_note(ear, charlie.hz)
                await hears_note(charlie, 770.0)
                await charlie.ask("call.hangup", call=call)
                await sipp.verdict()
            assert (await house.stand.record(call, "charlie", "zeta")).outcome is Outcome.COMPLETED
    finally:
        await asyncio.to_thread(
            house.stand.admin, "add-line", "--tenant", "zeta", "--registrar", f"127.0.0.1:{house.front.port}"
        )
        await house.stand.registered("charlie", "zeta")
        pbx.stop()


async def test_no_password_number_or_name_is_in_any_log(house: House) -> None:
    logs = {name: house.stand.log(name) for name in house.stand.programs}
    secrets = [*USERS.values(), "mistyped", "Kusi Wayra", "5551000"]
    found = [(name, secret) for name, text in logs.items() for secret in secrets if secret in text]
    assert not found, json.dumps(found)
