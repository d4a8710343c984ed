"""What was fetched a moment ago is its owner's alone, bounded, and gone when its time is over."""

from __future__ import annotations

import pytest

from addon.ports.recent import Owner, Recent
from contract.numbers import TenantId, UserId

pytestmark = pytest.mark.pure
ALICE, BOB = (Owner(TenantId("acme"), UserId(user)) for user in ("alice", "bob"))
TWIN = Owner(TenantId("zeta"), UserId("alice"))


def test_only_its_owner_gets_a_value() -> None:
    recent: Recent[str] = Recent(10.0, 8)
    recent.put(ALICE, "m1", "hers", now=0.0)
    assert recent.get(ALICE, "m1", now=1.0) == "hers"
    assert [recent.get(other, "m1", now=1.0) for other in (BOB, TWIN)] == [None, None]
    assert recent.get(ALICE, "m2", now=1.0) is None


def test_a_value_ends_on_time_and_leaves_the_memory() -> None:
    recent: Recent[str] = Recent(10.0, 8)
    recent.put(ALICE, "m1", "a", now=0.0)
    recent.put(ALICE, "m2", "b", now=5.0)
    assert recent.get(ALICE, "m1", now=9.9) == "a"
    assert recent.get(ALICE, "m1", now=10.0) is None and len(recent) == 1
    assert recent.get(ALICE, "m2", now=14.9) == "b"
    assert recent.get(BOB, "x", now=15.0) is None and len(recent) == 0


def test_a_clock_that_went_back_keeps_nothing() -> None:
    recent: Recent[str] = Recent(10.0, 8)
    recent.put(ALICE, "m1", "a", now=1000.0)
    assert recent.get(ALICE, "m1", now=500.0) is None


def test_the_oldest_goes_beyond_the_limit_and_a_new_value_counts_as_new() -> None:
    recent: Recent[int] = Recent(10.0, 3)
    for number in range(3):
        recent.put(ALICE, number, number, now=0.0)
    recent.put(ALICE, 0, 10, now=1.0)
    recent.put(BOB, 3, 3, now=1.0)
    assert [recent.get(ALICE, n, now=2.0) for n in range(3)] == [10, None, 2]
    assert recent.get(BOB, 3, now=2.0) == 3 and len(recent) == 3


def test_an_owner_is_forgotten_whole_and_nobody_else() -> None:
    recent: Recent[str] = Recent(10.0, 8)
    for owner in (ALICE, BOB, TWIN):
        recent.put(owner, "m1", "x", now=0.0)
        recent.put(owner, "m2", "x", now=0.0)
    recent.forget(ALICE)
    assert recent.get(ALICE, "m1", now=1.0) is recent.get(ALICE, "m2", now=1.0) is None
    assert recent.get(BOB, "m2", now=1.0) == recent.get(TWIN, "m1", now=1.0) == "x"
