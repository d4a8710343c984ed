"""Something went wrong: what, and the way out."""

from __future__ import annotations

from cards.surface import Action
from cards.text import Texts, escaped, plain
from cards.widgets import Button, ButtonList, Card, Do, TextParagraph, section


def problem_card(title: str, text: str, *, texts: Texts, retry: Action | None = None) -> Card:
    """`title` and `text` are already in the reader's language and safe to show."""
    again = ButtonList((Button(texts.t("problem.retry"), Do(retry)),)) if retry else None
    return Card("problem", plain(title), (section(TextParagraph(escaped(text, 600)), again),))
