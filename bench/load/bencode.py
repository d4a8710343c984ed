"""Bencode, which rtpengine's ng protocol is written in (BEP 3)."""

from __future__ import annotations

from typing import Any


def encoded(value: Any) -> bytes:
    """Of dicts, lists, numbers, text and bytes."""
    if isinstance(value, dict):
        return b"d" + b"".join(encoded(key) + encoded(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(encoded, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    octets = value.encode() if isinstance(value, str) else value
    return b"%d:%s" % (len(octets), octets)


def decoded(data: bytes) -> dict[str, Any]:
    """A dict with text keys; its strings stay bytes."""
    return dict(_read(data, 0)[0])


def _read(data: bytes, at: int) -> tuple[Any, int]:
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        found, at = [], at + 1
        while data[at : at + 1] != b"e":
            value, at = _read(data, at)
            found.append(value)
        if kind == b"l":
            return found, at + 1
        return {key.decode(): value for key, value in zip(found[::2], found[1::2], strict=True)}, at + 1
    colon = data.index(b":", at)
    size = int(data[at:colon])
    return data[colon + 1 : colon + 1 + size], colon + 1 + size
