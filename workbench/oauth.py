"""Sign in with Google on a laptop: account chooser, code flow with PKCE and nonce (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web

from workbench.cast import PLAYERS, WEB_CLIENT_ID, Player
from workbench.tokens import LIFE_SECONDS, Issuer

CODE_SECONDS = 60
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Choose an account</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/static/workbench/chooser.css">
<main><h1>Choose an account</h1><p>Sample identities of the workbench. No password, no Google.</p><ul>{rows}</ul></main></html>"""


@dataclass(frozen=True, slots=True)
class _Grant:
    player: Player
    redirect: str
    nonce: str
    challenge: str
    scope: str
    expires_at: float


@dataclass(slots=True)
class SignIn:
    """Authorization and token endpoints; a code lives a minute and is spent once."""

    issuer: Issuer
    addon_url: str
    client_secret: str = field(repr=False)
    now: Callable[[], float]
    grants: dict[str, _Grant] = field(default_factory=dict)

    async def authorize(self, request: web.Request) -> web.Response:
        """The account chooser, or the redirect with a code once `account` is chosen."""
        query = request.query
        redirect = query.get("redirect_uri", "")
        if query.get("client_id") != WEB_CLIENT_ID or not redirect.startswith(self.addon_url + "/"):
            return web.Response(status=400, text="unknown client or redirect address")
        if query.get("response_type") != "code" or query.get("code_challenge_method", "S256") != "S256":
            return web.Response(status=400, text="only the code flow with S256 is offered")
        player = PLAYERS.get(query.get("account", ""))
        if player is None:
            rows = "".join(self._row(request, each) for each in PLAYERS.values())
            return web.Response(text=_PAGE.format(rows=rows), content_type="text/html")
        code = secrets.token_urlsafe(24)
        self.grants[code] = _Grant(
            player,
            redirect,
            query.get("nonce", ""),
            query.get("code_challenge", ""),
            query.get("scope", ""),
            self.now() + CODE_SECONDS,
        )
        glue = "&" if "?" in redirect else "?"
        raise web.HTTPFound(redirect + glue + urlencode({"state": query.get("state", ""), "code": code}))

    def _row(self, request: web.Request, player: Player) -> str:
        link = html.escape(str(request.rel_url.update_query(account=player.sub)))
        shown = f"<b>{html.escape(player.name)}</b><span>{html.escape(player.email)}</span>"
        return f'<li><a href="{link}"><i aria-hidden="true">{html.escape(player.name[0])}</i>{shown}</a></li>'

    async def token(self, request: web.Request) -> web.Response:
        """Code for tokens (RFC 6749 section 4.1.3)."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        grant = self.grants.pop(form.get("code", ""), None)
        secret_ok = hmac.compare_digest(form.get("client_secret", "").encode(), self.client_secret.encode())
        if form.get("client_id") != WEB_CLIENT_ID or not secret_ok:
            return web.json_response({"error": "invalid_client"}, status=401)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            form.get("grant_type") != "authorization_code"
            or grant is None
            or grant.expires_at < self.now()
            or grant.redirect != form.get("redirect_uri")
            or (grant.challenge and grant.challenge != challenge)
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        scopes = tuple(grant.scope.split())
        return web.json_response(
            {
                "access_token": self.issuer.access_token(grant.player, scopes, now=self.now()),
                "id_token": self.issuer.user_token(
                    grant.player, now=self.now(), nonce=grant.nonce, client_id=WEB_CLIENT_ID
                ),
                "expires_in": LIFE_SECONDS - 1,
                "scope": grant.scope,
                "token_type": "Bearer",
            }
        )
