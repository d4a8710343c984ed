"""What telephony writes to its log: `contract.log_lines` with the levels of its libraries."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, TextIO

from contract import log_lines

log = logging.getLogger(__name__)


def set_up(stream: TextIO, level: int = logging.INFO, style: str = "plain") -> logging.Handler:
    """Send every log line of this process there; libraries speak from INFO, chatty ones from WARNING."""
    handler = log_lines.handler(stream, style)
    log_lines.set_up(handler, ("telephony", "contract"), level, logging.INFO)
    for chatty in ("aioice", "aiortc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return handler


def loop_met_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """The event loop's exception handler: its own one shows tasks and callbacks with their arguments."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.error("an error that nobody awaited", exc_info=error)
    else:
        log.error("the event loop complains", extra={"error": str(context.get("message", ""))[:80]})
