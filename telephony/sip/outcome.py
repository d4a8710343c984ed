"""How a call ended, as a status says it, and the status that says it (RFC 3261 section 21)."""

from __future__ import annotations

from contract.calls import Outcome

OUTCOMES = {
    401: Outcome.CARRIER_ERROR, 404: Outcome.UNREACHABLE, 408: Outcome.NO_ANSWER, 410: Outcome.UNREACHABLE, 480: Outcome.NO_ANSWER,
    484: Outcome.UNREACHABLE, 486: Outcome.BUSY, 487: Outcome.CANCELLED, 488: Outcome.MEDIA_FAILED, 600: Outcome.BUSY,
    603: Outcome.DECLINED, 604: Outcome.UNREACHABLE, 606: Outcome.MEDIA_FAILED,
}  # fmt: skip
FINAL = {
    Outcome.BUSY: (486, "Busy Here"), Outcome.DECLINED: (603, "Decline"), Outcome.UNREACHABLE: (404, "Not Found"),
    Outcome.NO_ANSWER: (480, "Temporarily Unavailable"), Outcome.MEDIA_FAILED: (488, "Not Acceptable Here"),
    Outcome.OVERLOADED: (503, "Service Unavailable"), Outcome.OUR_ERROR: (500, "Server Error"),
}  # fmt: skip


def outcome_of(status: int) -> Outcome:
    """How a call ended that was refused with this status."""
    return OUTCOMES.get(status, Outcome.CARRIER_ERROR)
