"""Requests that we do not serve, each refused by its own status, and digits that come as INFO instead of audio."""

from __future__ import annotations

import re

from telephony.sip.message import Message, response

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
DIGITS = "application/dtmf-relay, application/dtmf"
NO_CALL, BAD_EVENT = (481, "Call/Transaction Does Not Exist"), (489, "Bad Event")
NOT_ALLOWED, UNKNOWN = (405, "Method Not Allowed"), (501, "Not Implemented")
# A transfer that the PBX asks for is declined: whom a user calls is decided by the add-on alone.
STATUSES = {
    "REFER": (603, "Decline"), "SUBSCRIBE": BAD_EVENT, "NOTIFY": BAD_EVENT, "MESSAGE": NOT_ALLOWED, "PUBLISH": NOT_ALLOWED,
    "REGISTER": NOT_ALLOWED, "BYE": NO_CALL, "PRACK": NO_CALL, "UPDATE": NO_CALL, "INFO": NO_CALL,
}  # fmt: skip
_DIGIT = re.compile(rb"\s*(?:Signal\s*=)?\s*([0-9*#A-D])\s*(?:[\r\n].*)?", re.DOTALL | re.IGNORECASE)


def refusal(request: Message, to_tag: str = "") -> Message:
    """The answer to a method that we know but do not serve, or do not know (RFC 3261 sections 8.2.1, 21.5.2)."""
    status, reason = STATUSES.get(request.method, UNKNOWN)
    return response(request, status, reason, to_tag, ("Allow", ALLOW))


def unsupported(request: Message, to_tag: str = "") -> Message | None:
    """420 when the request requires an extension; we have none (RFC 3261 section 8.2.2.3)."""
    wanted = [option for option in request.all("Require") if option]
    if not wanted or request.method in {"ACK", "CANCEL"}:
        return None
    return response(request, 420, "Bad Extension", to_tag, ("Unsupported", ", ".join(wanted)))


def digit_of(info: Message) -> str:
    """The digit of an INFO, "" for any other INFO (RFC 6086 section 1.1 calls this use legacy; PBXs still do it)."""
    kind = info.get("Content-Type").partition(";")[0].strip().lower()
    found = _DIGIT.fullmatch(info.body) if kind in {part.strip() for part in DIGITS.split(",")} else None
    return found.group(1).decode().upper() if found else ""
