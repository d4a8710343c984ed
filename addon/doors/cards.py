"""POST /on/{trigger} and /do/{action}: from Google's event to Card JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from addon.config import Config
from addon.dispatch import EFFECTS, dispatch
from addon.doors.clicks import PARAMETER, Clicks
from addon.doors.google import Claims, NotGoogle, Verifier
from addon.errors import AddonError, StaleClick, UnknownCompany, UnknownUser
from addon.event import Event
from addon.handlers import home
from addon.handlers.request import Request
from addon.ports.documents import Away, Conflict
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from cards.envelope import Links, to_json
from cards.problem import problem_card
from cards.reply import Push, Reply, RequestScopes, Update
from cards.surface import SCOPES, Action, Trigger
from cards.text import Texts
from contract.wire import TICKET_SECONDS, JoinTicket, Keys, mint_ticket

MAX_BODY_BYTES = 1_000_000
log = logging.getLogger("addon.cards")


class BadBody(Exception):
    """400: not a JSON object of a bearable depth."""


@dataclass(frozen=True, slots=True)
class CardDoor:
    """Verifies, parses, dispatches and spells the answer; never raises for what a user can see."""

    config: Config
    verifier: Verifier
    tenancy: Tenancy
    ports: Ports

    def answer(self, what: Trigger | Action, authorization: str, body: bytes) -> dict[str, Any]:
        """The JSON answer; raises NotGoogle (401) and BadBody (400)."""
        path = f"/{'on' if isinstance(what, Trigger) else 'do'}/{what.value}"
        self.verifier.check_system(authorization, self.config.base_url + path)
        try:
            event = Event.parse(json.loads(body))
        except (ValueError, RecursionError) as error:
            raise BadBody from error
        claims = self.verifier.user(event.user_token)
        texts = Texts(event.locale or "en", event.zone or "UTC")
        wrapped = isinstance(what, Action)
        if claims is None:
            needed = tuple(s.url for s in SCOPES if not s.optional)
            return to_json(RequestScopes(needed), wrapped=wrapped, links=Links(self.config.base_url))
        try:
            return self._for_user(what, event, claims, texts)
        except AddonError as error:
            return self._problem(texts.t(error.key, **error.values), texts, wrapped, error.retry)
        except (Away, Conflict):
            return self._problem(texts.t("problem.away"), texts, wrapped, True)
        except NotGoogle:
            raise
        except Exception:  # the outermost edge: the host shows nothing of an error status
            code = self.ports.new_id()[:8]
            log.exception("a card failed", extra={"event_id": code, "target": what.value})
            return self._problem(texts.t("problem.ours", event=code), texts, wrapped, True)

    def _problem(self, text: str, texts: Texts, wrapped: bool, retry: bool) -> dict[str, Any]:
        card = problem_card(texts.t("problem.title"), text, texts=texts, retry=Action.REFRESH if retry else None)
        return to_json(Push(card), wrapped=wrapped, links=Links(self.config.base_url))

    def _request(self, event: Event, claims: Claims, texts: Texts) -> Request:
        tenant = self.tenancy.for_domain(claims.domain)
        if tenant is None:
            raise UnknownCompany
        store = self.tenancy.of(tenant.id)
        user = store.users.by_email(claims.email)
        if user is None or user.id != claims.subject or user.suspended or tenant.suspended:
            raise UnknownUser(email=claims.email)
        settings = store.settings.get(user.id)
        words = Texts(settings.language, event.zone or "UTC") if settings.language else texts
        return Request(user, tenant, store, settings, self.ports, event, words, self.ports.now())

    def _for_user(self, what: Trigger | Action, event: Event, claims: Claims, texts: Texts) -> dict[str, Any]:
        request = self._request(event, claims, texts)
        clicks = Clicks(self._secret(), request.tenant.id, request.user.id, EFFECTS, self.ports.new_id)
        links = Links(self.config.base_url, clicks.sign(request.now), self._tickets(request))
        if isinstance(what, Action) and not clicks.spend(
            what, event.parameters.get(PARAMETER, ""), request.store, now=request.now
        ):
            card = home.opened(request)
            reply: Reply = Update(card.card, request.texts.t(StaleClick.key)) if isinstance(card, Push) else card
        else:
            reply = dispatch(what, request)
        return to_json(reply, wrapped=isinstance(what, Action), links=links)

    def _tickets(self, request: Request) -> Callable[[str], Mapping[str, str]]:
        """A ticket that signs this user in to the page that a click opens."""

        def ticket(dial: str) -> Mapping[str, str]:
            made = JoinTicket(
                "page", request.tenant.id, request.user.id, self.config.base_url, self.ports.new_id(),
                request.now + TICKET_SECONDS, dial,
            )  # fmt: skip
            return {"ticket": mint_ticket(Keys(self.config.keys["tickets"]), made)}

        return ticket

    def _secret(self) -> bytes:
        return next(iter(self.config.keys["web"].values()))
