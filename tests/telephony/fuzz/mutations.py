"""Seeded mutations of real messages: the same seed gives the same bytes on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

NUMBERS = (
    b"0",
    b"-1",
    b"1",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"4294967296",
    b"9" * 20,
    b"9" * 400,
    b"9" * 5000,
)
BYTES = (
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n ",
    b"\t",
    b" ",
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b"%",
    b"\xe9",
    b"\xed\xa0\x80",
)

Step = Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None]


def _place(dice: random.Random, data: bytearray) -> int:
    return dice.randrange(len(data) + 1)


def flip(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """One bit."""
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def overwrite(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """One byte."""
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def cut(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """A slice away, or everything after a place."""
    at = _place(dice, data)
    del data[at : None if dice.random() < 0.2 else at + dice.choice((1, 2, 4, 16, 64))]


def insert(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """A word of the format, a number at a limit or a byte with a meaning."""
    at = _place(dice, data)
    data[at:at] = dice.choice(dice.choice((words, NUMBERS, BYTES)))


def repeat(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """A slice many times."""
    at = _place(dice, data)
    part = bytes(data[at : at + dice.choice((1, 3, 9, 40))])
    data[at:at] = part * dice.choice((1, 2, 8, 50, 300))


def splice(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """The rest of another message."""
    other = dice.choice(corpus)
    data[_place(dice, data) :] = other[dice.randrange(len(other) + 1) :]


def swap_lines(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """Two lines change places, or one comes twice."""
    lines = bytes(data).split(b"\r\n")
    one, two = dice.randrange(len(lines)), dice.randrange(len(lines))
    if dice.random() < 0.5:
        lines[one], lines[two] = lines[two], lines[one]
    else:
        lines.insert(one, lines[two])
    data[:] = b"\r\n".join(lines)


def number(dice: random.Random, data: bytearray, corpus: Sequence[bytes], words: Sequence[bytes]) -> None:
    """A number becomes one at a limit."""
    digits = [at for at in range(len(data)) if 48 <= data[at] <= 57]
    if digits:
        at = dice.choice(digits)
        end = at
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        data[at:end] = dice.choice(NUMBERS)


STEPS: tuple[Step, ...] = (flip, overwrite, cut, insert, insert, repeat, splice, swap_lines, number)


def mutants(corpus: Sequence[bytes], words: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """The corpus itself, then messages changed one to eight times."""
    dice = random.Random(seed)
    yield from corpus
    for _ in range(count - len(corpus)):
        data = bytearray(dice.choice(corpus))
        for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
            dice.choice(STEPS)(dice, data, corpus, words)
        yield bytes(data)
