"""The WSGI application: routes to doors, nothing else; Flask's, but for the cards'."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, jsonify, request, send_from_directory
from werkzeug.exceptions import HTTPException

from addon.config import Config
from addon.doors.browser import BrowserDoor, register
from addon.doors.card_requests import ENDPOINTS, CardRequests
from addon.doors.cards import CardDoor
from addon.doors.google import IssuerKeys, Keys, Verifier
from addon.doors.headers import SafeHeaders
from addon.doors.health import HealthDoor
from addon.doors.playback import PlayLinks
from addon.doors.request_log import register as log_requests
from addon.doors.sign_in import SignInDoor
from addon.doors.tasks import JOBS, TaskDoor
from addon.doors.tasks import MAX_BODY_BYTES as MAX_TASK_BYTES
from addon.doors.telephony import Answer, TelephonyDoor
from addon.doors.web_session import WebSessions
from addon.errors import where
from addon.ports.outside import Ports
from addon.ports.tasks import Job
from addon.store.tenancy import Tenancy
from cards.text import LANGUAGES, Texts

WEB = Path(__file__).parents[1] / "web"
log = logging.getLogger("addon.requests")
SIGNED_HEADERS = ("X-CTC-Key", "X-CTC-Time", "X-CTC-Nonce", "X-CTC-Signature")


def create_app(
    config: Config, ports: Ports, tenancy: Tenancy, keys: IssuerKeys, queue_keys: Keys | None = None
) -> Flask:
    """The add-on over these ports; building it reads and writes nothing. `queue_keys` are the local queue's; on App Engine only Google's count."""
    app = Flask("addon", static_folder=None, template_folder="pages/templates")
    app.config["MAX_CONTENT_LENGTH"] = 9_000_000
    log_requests(app)
    verifier = Verifier(keys, config.issuers, config.service_account, config.oauth_client_id, ports.now)
    _card_routes(app, CardDoor(config, verifier, tenancy, ports), ports)
    _telephony_routes(app, TelephonyDoor(config, tenancy, ports))
    sessions = WebSessions(config, tenancy, ports)
    people = Verifier(keys, config.issuers, config.service_account, config.web_client_id, ports.now)
    sign_in = SignInDoor(config, people, sessions, ports.sign_in)
    register(app, BrowserDoor(config, sessions, sign_in, PlayLinks(config), ports))
    signers = queue_keys if queue_keys and config.queue_key_file else keys
    queue = Verifier(signers, config.task_issuers, config.tasks_service_account, "", ports.now)
    _task_routes(app, TaskDoor(queue, config.base_url, tenancy, ports))
    _health(app, config, ports, keys)
    _icons(app)
    _failures(app, ports)
    app.wsgi_app = SafeHeaders(app.wsgi_app, config.dev)  # type: ignore[method-assign] # how Flask wants it wrapped
    return app


def _card_routes(app: Flask, door: CardDoor, ports: Ports) -> None:
    for path, endpoint in ENDPOINTS.items():
        app.add_url_rule(path, endpoint, methods=["POST"])
    app.wsgi_app = CardRequests(app.wsgi_app, door, ports.new_id)  # type: ignore[method-assign] # how Flask wants it wrapped


def _telephony_routes(app: Flask, door: TelephonyDoor) -> None:
    def genuine(answer: Callable[[bytes], Answer]) -> Response:
        body = request.get_data()
        signed = {name: request.headers.get(name, "") for name in SIGNED_HEADERS}
        found = door.genuine(request.method, request.path, body, signed) or answer(body)
        return Response(found.body, found.status, dict(found.headers or {}), content_type="application/json")

    app.add_url_rule("/telephony/events", "telephony.events", lambda: genuine(door.event), methods=["POST"])
    app.add_url_rule("/telephony/route", "telephony.route", lambda: genuine(door.route), methods=["POST"])
    app.add_url_rule("/telephony/lines", "telephony.lines", lambda: genuine(lambda _: door.lines()), methods=["GET"])
    app.add_url_rule("/telephony/uploads", "telephony.grant", lambda: genuine(door.grant), methods=["POST"])

    def upload(upload: str) -> Response:
        return genuine(lambda body: door.upload(upload, request.headers.get("Content-Range", ""), body))

    app.add_url_rule("/telephony/uploads/<upload>", "telephony.upload", upload, methods=["PUT"])


def _task_routes(app: Flask, door: TaskDoor) -> None:
    def task(job: Job) -> tuple[Response, int]:
        if not door.genuine(job, request.headers.get("Authorization", "")):
            return jsonify({}), 403
        if (request.content_length or 0) > MAX_TASK_BYTES:
            return jsonify({}), 413
        status, answer = door.start(job, request.get_data())
        return jsonify(answer), status

    for job in JOBS:
        app.add_url_rule(f"/tasks/{job.value}", f"tasks.{job.value}", lambda job=job: task(job), methods=["POST"])


def _health(app: Flask, config: Config, ports: Ports, keys: IssuerKeys) -> None:
    issuer = "workbench" if config.dev else "google"
    pings = {
        "documents": ports.documents.ping,
        "objects": ports.objects.ping,
        "tasks": ports.tasks.ping,
        issuer: keys.ping,
        "telephony": ports.telephony.ping,
        "lines": ports.telephony.ping_lines,
    }
    door = HealthDoor(pings, frozenset({"documents", "objects", "tasks", issuer}), time.monotonic)

    def health() -> tuple[Response, int]:
        found = door.look()
        return jsonify({"status": found.status, "parts": found.parts}), found.http_status

    app.add_url_rule("/healthz", "healthz", health, methods=["GET"])


def _icons(app: Flask) -> None:
    def icon(name: str) -> Response:
        response = send_from_directory(WEB / "icons", name)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response

    app.add_url_rule("/icons/<path:name>", "icons", icon, methods=["GET"])


def _failures(app: Flask, ports: Ports) -> None:
    def failed(error: Exception) -> HTTPException | tuple[Response, int]:
        """A failure of ours is logged by its place and a code; its words may quote people's data."""
        if isinstance(error, HTTPException):
            return error
        code = ports.new_id()[:8]
        log.error("a request failed", extra={"event_id": code, "target": request.endpoint, "where": where(error)})
        words = Texts(request.accept_languages.best_match(LANGUAGES) or "en").t("problem.ours", event=code)
        return jsonify({"error": {"kind": "our-error", "text": words}}), 500

    app.register_error_handler(Exception, failed)
