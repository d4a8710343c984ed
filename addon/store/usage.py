"""Fraud caps that hold over all instances: counted in a transaction, never in memory."""

from __future__ import annotations

from dataclasses import dataclass

from addon.domain.dialing import (
    MAX_CALL_SECONDS,
    MAX_CALLS_PER_MINUTE,
    MAX_INTERNATIONAL_LIVE,
    RESERVED_CENTS,
    DialPlan,
    Usage,
    Verdict,
)
from addon.domain.tenant import Tenant
from addon.ports.documents import Body, Documents, Transaction
from contract.calls import CallId
from contract.numbers import UserId

MINUTE_SECONDS, DAY_SECONDS = 60.0, 86400.0
KEPT_SECONDS = 2 * DAY_SECONDS
# How long a placed call is recognised when its request is repeated.
KNOWN_SECONDS = 600.0
# A call of which no end was told is over by then: telephony ends each after MAX_CALL_SECONDS.
LIVE_SECONDS = MAX_CALL_SECONDS + 300.0


@dataclass(frozen=True, slots=True)
class Caps:
    """What one user and one tenant may do: calls a minute, international calls at once, cents a day."""

    calls_per_minute: int = MAX_CALLS_PER_MINUTE
    international_at_once: int = MAX_INTERNATIONAL_LIVE
    day_cost_cents: int = 5000


def usage_of(mine: Body | None, day: Body | None, now: float) -> Usage:
    """The counts behind the two documents."""
    recent = [c for c in (mine["calls"].values() if mine else []) if c["at"] > now - MINUTE_SECONDS]
    abroad = [at for at in (mine["abroad"].values() if mine else []) if at > now - LIVE_SECONDS]
    return Usage(len(recent), len(abroad), day["cents"] if day else 0)


class UsageCounter:
    """Reserves a call before it is placed and releases it when it ended."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def paths(self, user: UserId, now: float) -> tuple[str, str]:
        """Where the user's calls and the tenant's cents of the day stand."""
        return f"{self._root}/users/{user}/usage/now", f"{self._root}/spend/{int(now // DAY_SECONDS)}"

    def reserve(
        self, user: UserId, call: CallId, *, international: bool, cost_cents: int, caps: Caps, now: float
    ) -> Verdict:
        """ALLOWED counts the call, once; TOO_MANY_CALLS, TOO_MANY_INTERNATIONAL and COST_CAP count nothing."""
        mine, day = self.paths(user, now)

        def work(transaction: Transaction) -> Verdict:
            found, spent = transaction.get(mine), transaction.get(day)
            calls = {c: v for c, v in (found.body["calls"] if found else {}).items() if v["at"] > now - KNOWN_SECONDS}
            abroad = {c: at for c, at in (found.body["abroad"] if found else {}).items() if at > now - LIVE_SECONDS}
            usage = usage_of(found.body if found else None, spent.body if spent else None, now)
            if call in calls:
                return Verdict.ALLOWED
            if usage.calls_last_minute >= caps.calls_per_minute:
                return Verdict.TOO_MANY_CALLS
            if international and usage.international_live >= caps.international_at_once:
                return Verdict.TOO_MANY_INTERNATIONAL
            if cost_cents and usage.cost_today_cents + cost_cents > caps.day_cost_cents:
                return Verdict.COST_CAP
            abroad |= {call: now} if international else {}
            calls[call] = {"at": now, "cents": cost_cents}
            transaction.put(mine, {"calls": calls, "abroad": abroad})
            transaction.put(day, {"cents": usage.cost_today_cents + cost_cents, "expires_at": now + KEPT_SECONDS})
            return Verdict.ALLOWED

        return self._documents.run(work)

    def of(self, user: UserId, now: float) -> Usage:
        """What `dialing.authorise` wants to know, for a card; `reserve_call` has the last word."""
        paths = self.paths(user, now)
        found = {document.path: document.body for document in self._documents.get_many(paths)}
        return usage_of(found.get(paths[0]), found.get(paths[1]), now)

    def reserve_call(self, user: UserId, call: CallId, plan: DialPlan, tenant: Tenant, now: float) -> Verdict:
        """Count the planned call or say why not; emergency calls are never counted, refused plans stay refused."""
        if plan.verdict is not Verdict.ALLOWED:
            return plan.verdict
        return self.reserve(
            user,
            call,
            international=plan.cost_class == "international",
            cost_cents=RESERVED_CENTS[plan.cost_class],
            caps=Caps(day_cost_cents=tenant.day_cost_cap_cents),
            now=now,
        )

    def release(self, user: UserId, call: CallId) -> None:
        """The call ended: it no longer counts as one at once."""
        mine, _ = self.paths(user, 0.0)

        def work(transaction: Transaction) -> None:
            found = transaction.get(mine)
            if found is not None and call in found.body["abroad"]:
                abroad = {c: at for c, at in found.body["abroad"].items() if c != call}
                transaction.put(mine, {**found.body, "abroad": abroad})

        self._documents.run(work)

    def refund(self, user: UserId, call: CallId) -> None:
        """The call was not placed after all: as if it had never been reserved."""
        mine, _ = self.paths(user, 0.0)

        def work(transaction: Transaction) -> None:
            found = transaction.get(mine)
            reserved = found.body["calls"].get(call) if found else None
            if found is None or reserved is None:
                return
            _, day = self.paths(user, reserved["at"])
            spent = transaction.get(day)
            calls = {c: v for c, v in found.body["calls"].items() if c != call}
            abroad = {c: at for c, at in found.body["abroad"].items() if c != call}
            transaction.put(mine, {"calls": calls, "abroad": abroad})
            if spent is not None:
                transaction.put(day, {**spent.body, "cents": max(0, spent.body["cents"] - reserved["cents"])})

        self._documents.run(work)
