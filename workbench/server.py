"""The workbench's own site: a mail client with the add-on beside it, Google's stand-ins, and the token issuer."""

from __future__ import annotations

import html
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Middleware

from cards.surface import SCOPES
from workbench import gallery
from workbench.cast import ALL_SCOPES, PLAYERS
from workbench.events import BadTarget, Situation, build_event, send_event, target_url, without_tokens
from workbench.google_apis import GoogleApis
from workbench.mails import Mail, load_mails
from workbench.oauth import SignIn
from workbench.tokens import Issuer

WEB = Path(__file__).parents[1] / "web"
MAX_REQUEST_BYTES = 262144
_LOOPBACK = {"127.0.0.1", "localhost"}
_MAIL_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
_MAIL_STYLE = "body{font:14px/1.6 Roboto,system-ui,sans-serif;margin:0;padding:4px;overflow-wrap:anywhere}pre{white-space:pre-wrap;font:inherit;margin:0}"
_HTML_STYLE = "body{color:#1f1f1f;background:#fff}"
_TEXT_STYLE = (
    ":root{color-scheme:light dark}body{color:light-dark(#1f1f1f,#e3e3e3);background:light-dark(#fff,#131314)}"
)
_TRIGGERS = {"/on/gmail.homepage", "/on/gmail.message", "/on/gmail.compose"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Bench:
    """What the site needs to know."""

    issuer: Issuer
    addon_url: str
    client_secret: str = field(repr=False)
    check: Callable[[Any, bool], list[str]]
    mails: dict[str, Mail] = field(default_factory=load_mails)
    now: Callable[[], float] = time.time

    def situation(self, body: dict[str, Any]) -> Situation:
        """The request of the page as a situation; raises KeyError, ValueError, TypeError on nonsense."""
        player = PLAYERS[str(body.get("player", "alice"))].sub
        mail = self.mails[str(body["message"])] if body.get("message") else None
        scopes = tuple(s for s in body.get("scopes", ALL_SCOPES) if s in ALL_SCOPES)
        return Situation(
            player=player,
            locale=str(body.get("locale", "en"))[:20],
            zone=str(body.get("zone", "America/Guayaquil"))[:60],
            offset_ms=int(body.get("offset", 0)),
            message=mail.id if mail else "",
            thread=mail.thread if mail else "",
            recipients=tuple(str(r) for r in body.get("recipients", [])),
            scopes=scopes,
            parameters={str(k): str(v) for k, v in dict(body.get("parameters", {})).items()},
            form_inputs=dict(body.get("formInputs", {})),
        )

    async def event(self, request: web.Request) -> web.Response:
        """Build, sign and send one event; answer what came back and what is wrong with it."""
        if request.content_type != "application/json":
            return web.json_response({"error": "application/json is needed"}, status=415)
        try:
            body = await request.json()
            situation = self.situation(body)
            url = target_url(self.addon_url, str(body["target"]))
        except (KeyError, ValueError, TypeError, BadTarget) as error:
            return web.json_response({"error": f"not an event: {error}"}, status=400)
        event = build_event(self.issuer, url, situation, now=self.now())
        shown = {"url": url, "request": without_tokens(event)}
        try:
            answer = await send_event(url, event)
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.json_response(
                shown | {"error": f"the add-on does not answer ({type(error).__name__})"}, status=502
            )
        wrapped = urlsplit(url).path not in _TRIGGERS
        problems = self.check(answer.body, wrapped) if answer.status == 200 else [f"HTTP {answer.status}"]
        said = {"status": answer.status, "body": answer.body, "milliseconds": answer.milliseconds}
        return web.json_response(shown | said | {"problems": problems})

    async def cast(self, request: web.Request) -> web.Response:
        """Players, permissions and the mail list."""
        return web.json_response(
            {
                "addon": self.addon_url,
                "players": [asdict(player) for player in PLAYERS.values()],
                "scopes": [asdict(scope) for scope in SCOPES],
                "mails": [mail.summary() for mail in self.mails.values()],
            }
        )

    async def mail(self, request: web.Request) -> web.Response:
        """One message as a document for the sandboxed frame; hostile HTML stays as it came."""
        mail = self.mails.get(request.match_info["id"])
        if mail is None:
            raise web.HTTPNotFound
        rich = mail.html()
        inner = rich or f'<pre dir="auto">{html.escape(mail.text())}</pre>'
        style = _MAIL_STYLE + (_HTML_STYLE if rich else _TEXT_STYLE)
        page = f'<!doctype html><meta charset="utf-8"><title>Message</title><style>{style}</style>{inner}'
        headers = {"Content-Security-Policy": _MAIL_CSP, "X-Frame-Options": "SAMEORIGIN"}
        return web.Response(text=page, content_type="text/html", headers=headers)

    async def index(self, request: web.Request) -> web.Response:
        """The page."""
        return web.Response(text=(WEB / "workbench" / "index.html").read_text(), content_type="text/html")

    async def certs(self, request: web.Request) -> web.Response:
        """JWKS, as https://www.googleapis.com/oauth2/v3/certs."""
        return web.json_response(self.issuer.jwks(), headers={"Cache-Control": "public, max-age=300"})

    async def discovery(self, request: web.Request) -> web.Response:
        """OpenID Connect Discovery 1.0."""
        here = f"{request.scheme}://{request.host}"
        return web.json_response(
            {
                "issuer": self.issuer.issuer,
                "authorization_endpoint": here + "/oauth2/auth",
                "token_endpoint": here + "/oauth2/token",
                "jwks_uri": here + "/oauth2/certs",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def health(self, request: web.Request) -> web.Response:
        """Alive."""
        return web.json_response({"status": "ok"})


def _policy(addon_url: str) -> str:
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
        f"img-src 'self' data: {addon_url}; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _guard(addon_url: str) -> Middleware:
    policy = _policy(addon_url)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (request.url.host or "") not in _LOOPBACK:
            return web.Response(status=421, text="only this machine")
        origin = request.headers.get("Origin")
        if request.method == "POST" and origin not in (None, f"http://{request.host}"):
            return web.Response(status=403, text="another origin")
        response = await handler(request)
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return guard


def make_app(bench: Bench) -> web.Application:
    """The aiohttp application."""
    app = web.Application(client_max_size=MAX_REQUEST_BYTES, middlewares=[_guard(bench.addon_url)])
    sign_in = SignIn(bench.issuer, bench.addon_url, bench.client_secret, bench.now)
    app.add_routes(
        [
            web.get("/", bench.index),
            web.get("/healthz", bench.health),
            web.get("/api/cast", bench.cast),
            web.post("/api/event", bench.event),
            web.get("/mail/{id}", bench.mail),
            web.get("/oauth2/certs", bench.certs),
            web.get("/.well-known/openid-configuration", bench.discovery),
            web.get("/oauth2/auth", sign_in.authorize),
            web.post("/oauth2/token", sign_in.token),
            *gallery.routes(),
            *GoogleApis(bench.issuer, bench.mails).routes(),
        ]
    )
    return app
