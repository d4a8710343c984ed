"""Fifty parallel dials reach exactly the cap, whichever it is; what was not placed is not counted, and nothing is counted for ever."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from addon.domain.dialing import MAX_CALL_SECONDS, RESERVED_CENTS, Usage, Verdict, authorise
from addon.domain.tenant import Settings
from addon.store.tenants import TenantStore
from addon.store.usage import KNOWN_SECONDS
from contract.calls import CallId
from contract.numbers import UserId
from tests.addon.store.test_usage_and_order import ABROAD, ALICE, HOME, TENANT, USER, opened

pytestmark = pytest.mark.pure
PROCESSES, EACH = 5, 10


def dial(store: TenantStore, user: UserId, to: str, call: str, now: float, cap: int) -> Verdict:
    tenant = replace(TENANT, day_cost_cap_cents=cap)
    plan = authorise(
        to, user=replace(USER, id=user), tenant=tenant, settings=Settings(), consent=None, usage=Usage(), blocked=False, now=now
    )  # fmt: skip
    return store.usage.reserve_call(user, CallId(call), plan, tenant, now)


def many_users(file: str, worker: int, allowed: multiprocessing.Queue[int]) -> None:
    """Ten users dial at home, each once, at the same moment as everybody else's."""
    store = opened(Path(file))
    verdicts = [dial(store, UserId(f"u{worker}-{n}"), HOME, f"c{worker}-{n}", 10.0, 103) for n in range(EACH)]
    allowed.put(verdicts.count(Verdict.ALLOWED))


def one_user_abroad(file: str, worker: int, allowed: multiprocessing.Queue[int]) -> None:
    """One user dials abroad; the minutes differ, so that only the calls at once count."""
    store = opened(Path(file))
    verdicts = [dial(store, ALICE, ABROAD, f"c{worker}-{n}", 100.0 * (worker * EACH + n), 10**9) for n in range(EACH)]
    allowed.put(verdicts.count(Verdict.ALLOWED))


def one_user_at_home(file: str, worker: int, allowed: multiprocessing.Queue[int]) -> None:
    """One user dials at home within one minute."""
    store = opened(Path(file))
    verdicts = [dial(store, ALICE, HOME, f"c{worker}-{n}", 10.0, 10**9) for n in range(EACH)]
    allowed.put(verdicts.count(Verdict.ALLOWED))


@pytest.mark.parametrize(
    ("work", "cap"), [(many_users, 103 // RESERVED_CENTS["local"]), (one_user_abroad, 2), (one_user_at_home, 6)]
)
def test_fifty_parallel_dials_reach_exactly_the_cap(
    tmp_path: Path, work: Callable[[str, int, multiprocessing.Queue[int]], None], cap: int
) -> None:
    context = multiprocessing.get_context("spawn")
    allowed = context.Queue()
    file = str(tmp_path / "d.sqlite")
    store = opened(Path(file))
    runners = [context.Process(target=work, args=(file, n, allowed)) for n in range(PROCESSES)]
    for runner in runners:
        runner.start()
    placed = sum(allowed.get(timeout=90) for _ in runners)
    for runner in runners:
        runner.join(30)
    print(f"caps: {PROCESSES * EACH} parallel dials, {placed} placed of {cap}")
    assert placed == cap
    if work is many_users:
        assert store.usage.of(ALICE, 10.0).cost_today_cents == cap * RESERVED_CENTS["local"] <= 103


@pytest.fixture
def store(tmp_path: Path) -> TenantStore:
    return opened(tmp_path / "d.sqlite")


def test_the_same_call_asked_for_twice_is_counted_once(store: TenantStore) -> None:
    for at in (10.0, 11.0, 10.0 + KNOWN_SECONDS - 1):
        assert dial(store, ALICE, ABROAD, "c1", at, 250) is Verdict.ALLOWED
    assert store.usage.of(ALICE, 12.0) == Usage(1, 1, RESERVED_CENTS["international"])


def test_a_call_that_was_not_placed_gives_everything_back_once(store: TenantStore) -> None:
    assert dial(store, ALICE, ABROAD, "c1", 10.0, 250) is Verdict.ALLOWED
    assert dial(store, ALICE, HOME, "c2", 10.0, 250) is Verdict.ALLOWED
    for _ in range(2):
        store.usage.refund(ALICE, CallId("c1"))
    store.usage.refund(ALICE, CallId("unknown"))
    store.usage.refund(UserId("nobody"), CallId("c1"))
    assert store.usage.of(ALICE, 12.0) == Usage(1, 0, RESERVED_CENTS["local"])


def test_cents_are_given_back_to_the_day_that_paid_them(store: TenantStore) -> None:
    late = 86_399.0
    assert dial(store, ALICE, ABROAD, "c1", late, 250) is Verdict.ALLOWED
    assert dial(store, ALICE, ABROAD, "c2", late + 2, 250) is Verdict.ALLOWED
    store.usage.refund(ALICE, CallId("c1"))
    assert (store.usage.of(ALICE, late).cost_today_cents, store.usage.of(ALICE, late + 2).cost_today_cents) == (0, 100)


def test_a_call_whose_end_is_never_told_blocks_no_longer_than_a_call_can_last(store: TenantStore) -> None:
    for n in range(2):
        assert dial(store, ALICE, ABROAD, f"lost{n}", 0.0, 10**9) is Verdict.ALLOWED
    assert dial(store, ALICE, ABROAD, "a", MAX_CALL_SECONDS, 10**9) is Verdict.TOO_MANY_INTERNATIONAL
    assert store.usage.of(ALICE, MAX_CALL_SECONDS + 301).international_live == 0
    assert dial(store, ALICE, ABROAD, "b", MAX_CALL_SECONDS + 301, 10**9) is Verdict.ALLOWED
    assert store.usage.of(ALICE, MAX_CALL_SECONDS + 302).international_live == 1


def test_what_is_kept_of_a_busy_user_stays_small(store: TenantStore) -> None:
    for n in range(300):
        assert dial(store, ALICE, HOME, f"c{n}", 11.0 * n, 10**9) is Verdict.ALLOWED
    kept = next(d for d in store.everything_of(ALICE) if "/usage/" in d.path)
    assert len(kept.body["calls"]) <= KNOWN_SECONDS / 10 + 1
