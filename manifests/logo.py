"""The product's mark, drawn: a C that is a telephone handset, and the sound that leaves it."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw

Point = tuple[float, float]
FILES = {"logo-256.png": 256, "logo-128.png": 128, "favicon-32.png": 32}
_BLUE, _WHITE, _SKY = (11, 87, 208, 255), (255, 255, 255, 255), (168, 199, 250, 255)
_OVERSAMPLE = 8
_CENTRE: Point = (0.488, 0.5)
_RADIUS, _STROKE, _OPENING_DEGREES = 0.25, 0.1, 84.0
_PAD_LENGTH, _PAD_WIDTH = 0.1, 0.17
_WAVE_CENTRE: Point = (0.533, 0.5)
# Radius, half opening in degrees and stroke of each wave.
_WAVES = ((0.14, 40.0, 0.05), (0.25, 31.0, 0.05))


def draw(size: int) -> Image.Image:
    """A square of `size` pixels with round corners on transparent ground."""
    side = size * _OVERSAMPLE
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, side - 1, side - 1), radius=side * 0.225, fill=_BLUE)
    for radius, half, stroke in _WAVES:
        _arc(pen, side, _WAVE_CENTRE, (radius, -half, half, stroke), _SKY)
    _arc(pen, side, _CENTRE, (_RADIUS, _OPENING_DEGREES, 360 - _OPENING_DEGREES, _STROKE), _WHITE)
    for angle in (_OPENING_DEGREES, -_OPENING_DEGREES):
        _pad(pen, side, angle)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def write(folder: Path) -> list[Path]:
    """Write every size into `folder`; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    for path, size in zip(paths, FILES.values(), strict=True):
        draw(size).save(path, optimize=True)
    return paths


def _at(centre: Point, radius: float, degrees: float) -> Point:
    angle = math.radians(degrees)
    return centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)


def _arc(
    pen: ImageDraw.ImageDraw, side: int, centre: Point, shape: tuple[float, float, float, float], fill: tuple[int, ...]
) -> None:
    radius, start, end, stroke = shape
    steps = [start + (end - start) * n / 400 for n in range(401)]
    for x, y in (_at(centre, radius, degrees) for degrees in steps):
        half = stroke / 2
        pen.ellipse(((x - half) * side, (y - half) * side, (x + half) * side, (y + half) * side), fill=fill)


def _pad(pen: ImageDraw.ImageDraw, side: int, degrees: float) -> None:
    """The ear or mouth piece: a thick capsule across the end of the arc."""
    x0, y = _at(_CENTRE, _RADIUS, degrees)
    half = _PAD_WIDTH / 2
    for n in range(101):
        x = x0 + _PAD_LENGTH * n / 100
        pen.ellipse(((x - half) * side, (y - half) * side, (x + half) * side, (y + half) * side), fill=_WHITE)
