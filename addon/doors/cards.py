"""POST /on/{trigger} and /do/{action}: from Google's event to Card JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from addon.config import Config
from addon.dispatch import EFFECTS, dispatch, shown_again
from addon.doors.clicks import PARAMETER, Clicks, Spent
from addon.doors.google import Claims, Verifier
from addon.errors import AddonError, PartAway, StaleClick, Suspended, UnknownCompany, UnknownUser, where
from addon.event import Event
from addon.handlers.request import Request
from addon.ports.documents import Away, Conflict
from addon.ports.outside import Ports
from addon.store.tenancy import Tenancy
from cards.envelope import Links, to_json
from cards.problem import problem_card
from cards.reply import Push, RequestScopes
from cards.surface import SCOPES, Action, Trigger
from cards.text import Texts
from contract.numbers import UserId
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
            request = self._request(event, claims, texts)
        except Exception as error:  # the outermost edge: the host shows nothing of an error status
            return self._failed(error, what, texts)
        try:
            return self._for_user(what, request)
        except Exception as error:  # the same
            return self._failed(error, what, request.texts)

    def _failed(self, error: Exception, what: Trigger | Action, texts: Texts) -> dict[str, Any]:
        """What the user is told; only a failure of ours is logged, by its place alone."""
        wrapped = isinstance(what, Action)
        if isinstance(error, AddonError):
            return self._problem(texts.t(error.key, **error.values), texts, wrapped, error.retry)
        if isinstance(error, Away | Conflict):
            return self._problem(texts.t(PartAway.key), texts, wrapped, True)
        code = self.ports.new_id()[:8]
        log.error("a card failed", extra={"event_id": code, "target": what.value, "where": where(error)})
        return self._problem(texts.t("problem.ours", event=code), texts, wrapped, True)

    def _problem(self, text: str, texts: Texts, wrapped: bool, retry: bool) -> dict[str, Any]:
        card = problem_card(texts.t("problem.title"), text, texts=texts, retry=Action.REFRESH if retry else None)
        return to_json(Push(card), wrapped=wrapped, links=Links(self.config.base_url))

    def _request(self, event: Event, claims: Claims, texts: Texts) -> Request:
        member = self.tenancy.member(claims.domain, UserId(claims.subject))
        if member is None:
            raise UnknownCompany
        tenant, user, settings = member.tenant, member.user, member.settings
        if user is None or user.email != claims.email.lower():
            raise UnknownUser(email=claims.email)
        if user.suspended or tenant.suspended:
            raise Suspended
        words = Texts(settings.language, event.zone or "UTC") if settings.language else texts
        return Request(user, tenant, member.store, settings, self.ports, event, words, self.ports.now())

    def _for_user(self, what: Trigger | Action, request: Request) -> dict[str, Any]:
        clicks = Clicks(self._secret(), request.tenant.id, request.user.id, EFFECTS, self.ports.new_id)
        links = Links(self.config.base_url, clicks.sign(request.now), self._tickets(request))
        if isinstance(what, Trigger):
            return to_json(dispatch(what, request), wrapped=False, links=links)
        once = request.parameter(PARAMETER)
        typed = "" if request.parameter("to") else request.event.input("to")
        spent = clicks.spend(what, once, request.store, now=request.now, typed=typed)
        if spent is not Spent.NOW:
            notice = request.texts.t("notice.done_already" if spent is Spent.BEFORE else StaleClick.key)
            return to_json(shown_again(what, request, notice), wrapped=True, links=links)
        reply = dispatch(what, request)
        if isinstance(reply, RequestScopes):
            clicks.give_back(what, once, request.store, now=request.now, typed=typed)
        return to_json(reply, wrapped=True, links=links)

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
