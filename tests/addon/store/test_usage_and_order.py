"""The dial plan's limits are counted in the store, and a recording that comes before its call is not lost."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from addon.adapters.sqlite_documents import SqliteDocuments
from addon.domain.call_record import CallRecord
from addon.domain.dialing import DialPlan, Usage, Verdict, authorise
from addon.domain.recordings import Recording
from addon.domain.tenant import Settings, Tenant, User
from addon.store.sealed import Seal
from addon.store.tenancy import Tenancy
from addon.store.tenants import TenantStore
from contract.calls import CallId, Device, Direction, Outcome, Party, RecordingRule
from contract.numbers import LineId, TenantId, UserId

pytestmark = pytest.mark.pure
ALICE = UserId("alice")
TENANT = Tenant(TenantId("acme"), "Acme", ("acme.example",), allowed_regions=("GB",), day_cost_cap_cents=250)
USER = User(ALICE, TENANT.id, "alice@acme.example", "Alice", "1001", line=LineId("pbx"))
HOME, ABROAD = "+593987654321", "+442079460958"


def opened(file: Path) -> TenantStore:
    return Tenancy(SqliteDocuments(file), Seal({"k": b"1" * 32})).of(TENANT.id)


@pytest.fixture
def acme(tmp_path: Path) -> TenantStore:
    return opened(tmp_path / "d.sqlite")


def plan(to: str, usage: Usage) -> DialPlan:
    return authorise(
        to, user=USER, tenant=TENANT, settings=Settings(), consent=None, usage=usage, blocked=False, now=0.0
    )


def place(acme: TenantStore, to: str, call: str, now: float, tenant: Tenant = TENANT) -> Verdict:
    return acme.usage.reserve_call(ALICE, CallId(call), plan(to, Usage()), tenant, now)


def test_plan_and_reservation_agree_on_every_limit(acme: TenantStore) -> None:
    for n in range(2):
        assert plan(ABROAD, acme.usage.of(ALICE, 10.0)).verdict is Verdict.ALLOWED
        assert place(acme, ABROAD, f"a{n}", 10.0) is Verdict.ALLOWED
    assert acme.usage.of(ALICE, 10.0) == Usage(2, 2, 200)
    third = plan(ABROAD, acme.usage.of(ALICE, 10.0)).verdict
    assert third is place(acme, ABROAD, "a2", 10.0) is Verdict.TOO_MANY_INTERNATIONAL
    acme.usage.release(ALICE, CallId("a0"))
    over = plan(ABROAD, acme.usage.of(ALICE, 10.0)).verdict
    assert over is place(acme, ABROAD, "a3", 10.0) is Verdict.COST_CAP
    assert acme.usage.of(ALICE, 71.0) == Usage(0, 1, 200)


def test_emergency_is_never_counted_or_refused_and_extensions_are_free(acme: TenantStore) -> None:
    for n in range(20):
        assert place(acme, "911", f"e{n}", 10.0).value == "emergency"
    assert acme.usage.of(ALICE, 10.0) == Usage()
    broke = replace(TENANT, day_cost_cap_cents=0)
    assert place(acme, "600", "x", 10.0, broke) is Verdict.ALLOWED
    assert place(acme, HOME, "y", 10.0, broke) is Verdict.COST_CAP


def test_a_refused_plan_stays_refused(acme: TenantStore) -> None:
    assert place(acme, "+19005551234", "p", 10.0) is Verdict.PREMIUM and acme.usage.of(ALICE, 10.0) == Usage()


def dial(file: str, worker: int, allowed: multiprocessing.Queue[int]) -> None:
    """Thirteen dials of one user in a process of its own."""
    acme = opened(Path(file))
    allowed.put(sum(place(acme, HOME, f"w{worker}-{n}", 10.0) is Verdict.ALLOWED for n in range(13)))


def test_fifty_racing_dials_reach_exactly_the_cap(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    allowed = context.Queue()
    runners = [context.Process(target=dial, args=(str(tmp_path / "d.sqlite"), n, allowed)) for n in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert sum(allowed.get(timeout=5) for _ in runners) == 6
    assert opened(tmp_path / "d.sqlite").usage.of(ALICE, 10.0) == Usage(6, 0, 30)


@pytest.mark.parametrize("recording_first", [True, False])
def test_call_and_recording_may_come_in_any_order(acme: TenantStore, recording_first: bool) -> None:
    call = CallId("c1")
    record = CallRecord(
        call,
        Direction.OUTBOUND,
        Device.BROWSER,
        Party(HOME),
        Outcome.COMPLETED,
        1.0,
        2.0,
        9.0,
        7.0,
        RecordingRule.RECORDED,
    )
    stored = Recording(call, "acme/alice/recordings/202611/x", 1, 9, "0" * 64, 7.0, 1.0, Party(HOME), 100.0)

    def ready() -> None:
        acme.recordings.add(ALICE, stored)
        acme.calls.change(ALICE, call, recording=call)

    steps = [ready, lambda: acme.calls.add(ALICE, record)]
    for step in steps if recording_first else reversed(steps):
        step()
    found = acme.calls.get(ALICE, call)
    assert found is not None and found.recording == call and len(acme.calls.latest(ALICE)) == 1
