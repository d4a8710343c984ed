"""Over a labelled corpus of our own the numbers in mails are found with precision >= 0.98 and recall >= 0.95."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from addon.domain.find_numbers import find

pytestmark = pytest.mark.pure
CORPUS = Path(__file__).with_name("mails.txt")
MIN_PRECISION, MIN_RECALL, MIN_SAMPLES = 0.98, 0.95, 200


def samples() -> Iterator[tuple[str, set[str], str]]:
    """(region, expected E.164 numbers, text) for each block."""
    for block in CORPUS.read_text(encoding="utf-8").split("#: ")[1:]:
        header, _, text = block.partition("\n")
        region, *expected = header.split()
        yield region, set(expected), text


def test_precision_and_recall(capsys: pytest.CaptureFixture[str]) -> None:
    hits = wrong = missed = count = 0
    lines = []
    for region, expected, text in samples():
        count += 1
        found = {n.e164 for n in find(text, region)}
        hits, wrong, missed = (
            hits + len(found & expected),
            wrong + len(found - expected),
            missed + len(expected - found),
        )
        if found != expected:
            lines.append(f"{region} wrong={sorted(found - expected)} missed={sorted(expected - found)} {text[:70]!r}")
    precision, recall = hits / (hits + wrong), hits / (hits + missed)
    with capsys.disabled():
        print(f"\ncorpus: {count} mails, {hits + missed} numbers, precision {precision:.3f}, recall {recall:.3f}")
        print("\n".join(lines))
    assert count >= MIN_SAMPLES and precision >= MIN_PRECISION and recall >= MIN_RECALL
