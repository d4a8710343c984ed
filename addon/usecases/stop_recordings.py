"""Stops what is being recorded of a user's calls now; what was recorded until then stays theirs."""

from __future__ import annotations

import logging

from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from contract.commands import StopRecording
from contract.numbers import TenantId, UserId

log = logging.getLogger("addon.recording")


def stop_recordings(tenant: TenantId, user: UserId, ports: Ports) -> bool:
    """True when no call of the user is recorded any more; False when telephony does not answer.

    Calls that still ring are told too: they will not be recorded when they are answered.
    """
    try:
        for call in ports.telephony.presence(tenant, user).calls:
            ports.telephony.send(StopRecording(call.call, tenant, user))
    except TelephonyAway:
        log.error("a withdrawn consent could not stop a recording", extra={"tenant": tenant, "user": user})
        return False
    return True
