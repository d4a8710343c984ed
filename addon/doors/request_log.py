"""One line a request: route, status and milliseconds, never the address as it was sent, which may hold anything."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from contract.log_lines import TRACE, trace_of

log = logging.getLogger("addon.requests")


def begun(trace: str) -> None:
    """Note the trace id of a request (`X-Cloud-Trace-Context`) for the lines that it will write."""
    TRACE.set(trace_of(trace) if trace else "")


def answered(route: str, status: int, began: float) -> None:
    """Write the line of a request that began at `began` (`time.perf_counter`)."""
    if log.isEnabledFor(logging.INFO):
        spent = round((time.perf_counter() - began) * 1000, 1)
        log.info("answered", extra={"route": route, "status": status, "milliseconds": spent})


def register(app: Flask) -> None:
    """Log every request that Flask answers."""

    def before() -> None:
        g.began = time.perf_counter()
        begun(request.headers.get("X-Cloud-Trace-Context", ""))

    def after(response: Response) -> Response:
        answered(request.endpoint or "(no route)", response.status_code, g.began)
        return response

    app.before_request(before)
    app.after_request(after)
