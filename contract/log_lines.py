"""How both programs write a log line: a constant text, a few harmless facts, and errors without their messages.

An error's message, or the arguments of a library's line, may quote anything: a number, a name, a ticket, a password.
A line shows the error's kind and where it arose, and of a library's line the text before its arguments are put in.
"""

from __future__ import annotations

import copy
import errno
import json
import logging
import re
import traceback
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

FORMATS = ("plain", "json")
SHOWN = (
    "call", "call_id", "line", "tenant", "error", "errno", "event_id", "target", "where", "route", "status", "milliseconds",
    "job", "done", "attempts", "reason", "limit",
)  # fmt: skip
# Loggers whose arguments we choose; aiohttp's access line is written by a class of ours.
OURS = ("addon", "telephony", "contract", "cards", "aiohttp.access")
TRACE: ContextVar[str] = ContextVar("trace", default="")
_TRACE = re.compile(r"[0-9a-f]{32}", re.ASCII)
ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def trace_of(header: str) -> str:
    """The trace id in X-Cloud-Trace-Context (`TRACE_ID/SPAN_ID;o=OPTIONS`) or traceparent (W3C), else empty."""
    found = _TRACE.search(header[:80].lower())
    return found.group() if found else ""


def trace_of_error(error: BaseException, depth: int = 0) -> list[str]:
    """Kinds and places of an error, its causes and its group's members."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = trace_of_error(cause, depth + 1) if cause is not None and depth < 4 else []
    lines += [f'  File "{f.filename}", line {f.lineno}, in {f.name}' for f in traceback.extract_tb(error.__traceback__)]
    why = f" {errno.errorcode.get(error.errno, '')}" if isinstance(error, OSError) and error.errno else ""
    lines.append(f"{type(error).__module__}.{type(error).__qualname__}{why}")
    if isinstance(error, BaseExceptionGroup) and depth < 4:
        for one in error.exceptions:
            lines += ["  of these:", *trace_of_error(one, depth + 1)]
    return lines


def _text(record: logging.LogRecord) -> str:
    ours = record.name.split(".")[0] in OURS or record.name in OURS
    return record.getMessage() if ours else str(record.msg)[:200]


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: record.__dict__[name] for name in SHOWN if name in record.__dict__}


class PlainFormatter(logging.Formatter):
    """Time, level, logger, text and facts, for people; errors by kind and place."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One record; what another handler made of its error before is not believed."""
        own = copy.copy(record)
        own.exc_text, own.msg, own.args = None, _text(record), None
        return super().format(own)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what is known to be harmless of its extras."""
        return " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in _facts(record).items())])

    def formatException(self, ei: ErrorInfo) -> str:
        """Kinds and places of an error and its causes."""
        return "\n".join(trace_of_error(ei[1])) if ei[1] is not None else ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line, as Cloud Logging reads it (structured logging: severity, time, message, trace)."""

    def __init__(self, project: str = "") -> None:
        super().__init__()
        self._project = project

    def format(self, record: logging.LogRecord) -> str:
        """One record on one line."""
        line: dict[str, Any] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "message": _text(record),
            "logger": record.name,
            **_facts(record),
        }
        if trace := TRACE.get():
            line["logging.googleapis.com/trace"] = f"projects/{self._project}/traces/{trace}"
        if record.exc_info and record.exc_info[1] is not None:
            line["stack"] = trace_of_error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def handler(stream: TextIO, style: str, project: str = "") -> logging.Handler:
    """Writes to `stream` in one of FORMATS; `project` names Cloud Trace's project."""
    made = logging.StreamHandler(stream)
    made.setFormatter(JsonFormatter(project) if style == "json" else PlainFormatter())
    return made


def set_up(made: logging.Handler, own: Sequence[str], level: int, others: int) -> None:
    """Send every line of this process to one handler: our loggers from `level`, libraries' from `others`."""
    root = logging.getLogger()
    root.addHandler(made)
    root.setLevel(others)
    for name in own:
        logging.getLogger(name).setLevel(level)
