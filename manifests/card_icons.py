"""The icons that cards show where Google's known icons say too little: which way a call went, recorded or not."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw

SIZE = 96
_OVERSAMPLE, _GRID, _STROKE = 8, 24, 2.3
Point = tuple[float, float]
Colour = tuple[int, int, int, int]
# Each has a contrast of at least 3:1 on the light and on the dark sidebar.
_GREEN, _BLUE, _RED, _GREY = (30, 142, 62, 255), (26, 115, 232, 255), (217, 48, 37, 255), (116, 119, 117, 255)


@dataclass(frozen=True, slots=True)
class Icon:
    """Strokes with round ends, a ring of radius 7.8 and a dot around the middle, on a grid of 24."""

    colour: Colour
    strokes: tuple[tuple[Point, ...], ...] = ()
    ring: bool = False
    dot: bool = False


ICONS = {
    "call-out.png": Icon(_GREEN, (((5.5, 18.5), (18, 6)), ((9, 5.8), (18.2, 5.8), (18.2, 15)))),
    "call-in.png": Icon(_BLUE, (((18.5, 5.5), (6, 18)), ((5.8, 9), (5.8, 18.2), (15, 18.2)))),
    "call-missed.png": Icon(_RED, (((20.5, 8), (12, 16.5), (4, 8.5)), ((3.8, 14), (3.8, 8), (9.8, 8)))),
    "recording.png": Icon(_RED, ring=True, dot=True),
    "not-recorded.png": Icon(_GREY, (((6.6, 17.4), (17.4, 6.6)),), ring=True),
}


def draw(icon: Icon) -> Image.Image:
    """The icon on transparent ground."""
    side = SIZE * _OVERSAMPLE
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)

    def disc(centre: Point, radius: float, fill: Colour) -> None:
        x, y, r = (value * side / _GRID for value in (*centre, radius))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    if icon.ring:
        disc((12, 12), 9, icon.colour)
        disc((12, 12), 9 - _STROKE, (0, 0, 0, 0))
    if icon.dot:
        disc((12, 12), 4, icon.colour)
    for stroke in icon.strokes:
        for (x0, y0), (x1, y1) in pairwise(stroke):
            for n in range(201):
                disc((x0 + (x1 - x0) * n / 200, y0 + (y1 - y0) * n / 200), _STROKE / 2, icon.colour)
    return image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def write(folder: Path) -> list[Path]:
    """Write every icon into `folder`; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, icon in ICONS.items():
        draw(icon).save(folder / name, optimize=True)
    return [folder / name for name in ICONS]
