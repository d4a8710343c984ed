"""Adds somebody to the user's Google contacts."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.people import FoundNumber
from cards.surface import Action
from cards.text import Texts, escaped, plain
from cards.widgets import Button, ButtonList, Card, Do, TextInput, TextParagraph, section


def add_contact_card(name: str, email: str, numbers: Sequence[FoundNumber], error: str, *, texts: Texts) -> Card:
    """`error` is why the last try failed; what was typed stays."""
    first = plain(numbers[0].e164, 60) if numbers else ""
    save = Button(texts.t("contact.save"), Do(Action.ADD_CONTACT, keep_input=True), primary=True)
    return Card(
        "add-contact",
        texts.t("contact.add"),
        (
            section(
                TextParagraph(f"<b>{escaped(error, 300)}</b>") if error else None,
                TextInput("name", texts.t("contact.name"), plain(name), required=True),
                TextInput("email", texts.t("contact.email"), plain(email, 200)),
                TextInput("number", texts.t("contact.number"), first, texts.t("home.dial_hint")),
                TextParagraph(texts.html("contact.where")),
                ButtonList((save,)),
            ),
        ),
    )
