"""Asks for one decision, with what each answer means."""

from __future__ import annotations

from addon.domain.consent import Consent, ConsentKind
from cards.surface import Action
from cards.text import Texts, shown_number
from cards.widgets import Button, ButtonList, Card, DecoratedText, Do, TextParagraph, section


def consent_card(kind: ConsentKind, latest: Consent | None, then_to: str, *, texts: Texts) -> Card:
    """Yes and no have the same weight; the call goes on with either."""
    params = {"kind": kind.value} | ({"to": then_to} if then_to else {})
    yes = Button(texts.t("consent.yes"), Do(Action.GRANT_CONSENT, params))
    no = Button(texts.t("consent.no"), Do(Action.REFUSE_CONSENT, params))
    then = DecoratedText(texts.html("consent.then", who=shown_number(then_to)), icon="PHONE") if then_to else None
    again = DecoratedText(texts.html("consent.again"), icon="BOOKMARK") if latest is not None else None
    points = [TextParagraph(texts.html(f"consent.{kind.value}.{part}")) for part in ("what", "who", "keep", "withdraw")]
    return Card(
        "consent",
        texts.t(f"consent.{kind.value}.title"),
        (section(again, *points), section(then, ButtonList((yes, no)))),
    )
