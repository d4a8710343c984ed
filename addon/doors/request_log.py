"""One line a request: route, status and milliseconds, never the address as it was sent, which may hold anything."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from contract.log_lines import TRACE, trace_of

log = logging.getLogger("addon.requests")


def register(app: Flask) -> None:
    """Note each request's beginning and its trace id (X-Cloud-Trace-Context), and write its line when it is answered."""

    def begun() -> None:
        g.began = time.perf_counter()
        TRACE.set(trace_of(request.headers.get("X-Cloud-Trace-Context", "")))

    def answered(response: Response) -> Response:
        if log.isEnabledFor(logging.INFO):
            facts = {
                "route": request.endpoint or "(no route)",
                "status": response.status_code,
                "milliseconds": round((time.perf_counter() - g.began) * 1000, 1),
            }
            log.info("answered", extra=facts)
        return response

    app.before_request(begun)
    app.after_request(answered)
