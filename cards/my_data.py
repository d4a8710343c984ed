"""What is held about me, and until when."""

from __future__ import annotations

from collections.abc import Sequence

from addon.domain.consent import Consent
from addon.domain.recordings import Recording
from cards.parts import deletion, party_name, recording_buttons
from cards.text import Texts
from cards.widgets import Card, DecoratedText, TextParagraph, Widget, section

MAX_ROWS = 30


def my_data_card(
    recordings: Sequence[Recording], calls: int, consents: Sequence[Consent], *, now: float, texts: Texts
) -> Card:
    """Recordings with their deletion dates, the number of call records, every decision."""
    rows: list[Widget] = [
        DecoratedText(
            party_name(r.peer, texts), texts.when(r.started_at, now=now), deletion(r, texts), "recording",
            button=recording_buttons(r, texts).buttons[1],
        )
        for r in recordings[:MAX_ROWS]
    ]  # fmt: skip
    if len(recordings) > MAX_ROWS:
        rows.append(TextParagraph(texts.counted("data.more", len(recordings) - MAX_ROWS)))
    decisions: list[Widget] = [
        DecoratedText(
            texts.html("data.granted" if c.granted else "data.refused"),
            texts.html(f"data.kind.{c.kind.value}"),
            texts.html("data.decided", when=texts.when(c.at, now=now), version=c.version),
            "BOOKMARK",
        )
        for c in consents[:MAX_ROWS]
    ]
    return Card(
        "my-data",
        texts.t("data.title"),
        (
            section(*(rows or [TextParagraph(texts.html("data.no_recordings"))]), header=texts.t("data.recordings")),
            section(TextParagraph(texts.counted("data.calls", calls)), header=texts.t("data.records")),
            section(*(decisions or [TextParagraph(texts.html("data.no_decisions"))]), header=texts.t("data.decisions")),
        ),
    )
