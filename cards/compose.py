"""Inserts the user's own numbers into the open draft."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.tenant import User
from cards.surface import Action
from cards.text import Texts, plain, shown_number
from cards.widgets import Button, ButtonList, Card, Choice, Do, SelectionInput, TextParagraph, section


def compose_card(user: User, numbers: Sequence[str], *, texts: Texts) -> Card:
    """Which of my numbers to insert."""
    if not numbers:
        return Card("compose", texts.t("compose.title"), (section(TextParagraph(texts.html("compose.none"))),))
    items = tuple(Choice(shown_number(n), n, True) for n in numbers)
    insert = Button(texts.t("compose.insert"), Do(Action.INSERT_NUMBERS), primary=True)
    pick = SelectionInput("numbers", texts.t("compose.which"), items, "CHECK_BOX")
    return Card("compose", texts.t("compose.title"), (section(pick, ButtonList((insert,))),), plain(user.name, 60))
