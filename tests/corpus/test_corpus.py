"""Over labelled corpora of our own the numbers in mails are found with precision >= 0.98 and recall >= 0.95."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from addon.domain.find_numbers import find

pytestmark = pytest.mark.pure
CORPORA = {"mails.txt": 200, "hard.txt": 120, "held.txt": 55, "letters.txt": 26}
MIN_PRECISION, MIN_RECALL = 0.98, 0.95


def samples(name: str) -> Iterator[tuple[str, set[str], str]]:
    """(region, expected E.164 numbers, text) for each block."""
    for block in Path(__file__).with_name(name).read_text(encoding="utf-8").split("#: ")[1:]:
        header, _, text = block.partition("\n")
        region, *expected = header.split()
        yield region, set(expected), text


@dataclass
class Score:
    """What was found of what was labelled."""

    mails: int = 0
    hits: int = 0
    wrong: int = 0
    missed: int = 0
    lines: list[str] = field(default_factory=list)

    def add(self, region: str, expected: set[str], text: str) -> None:
        found = {n.e164 for n in find(text, region)}
        self.mails += 1
        self.hits += len(found & expected)
        self.wrong += len(found - expected)
        self.missed += len(expected - found)
        if found != expected:
            said = f"wrong={sorted(found - expected)} missed={sorted(expected - found)}"
            self.lines.append(f"  {region} {said} {text[:70]!r}")

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.wrong)

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.missed)


@pytest.mark.parametrize("name", sorted(CORPORA))
def test_precision_and_recall(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    score = Score()
    for region, expected, text in samples(name):
        score.add(region, expected, text)
    with capsys.disabled():
        numbers = score.hits + score.missed
        print(
            f"\n{name}: {score.mails} mails, {numbers} numbers, precision {score.precision:.3f}, recall {score.recall:.3f}"
        )
        print("\n".join(score.lines))
    assert score.mails >= CORPORA[name] and score.precision >= MIN_PRECISION and score.recall >= MIN_RECALL
