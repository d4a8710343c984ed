"""Who a browser is: a session cookie, its CSRF token, and the two ways to get one (ticket, Sign in with Google)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

from addon.config import Config
from addon.doors.google import Claims
from addon.errors import UnknownCompany, UnknownUser
from addon.event import Event
from addon.handlers.request import Request
from addon.ports.outside import Ports
from addon.store.sessions import digest
from addon.store.tenancy import Tenancy
from cards.text import Texts
from contract import wire
from contract.numbers import TenantId, UserId

SAME_SITE = {"", "same-origin"}


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in user: `request` is what handlers take, `session` the digest that telephony may know."""

    request: Request
    session: str
    csrf: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session: the cookie's value and what the ticket wanted to dial."""

    cookie: str
    dial: str = ""


def _packed(*parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def _unpacked(text: str) -> tuple[str, str, str] | None:
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(p, str) and p for p in parts):
        return None
    return None if any("/" in part for part in parts[:2]) else (parts[0], parts[1], parts[2])


@dataclass(frozen=True, slots=True)
class WebSessions:
    """Opens, finds and closes sessions."""

    config: Config
    tenancy: Tenancy
    ports: Ports

    @property
    def cookie_name(self) -> str:
        """`__Host-` binds the cookie to this host over TLS; a laptop has no TLS, so the port is named instead."""
        port = self.config.base_url.rsplit(":", 1)[-1]
        return f"ctc-{port}" if self.config.dev else "__Host-ctc"

    def _open(self, tenant: TenantId, user: UserId, dial: str = "") -> Opened:
        secret = secrets.token_urlsafe(32)
        self.tenancy.of(tenant).sessions.open(user, secret, self.ports.now())
        return Opened(_packed(tenant, user, secret), dial)

    def redeem(self, text: str, cookie: str = "") -> Opened | None:
        """A card's ticket, once; None when it is not ours, too old or spent.

        A browser that is signed in as the ticket's user keeps its session, so that its other windows go on.
        """
        keys, now = wire.Keys(self.config.keys["tickets"]), self.ports.now()
        try:
            ticket = wire.read_ticket(keys, text, "page", self.config.base_url, now=now)
        except wire.BadSignature:
            return None
        if not self.tenancy.of(ticket.tenant).nonces.spend("ticket", ticket.nonce, ticket.expires_at):
            return None
        if self._request(ticket.tenant, ticket.user, "") is None:
            return None
        here = self.find(cookie, "")
        if here is not None and (here.request.tenant.id, here.request.user.id) == (ticket.tenant, ticket.user):
            return Opened(cookie, ticket.dial)
        return self._open(ticket.tenant, ticket.user, ticket.dial)

    def sign_in(self, claims: Claims) -> Opened:
        """A session for a verified Google account; raises UnknownCompany, UnknownUser."""
        tenant = self.tenancy.for_domain(claims.domain)
        if tenant is None:
            raise UnknownCompany
        user = self.tenancy.of(tenant.id).users.get(UserId(claims.subject))
        if user is None or user.suspended or tenant.suspended:
            raise UnknownUser(email=claims.email)
        return self._open(tenant.id, user.id)

    def find(self, cookie: str, locale: str, zone: str = "") -> Visitor | None:
        """The user behind a cookie; None when the session ended or the user may no longer use the product."""
        parts = _unpacked(cookie) if cookie and len(cookie) < 2048 else None
        if parts is None:
            return None
        tenant, user, secret = TenantId(parts[0]), UserId(parts[1]), parts[2]
        session = self.tenancy.of(tenant).sessions.use(user, secret, self.ports.now())
        request = self._request(tenant, user, locale, zone) if session else None
        return Visitor(request, digest(secret), self._csrf(secret)) if request else None

    def _request(self, tenant_id: TenantId, user_id: UserId, locale: str, zone: str = "") -> Request | None:
        store, tenant = self.tenancy.of(tenant_id), self.tenancy.get(tenant_id)
        user = store.users.get(user_id)
        if tenant is None or user is None or user.suspended or tenant.suspended:
            return None
        settings = store.settings.get(user_id)
        texts = Texts(settings.language or locale, zone or "UTC")
        return Request(user, tenant, store, settings, self.ports, Event(), texts, self.ports.now())

    def _csrf(self, secret: str) -> str:
        key = next(iter(self.config.keys["web"].values()))
        return hmac.new(key, f"csrf\n{secret}".encode(), hashlib.sha256).hexdigest()

    def is_ours(self, origin: str, site: str) -> bool:
        """Whether an unsafe request comes from our own page, as the browser says (Origin, Sec-Fetch-Site)."""
        return site in SAME_SITE and origin in {"", self.config.base_url}

    def proves(self, visitor: Visitor, token: str) -> bool:
        """Whether an unsafe request of a visitor carries the session's CSRF token."""
        return hmac.compare_digest(visitor.csrf.encode(), token.encode("utf-8", "replace"))

    def phone_ticket(self, visitor: Visitor) -> str:
        """Lets this browser open the webphone's socket, once within 30 s."""
        request = visitor.request
        ticket = wire.JoinTicket(
            "phone", request.tenant.id, request.user.id, self.config.base_url, secrets.token_hex(16),
            request.now + wire.TICKET_SECONDS, session=visitor.session,
        )  # fmt: skip
        return wire.mint_ticket(wire.Keys(self.config.keys["tickets"]), ticket)
