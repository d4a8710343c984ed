"""Fraud caps that hold over all instances: counted in a transaction, never in memory."""

from __future__ import annotations

from dataclasses import dataclass

from addon.domain.dialing import RESERVED_CENTS, DialPlan, Usage, Verdict
from addon.domain.tenant import Tenant
from addon.ports.documents import Documents, Transaction
from contract.calls import CallId
from contract.numbers import UserId

MINUTE_SECONDS, DAY_SECONDS = 60.0, 86400.0
KEPT_SECONDS = 2 * DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Caps:
    """What one user and one tenant may do: calls a minute, international calls at once, cents a day."""

    calls_per_minute: int = 6
    international_at_once: int = 2
    day_cost_cents: int = 5000


class UsageCounter:
    """Reserves a call before it is placed and releases it when it ended."""

    def __init__(self, documents: Documents, root: str) -> None:
        self._documents, self._root = documents, root

    def reserve(
        self, user: UserId, call: CallId, *, international: bool, cost_cents: int, caps: Caps, now: float
    ) -> Verdict:
        """ALLOWED counts the call; TOO_MANY_CALLS, TOO_MANY_INTERNATIONAL and COST_CAP count nothing."""
        mine, day = f"{self._root}/users/{user}/usage/now", f"{self._root}/spend/{int(now // DAY_SECONDS)}"

        def work(transaction: Transaction) -> Verdict:
            found, spent = transaction.get(mine), transaction.get(day)
            recent = [at for at in (found.body["recent"] if found else []) if at > now - MINUTE_SECONDS]
            abroad = {c: at for c, at in (found.body["abroad"] if found else {}).items() if at > now - DAY_SECONDS}
            cents = spent.body["cents"] if spent else 0
            if len(recent) >= caps.calls_per_minute:
                return Verdict.TOO_MANY_CALLS
            if international and len(abroad) >= caps.international_at_once:
                return Verdict.TOO_MANY_INTERNATIONAL
            if cost_cents and cents + cost_cents > caps.day_cost_cents:
                return Verdict.COST_CAP
            abroad |= {call: now} if international else {}
            transaction.put(mine, {"recent": [*recent, now], "abroad": abroad})
            transaction.put(day, {"cents": cents + cost_cents, "expires_at": now + KEPT_SECONDS})
            return Verdict.ALLOWED

        return self._documents.run(work)

    def of(self, user: UserId, now: float) -> Usage:
        """What `dialing.authorise` wants to know, for a card; `reserve_call` has the last word."""
        found = self._documents.get(f"{self._root}/users/{user}/usage/now")
        spent = self._documents.get(f"{self._root}/spend/{int(now // DAY_SECONDS)}")
        recent = [at for at in (found.body["recent"] if found else []) if at > now - MINUTE_SECONDS]
        abroad = [at for at in (found.body["abroad"].values() if found else []) if at > now - DAY_SECONDS]
        return Usage(len(recent), len(abroad), spent.body["cents"] if spent else 0)

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
        path = f"{self._root}/users/{user}/usage/now"

        def work(transaction: Transaction) -> None:
            found = transaction.get(path)
            if found is not None and call in found.body["abroad"]:
                abroad = {c: at for c, at in found.body["abroad"].items() if c != call}
                transaction.put(path, {**found.body, "abroad": abroad})

        self._documents.run(work)
