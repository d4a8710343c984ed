"""Every card of the product on one page, drawn by our renderer; texts from outside can be replaced by hostile ones."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from cards.envelope import Links, card_json
from cards.text import LANGUAGES
from workbench.card_samples import all_cards

WEB = Path(__file__).parents[1] / "web"
MAX_TEXT = 4000


async def _page(request: web.Request) -> web.Response:
    return web.Response(text=(WEB / "workbench" / "gallery.html").read_text(), content_type="text/html")


async def _cards(request: web.Request) -> web.Response:
    """Sample cards by name; `locale`, and `name`, `number`, `organisation` for the texts that others wrote."""
    query = dict(request.query) | (await request.json() if request.can_read_body else {})
    locale = query.get("locale", "en")
    if locale not in LANGUAGES:
        raise web.HTTPNotFound
    default = {"name": "", "number": "098 765 4321", "organisation": ""}
    texts = [str(query.get(field, known))[:MAX_TEXT] for field, known in default.items()]
    links = Links(f"{request.scheme}://{request.host}")
    found = all_cards(locale, *texts)
    return web.json_response({name: card_json(card, links) for name, card in found.items()})


def routes() -> list[web.AbstractRouteDef]:
    """/gallery and its data; icons that the cards name are served from here."""
    return [
        web.get("/gallery", _page),
        web.get("/api/gallery", _cards),
        web.post("/api/gallery", _cards),
        web.static("/icons", WEB / "icons"),
        web.static("/static/cards", WEB / "cards"),
        web.static("/static/workbench", WEB / "workbench"),
    ]
