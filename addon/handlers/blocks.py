"""Numbers that the user will not talk to."""

from __future__ import annotations

from addon.domain.dialing import e164_of
from addon.errors import Gone
from addon.handlers import calls, home, people
from addon.handlers.request import Request
from cards.reply import Push, Reply, Update


def _number(request: Request) -> str:
    e164 = e164_of(request.parameter("to"), request.tenant.region)
    if not e164:
        raise Gone
    return e164


def block(request: Request) -> Reply:
    """The number neither rings me nor is called by me."""
    request.store.blocks.add(request.user.id, _number(request), request.now)
    return _again(request, request.texts.t("notice.blocked"))


def unblock(request: Request) -> Reply:
    """The number rings and is called as any other."""
    request.store.blocks.remove(request.user.id, _number(request))
    return _again(request, request.texts.t("notice.unblocked"))


def shown(request: Request) -> Reply:
    """The card that the click was made on: a call, else the open mail's person."""
    if request.parameter("call"):
        return calls.show_call(request)
    return people.message_opened(request) if request.event.message_id else home.opened(request)


def _again(request: Request, notice: str) -> Reply:
    reply = shown(request)
    return Update(reply.card, notice) if isinstance(reply, Push) else reply
