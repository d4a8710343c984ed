"""Something went wrong: what, and the way out."""

from __future__ import annotations

from cards.surface import Action
from cards.text import Texts, escaped, plain
from cards.widgets import Button, ButtonList, Card, Do, TextParagraph, section


def problem_card(
    title: str, text: str, *, texts: Texts, retry: Action | Do | None = None, way_out: str = "problem.retry"
) -> Card:
    """`title` and `text` are already in the reader's language and safe to show; `retry` is the way out and `way_out` its key."""
    click = Do(retry) if isinstance(retry, Action) else retry
    again = ButtonList((Button(texts.t(way_out), click),)) if click else None
    return Card(
        "problem", plain(title) or texts.t("problem.title"), (section(TextParagraph(escaped(text, 600)), again),)
    )


def no_phone_card(shown: str, to: str, *, texts: Texts) -> Card:
    """No window of the webphone is open any more: offers to open one that dials."""
    click = Do(Action.OPEN_PHONE, {"to": to}, dynamic=True)
    button = ButtonList((Button(texts.t("call.open_and_call"), click, primary=True),))
    words = TextParagraph(texts.html("problem.no-phone"))
    return Card("no-phone", plain(shown) or texts.t("problem.title"), (section(words, button),))
