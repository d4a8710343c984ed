"""Ends one web session: its cookie, and the webphone windows that it opened."""

from __future__ import annotations

import logging

from addon.ports.outside import Ports
from addon.ports.telephony import TelephonyAway
from addon.store.tenants import TenantStore
from contract.commands import EndSessions
from contract.numbers import UserId

log = logging.getLogger("addon.sign_out")


def sign_out(user: UserId, session: str, store: TenantStore, ports: Ports) -> None:
    """The session is closed even when telephony does not answer: its windows get no ticket to come back."""
    store.sessions.close(user, session)
    try:
        ports.telephony.send(EndSessions(store.tenant, user, session))
    except TelephonyAway:
        log.warning("webphone windows of a closed session were not told")
