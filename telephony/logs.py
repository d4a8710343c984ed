"""What telephony writes to its log: constant texts, a few harmless facts, and errors without their messages.

An error's message, or the arguments of a callback that failed, may quote anything: a number, a name, a
ticket, a password. The log shows the error's kind and where it arose.
"""

from __future__ import annotations

import asyncio
import copy
import errno
import logging
import traceback
from types import TracebackType
from typing import Any, TextIO

SHOWN = ("call", "line", "error", "errno")
ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
log = logging.getLogger(__name__)


def _trace(error: BaseException, depth: int = 0) -> list[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = _trace(cause, depth + 1) if cause is not None and depth < 4 else []
    lines += [f'  File "{f.filename}", line {f.lineno}, in {f.name}' for f in traceback.extract_tb(error.__traceback__)]
    why = f" {errno.errorcode.get(error.errno, '')}" if isinstance(error, OSError) and error.errno else ""
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}{why}")
    if isinstance(error, BaseExceptionGroup) and depth < 4:
        for one in error.exceptions:
            lines += ["  of these:", *_trace(one, depth + 1)]
    return lines


class PlainFormatter(logging.Formatter):
    """Time, level, logger, text, and the facts of `SHOWN`; errors by kind and place."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record; what another handler made of its error before is not believed."""
        own = copy.copy(record)
        own.exc_text = None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what is known to be harmless of its extras."""
        facts = [f"{name}={record.__dict__[name]}" for name in SHOWN if name in record.__dict__]
        return " ".join([super().formatMessage(record), *facts])

    def formatException(self, ei: ErrorInfo) -> str:
        """Kinds and places of an error and its causes."""
        return "\n".join(_trace(ei[1])) if ei[1] is not None else ""


def set_up(stream: TextIO, level: int = logging.INFO) -> logging.Handler:
    """Send every log line of this process there; libraries speak from INFO, chatty ones from WARNING."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    for ours in ("telephony", "contract"):
        logging.getLogger(ours).setLevel(level)
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
