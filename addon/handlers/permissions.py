"""Permissions that the user did not give, and the way to give them."""

from __future__ import annotations

from addon.handlers import home, people
from addon.handlers.request import Request
from cards.reply import Push, Reply, RequestScopes, Update
from cards.surface import SCOPES


def ask(request: Request) -> Reply:
    """Ask Google for what was missing on the card; it repeats this click, which then shows the card anew.

    A user who gives some of it and not the rest is not asked again by themselves.
    """
    urls = {s.feature: s.url for s in SCOPES if s.optional}
    wanted = [urls[name] for name in request.parameter("missing").split(",") if name in urls]
    given = [url for url in wanted if url in request.event.tokens.scopes]
    if wanted and not given:
        return RequestScopes(tuple(wanted))
    reply = people.message_opened(request) if request.event.message_id else home.opened(request)
    return Update(reply.card) if isinstance(reply, Push) else reply
