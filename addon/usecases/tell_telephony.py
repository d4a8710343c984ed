"""Tells the telephony service what changed; it asks by itself too, so that silence is no error."""

from __future__ import annotations

import logging

from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from contract.commands import EndSessions, PutLine
from contract.lines import LineConfig
from contract.numbers import TenantId, UserId

log = logging.getLogger("addon.telephony")


def tell_line(config: LineConfig, ports: Ports) -> bool:
    """False when telephony does not answer: it fetches the lines when it starts, and then every minute."""
    try:
        return ports.telephony.send(PutLine(config)).accepted
    except TelephonyAway:
        log.info("telephony was not told of a line", extra={"tenant": config.tenant, "line": config.line})
        return False


def end_sessions(tenant: TenantId, user: UserId, ports: Ports) -> bool:
    """Close every webphone of the user; False when telephony does not answer."""
    try:
        return ports.telephony.send(EndSessions(tenant, user)).accepted
    except TelephonyAway:
        log.warning("webphone windows were not told to close", extra={"tenant": tenant, "user": user})
        return False
