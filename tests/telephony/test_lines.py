"""A line that an administrator changes while the service runs is followed: pushed at once, or found within a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from contract import wire
from contract.addresses import Reach
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from telephony import lines as lines_module
from telephony.addon_client import AddonAway
from telephony.calls.switchboard import Switchboard
from telephony.journal import Journal
from telephony.lines import Network, TrunkLines
from telephony.sealed import SealedCache
from telephony.sip.registration import Registrar
from tests.telephony.calls.fakes import exchange, until
from tests.telephony.sip.pair import ALICE, HOST, FarEnd, rtp

pytestmark = pytest.mark.loopback
ACME, BOB = TenantId("acme"), UserId("bob")


@dataclass
class Addon:
    """The add-on's list of lines; None is an add-on that does not answer."""

    listed: list[LineConfig] | None = field(default_factory=list)
    asked: int = 0

    async def lines(self) -> tuple[LineConfig, ...]:
        self.asked += 1
        if self.listed is None:
            raise AddonAway("away")
        return tuple(self.listed)


def registration(user: UserId = ALICE, extension: str = "1001", password: str = "secret") -> Registration:
    return Registration(user, Extension(extension), extension, password)


def line(far: FarEnd, rev: int = 1, *registrations: Registration) -> LineConfig:
    port = far.agent.port
    return LineConfig(ACME, LineId("pbx"), rev, HOST, port, registrations=registrations or (registration(),))


@asynccontextmanager
async def following(addon: Addon, folder: Path, refresh_seconds: float = 0.05) -> AsyncIterator[TrunkLines]:
    cache = SealedCache(folder / "sealed", wire.Keys({"k": bytes(32)}))
    lines = TrunkLines(addon, cache, Network(HOST, HOST, Reach(loopback=True), rtp), refresh_seconds)  # type: ignore[arg-type] # only `lines` is asked
    board: Switchboard = exchange(Journal(folder / "journal" / "log")).board
    running = asyncio.ensure_future(lines.run(board))
    try:
        yield lines
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def far() -> AsyncIterator[FarEnd]:
    found = FarEnd()
    await found.start()
    yield found
    found.agent.close()


def registers(far: FarEnd, extension: str) -> list[str]:
    """What each REGISTER of an extension asked for: seconds."""
    return [m.get("Expires") for m in far.seen if m.method == "REGISTER" and m.receiver.uri.user == extension]


async def test_an_extension_added_later_registers_without_a_push(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far)])
    async with following(addon, tmp_path) as lines:
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))
        addon.listed = [line(far, 2, registration(), registration(BOB, "1002"))]
        await until(lambda: lines.status(ACME, BOB) == (True, ""))
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))


async def test_a_corrected_password_is_followed_and_the_wrong_one_was_named(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far, 1, registration(password="wrong"))])
    async with following(addon, tmp_path) as lines:
        await until(lambda: lines.status(ACME, ALICE) == (False, "wrong-password"))
        addon.listed = [line(far, 2)]
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))


async def test_an_extension_taken_away_says_goodbye_and_is_not_registered_again(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far, 1, registration(), registration(BOB, "1002"))])
    async with following(addon, tmp_path) as lines:
        await until(lambda: lines.status(ACME, BOB) == (True, ""))
        addon.listed = [line(far, 2)]
        await until(lambda: registers(far, "1002")[-1:] == ["0"])
        assert not lines.has(ACME, BOB, LineId("pbx")) and lines.has(ACME, ALICE, LineId("pbx"))
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))


async def test_an_unchanged_list_disturbs_nobody(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far)])
    async with following(addon, tmp_path, 0.02) as lines:
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))
        before = len(far.seen)
        asked = addon.asked
        await until(lambda: addon.asked >= asked + 10)
        assert len(far.seen) == before


async def test_an_add_on_that_is_away_or_lists_nothing_leaves_the_lines_up(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far)])
    async with following(addon, tmp_path, 0.02) as lines:
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))
        for listed in (None, []):
            addon.listed, asked = listed, addon.asked
            await until(lambda: addon.asked >= asked + 5)  # noqa: B023 -- used at once
            assert lines.status(ACME, ALICE) == (True, "")


async def test_a_store_that_was_made_anew_counts_though_its_revisions_begin_again(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far, 7, registration(password="wrong"))])
    async with following(addon, tmp_path) as lines:
        await until(lambda: lines.status(ACME, ALICE)[1] == "wrong-password")
        addon.listed = [line(far, 1)]
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))


async def test_a_push_counts_at_once_and_an_older_one_does_not(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far, 2, registration(password="wrong"))])
    async with following(addon, tmp_path, 60.0) as lines:
        await until(lambda: lines.status(ACME, ALICE)[1] == "wrong-password")
        await lines.put(line(far, 1))
        await asyncio.sleep(0.1)
        assert lines.status(ACME, ALICE)[1] == "wrong-password"
        await lines.put(line(far, 3))
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))


async def test_a_list_that_was_asked_for_before_a_push_does_not_undo_it(far: FarEnd, tmp_path: Path) -> None:
    addon = Addon([line(far, 1)])
    async with following(addon, tmp_path, 60.0) as lines:
        await until(lambda: lines.status(ACME, ALICE) == (True, ""))
        answered = asyncio.Event()

        async def late() -> tuple[LineConfig, ...]:
            await answered.wait()
            return (line(far, 1),)

        addon.lines = late  # type: ignore[method-assign] # an answer on its way
        refreshing = asyncio.ensure_future(lines._refresh())
        await asyncio.sleep(0.02)
        newer = replace(line(far, 2), register_seconds=120)
        await lines.put(newer)
        answered.set()
        await refreshing
        assert [trunk.config for trunk in lines._trunks.values()] == [newer]


async def test_a_line_that_an_error_stopped_comes_back(
    far: FarEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "START_AGAIN_SECONDS", 0.05)
    honest, failures = Registrar.run, 2

    async def run(registrar: Registrar) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise ZeroDivisionError
        await honest(registrar)

    monkeypatch.setattr(Registrar, "run", run)
    async with following(Addon([line(far)]), tmp_path) as lines:
        await until(lambda: lines.status(ACME, ALICE)[0], 5)
    assert failures == 0


async def test_a_full_disk_stops_no_line(far: FarEnd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(cache: SealedCache, name: str, value: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SealedCache, "put", put)
    addon = Addon([line(far)])
    async with following(addon, tmp_path) as lines:
        await until(lambda: lines.status(ACME, ALICE)[0], 5)
        asked = addon.asked
        await until(lambda: addon.asked > asked + 2, 5)
        assert lines.status(ACME, ALICE)[0]


async def test_health_tells_no_list_no_answer_and_trouble_apart_and_one_good_line_is_enough(
    far: FarEnd, tmp_path: Path
) -> None:
    addon = Addon(None)
    async with following(addon, tmp_path) as lines:
        await until(lambda: addon.asked)
        assert lines.health() == "learning"
    async with following(Addon([]), tmp_path / "none") as lines:
        await until(lambda: lines.health() == "ok")
    silent = LineConfig(ACME, LineId("away"), 1, HOST, 9, registrations=(registration(BOB, "1002"),))
    async with following(Addon([silent]), tmp_path / "silent") as lines:
        await until(lambda: lines.health() == "registering")
        registrar = await until(lambda: lines._trunks[(ACME, LineId("away"))].registrars.get(BOB))
        registrar.problem = "unreachable"
        assert lines.health() == "unreachable"
    async with following(Addon([silent, line(far)]), tmp_path / "one") as lines:
        await until(lambda: lines.health() == "ok")
