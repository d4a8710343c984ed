"""Our own pages and their web API: a session for every read, a CSRF token for every effect."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, redirect, render_template, request, send_from_directory

from addon.config import Config
from addon.doors.playback import PlayLinks, audio
from addon.doors.sign_in import CALLBACK, HOME, Forged, SignInDoor, page_of
from addon.doors.web_session import Visitor, WebSessions
from addon.errors import AddonError, BadInput, Gone, UnknownCompany, UnknownUser
from addon.handlers import web
from addon.ports.documents import Away, Conflict
from addon.ports.google import CodeRefused, GoogleError
from addon.ports.objects import NoObject, ObjectsAway
from addon.ports.outside import Ports
from addon.store.sessions import ABSOLUTE_SECONDS
from addon.usecases.sign_out import sign_out
from cards.text import LANGUAGES, Texts

WEB = Path(__file__).parents[2] / "web"
FOLDERS = {"common", "phone", "settings", "recording", "i18n"}
MAX_BODY_BYTES = 65536
ATTEMPT_COOKIE_SECONDS = 600
Body = Mapping[str, Any]
Answer = Response | tuple[Response, int]
Handler = Callable[[Visitor, Body], dict[str, Any]]

READS: dict[str, Handler] = {
    "/api/me": lambda v, _: web.me(v.request) | {"csrf": v.csrf},
    "/api/calls": lambda v, _: web.calls(v.request),
    "/api/recordings": lambda v, _: web.recordings(v.request),
    "/api/settings": lambda v, _: web.settings(v.request),
    "/api/consents": lambda v, _: web.consents(v.request),
}
POSTS: dict[str, tuple[Handler, int]] = {
    "/api/calls": (lambda v, body: web.place(v.request, body), 201),
    "/api/consents": (lambda v, body: web.decide(v.request, body), 201),
}


@dataclass(frozen=True, slots=True)
class BrowserDoor:
    """What the routes share."""

    config: Config
    sessions: WebSessions
    sign_in: SignInDoor
    links: PlayLinks
    ports: Ports

    def visitor(self) -> Visitor | None:
        """Who asks."""
        return self.sessions.find(request.cookies.get(self.sessions.cookie_name, ""), locale())

    def is_ours(self) -> bool:
        """Whether the browser says that one of our own pages asks."""
        return self.sessions.is_ours(request.headers.get("Origin", ""), request.headers.get("Sec-Fetch-Site", ""))

    def api(self, work: Callable[[Visitor], Answer], *, unsafe: bool) -> Answer:
        """Run `work` for the signed-in user; every refusal is JSON with words to show."""
        try:
            found = self.visitor()
            if found is None:
                return refusal(401, "signed-out", Texts(locale()).t("problem.signed-out"))
            if unsafe and not (self.is_ours() and self.sessions.proves(found, request.headers.get("X-CTC-CSRF", ""))):
                return refusal(403, "csrf", found.request.texts.t("problem.forged"))
            return _words(found.request.texts, lambda: work(found))
        except (Away, Conflict):
            return refusal(503, "away", Texts(locale()).t("problem.away"))

    def with_cookie(self, response: Response, value: str) -> Response:
        """Set the session's cookie."""
        response.set_cookie(
            self.sessions.cookie_name, value, max_age=int(ABSOLUTE_SECONDS), path="/", secure=not self.config.dev,
            httponly=True, samesite="Lax",
        )  # fmt: skip
        return response

    @property
    def attempt_cookie(self) -> str:
        """The cookie of one sign-in attempt."""
        return f"{self.sessions.cookie_name}-in"


def _words(texts: Texts, work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except AddonError as error:
        return refusal(error.status, error.kind, texts.t(error.key, **error.values))
    except NoObject:
        return refusal(Gone.status, Gone.kind, texts.t(Gone.key))
    except ObjectsAway:
        return refusal(503, "away", texts.t("problem.away"))


def locale() -> str:
    """The language the browser prefers among ours."""
    return request.accept_languages.best_match(LANGUAGES) or "en"


def refusal(status: int, kind: str, text: str) -> Answer:
    """An error that the page can show."""
    return jsonify({"error": {"kind": kind, "text": text}}), status


def body() -> Body:
    """The request's JSON object; raises BadInput."""
    request.max_content_length = MAX_BODY_BYTES + 1
    if len(request.get_data()) > MAX_BODY_BYTES:
        raise BadInput
    found = request.get_json(silent=True)
    if not isinstance(found, dict):
        raise BadInput
    return found


def register(app: Flask, door: BrowserDoor) -> None:
    """Add every route of this door."""
    _pages(app, door)
    _sign_in(app, door)
    _reads_and_posts(app, door)
    _recordings(app, door)


def policy(config: Config, nonce: str) -> str:
    """Only our own scripts, and the webphone's socket (CSP Level 3)."""
    ws = urlsplit(config.telephony_ws_url)
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self'; "
        f"connect-src 'self' {ws.scheme}://{ws.netloc}; media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _pages(app: Flask, door: BrowserDoor) -> None:
    def page(template: str, *, microphone: bool = False, status: int = 200, **values: str) -> Response:
        nonce = secrets.token_urlsafe(18)
        found = door.visitor()
        texts = found.request.texts if found else Texts(locale())
        text = render_template(
            template, locale=texts.language, csp_nonce=nonce, ws_url=door.config.telephony_ws_url,
            late=texts.t("page.late"), again=texts.t("problem.retry"), **values,
        )  # fmt: skip
        response = Response(text, status, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = policy(door.config, nonce)
        if microphone:
            response.headers["Permissions-Policy"] = "microphone=(self)"
        return response

    app.add_url_rule("/phone", "page.phone", lambda: page("phone.html", microphone=True), methods=["GET"])
    app.add_url_rule("/settings", "page.settings", lambda: page("settings.html"), methods=["GET"])
    app.add_url_rule("/recordings/<call>", "page.recording", lambda call: page("recording.html"), methods=["GET"])
    app.add_url_rule("/", "page.home", lambda: redirect(HOME), methods=["GET"])

    def static(name: str) -> Response:
        steps = name.split("/")
        if steps[0] not in FOLDERS or ".." in steps:
            return Response(status=404)
        response = send_from_directory(WEB, name)
        response.headers["Cache-Control"] = "no-cache"
        return response

    app.add_url_rule("/web/<path:name>", "web", static, methods=["GET"])


def _sign_in(app: Flask, door: BrowserDoor) -> None:
    def session() -> Answer:
        texts = Texts(locale())
        if not door.is_ours():
            return refusal(403, "csrf", texts.t("problem.forged"))

        def redeem() -> Answer:
            opened = door.sessions.redeem(
                str(body().get("ticket", "")), request.cookies.get(door.sessions.cookie_name, "")
            )
            if opened is None:
                return refusal(403, "bad-ticket", texts.t("problem.bad-ticket"))
            return door.with_cookie(jsonify({"dial": opened.dial}), opened.cookie)

        return _words(texts, redeem)

    def logout() -> Answer:
        def work(found: Visitor) -> Answer:
            mine = found.request
            sign_out(mine.user.id, found.session, mine.store, mine.ports)
            response = jsonify({})
            response.delete_cookie(door.sessions.cookie_name, path="/", secure=not door.config.dev, httponly=True)
            return response

        return door.api(work, unsafe=True)

    def login() -> Response:
        address, attempt = door.sign_in.start(request.args.get("next", ""), door.ports.now())
        response = Response(status=303, headers={"Location": address})
        response.set_cookie(
            door.attempt_cookie, attempt, max_age=ATTEMPT_COOKIE_SECONDS, path="/", secure=not door.config.dev,
            httponly=True, samesite="Lax",
        )  # fmt: skip
        return response

    def callback() -> Response:
        cookie, given = request.cookies.get(door.attempt_cookie, ""), request.args
        texts = Texts(locale())
        try:
            opened, target = door.sign_in.finish(
                cookie, given.get("state", ""), given.get("code", ""), door.ports.now()
            )
        except (UnknownCompany, UnknownUser) as error:
            return _failed(texts, texts.t(error.key, **error.values), 403)
        except (Forged, CodeRefused):
            return _failed(texts, texts.t("signin.expired"), 403)
        except (GoogleError, Away, Conflict):
            return _failed(texts, texts.t("problem.away"), 503)
        response = Response(status=303, headers={"Location": page_of(target)})
        response.delete_cookie(door.attempt_cookie, path="/", secure=not door.config.dev, httponly=True)
        return door.with_cookie(response, opened.cookie)

    app.add_url_rule("/session", "session", session, methods=["POST"])
    app.add_url_rule("/logout", "logout", logout, methods=["POST"])
    app.add_url_rule("/login", "login", login, methods=["GET"])
    app.add_url_rule(CALLBACK, "login.callback", callback, methods=["GET"])


def _failed(texts: Texts, words: str, status: int) -> Response:
    page = render_template("login.html", locale=texts.language, text=words, button=texts.t("signin.again"), next=HOME)
    response = Response(page, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'"
    )
    return response


def _reads_and_posts(app: Flask, door: BrowserDoor) -> None:
    for path, read in READS.items():
        app.add_url_rule(
            path, f"get {path}", lambda do=read: door.api(lambda v: jsonify(do(v, {})), unsafe=False), methods=["GET"]
        )
    for path, (do, status) in POSTS.items():

        def post(do: Handler = do, status: int = status) -> Answer:
            return door.api(lambda v: (jsonify(do(v, body())), status), unsafe=True)

        app.add_url_rule(path, f"post {path}", post, methods=["POST"])

    def plan() -> Answer:
        return door.api(lambda v: jsonify(web.plan(v.request, request.args.get("to", ""))), unsafe=False)

    def save() -> Answer:
        return door.api(lambda v: jsonify(web.save(v.request, body())), unsafe=True)

    def ticket() -> Answer:
        def work(found: Visitor) -> Answer:
            return jsonify({"ticket": door.sessions.phone_ticket(found), "url": door.config.telephony_ws_url})

        return door.api(work, unsafe=True)

    app.add_url_rule("/api/plan", "get /api/plan", plan, methods=["GET"])
    app.add_url_rule("/api/settings", "put /api/settings", save, methods=["PUT"])
    app.add_url_rule("/api/phone/ticket", "post /api/phone/ticket", ticket, methods=["POST"])


def _recordings(app: Flask, door: BrowserDoor) -> None:
    def show(call: str) -> Answer:
        return door.api(lambda v: jsonify(web.one_call(v.request, web.call_id(call))), unsafe=False)

    def forget(call: str) -> Answer:
        return door.api(lambda v: jsonify(web.delete_recording(v.request, web.call_id(call))), unsafe=True)

    def play(call: str) -> Answer:
        def work(found: Visitor) -> Answer:
            web.begin_play(found.request, web.call_id(call))
            link = door.links.make(found.session, call, found.request.now)
            return jsonify({"url": f"/api/recordings/{call}/audio?play={link}"}), 201

        return door.api(work, unsafe=True)

    def sound(call: str) -> Answer:
        def work(found: Visitor) -> Answer:
            mine = found.request
            kept = mine.store.recordings.get(mine.user.id, web.call_id(call))
            if kept is None:
                raise Gone
            if not door.links.opens(request.args.get("play", ""), found.session, call, mine.now):
                return refusal(403, "old-link", mine.texts.t("problem.old-link"))
            return audio(kept, request.headers.get("Range", ""), mine.ports.objects)

        return door.api(work, unsafe=False)

    app.add_url_rule("/api/calls/<call>", "get /api/calls/<call>", show, methods=["GET"])
    app.add_url_rule("/api/recordings/<call>", "delete /api/recordings/<call>", forget, methods=["DELETE"])
    app.add_url_rule("/api/recordings/<call>/plays", "post plays", play, methods=["POST"])
    app.add_url_rule("/api/recordings/<call>/audio", "get audio", sound, methods=["GET"])
