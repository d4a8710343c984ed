"""Google's card requests over WSGI: the body is read within its limit, the card's JSON is written, the request is logged.

They pass Flask by: its context, matching and request objects would cost as much as both token checks. Flask knows their
routes by name alone, so that another method is told which one is allowed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wsgi import get_input_stream

from addon.doors.cards import MAX_BODY_BYTES, BadBody, CardDoor
from addon.doors.google import NotGoogle
from addon.doors.request_log import answered, begun
from addon.errors import where
from cards.surface import Action, Trigger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Route by path: `/on/{trigger}` and `/do/{action}`.
ROUTES: Mapping[str, Trigger | Action] = {
    **{f"/on/{trigger.value}": trigger for trigger in Trigger},
    **{f"/do/{action.value}": action for action in Action},
}
ENDPOINTS: Mapping[str, str] = {path: path[1:].replace("/", ".") for path in ROUTES}
_STATUS = {code: f"{code} {HTTP_STATUS_CODES[code].upper()}" for code in (200, 400, 401, 413, 500)}
_REFUSED = {
    400: b'{"error":"the body is not a JSON event"}',
    413: b'{"error":"the body is larger than an event can be"}',
}
log = logging.getLogger("addon.requests")


def written(answer: Mapping[str, Any]) -> bytes:
    """The answer as JSON; half a surrogate pair, which an event can spell and UTF-8 cannot, stays spelled."""
    try:
        return orjson.dumps(answer)
    except TypeError:
        return json.dumps(answer).encode()


def _body(environ: WSGIEnvironment) -> bytes:
    # A body of untold length is cut at the limit without a word: one byte more than is allowed tells it apart.
    body = get_input_stream(environ, max_content_length=MAX_BODY_BYTES + 1).read()
    if len(body) > MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    return body


class CardRequests:
    """A WSGI application (PEP 3333): answers the card routes by the door, hands every other request on."""

    def __init__(self, app: WSGIApplication, door: CardDoor, new_id: Callable[[], str]) -> None:
        self._app, self._door, self._new_id = app, door, new_id

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The card of a POST to a card route; the other application's answer to anything else."""
        path = environ.get("PATH_INFO", "")
        what = ROUTES.get(path) if environ["REQUEST_METHOD"] == "POST" else None
        if what is None:
            return self._app(environ, start_response)
        began = time.perf_counter()
        begun(environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", ""))
        status, answer = self._answer(what, path, environ)
        answered(ENDPOINTS[path], status, began)
        start_response(_STATUS[status], [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _answer(self, what: Trigger | Action, path: str, environ: WSGIEnvironment) -> tuple[int, bytes]:
        try:
            body = _body(environ)
            return 200, written(self._door.answer(what, environ.get("HTTP_AUTHORIZATION", ""), body))
        except NotGoogle:
            return 401, b"{}"
        except BadBody:
            return 400, _REFUSED[400]
        except HTTPException as error:
            code = error.code if error.code in _REFUSED else 400
            return code, _REFUSED[code]
        except Exception as error:  # the outermost edge: a failure of ours is logged by its place and a code
            event = self._new_id()[:8]
            log.error("a request failed", extra={"event_id": event, "target": ENDPOINTS[path], "where": where(error)})
            return 500, written({"error": {"kind": "our-error", "event": event}})
