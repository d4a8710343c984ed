"""What Cloud Storage and this product ask of every object store: names, sizes and the parts of an upload."""

from __future__ import annotations

import re

from addon.ports.objects import BadUpload, NoObject, ObjectsError

MAX_OBJECT_BYTES = 2**32
# Cloud Storage keeps whole units of a part that is not the last.
PART_UNIT_BYTES = 262_144
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){1,7}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def check_name(name: str) -> None:
    """Raises NoObject for a name that this product does not make."""
    if not _NAME.fullmatch(name) or len(name) > 512:
        raise NoObject("not an object name")


def check_announced(size_bytes: int, sha256: str) -> None:
    """Raises BadUpload for a size or checksum that no object has."""
    if not 0 <= size_bytes <= MAX_OBJECT_BYTES or not _SHA256.fullmatch(sha256):
        raise BadUpload("size or checksum is not possible")


def check_part(offset: int, count: int, size_bytes: int, received: int) -> None:
    """Raises BadUpload unless the part goes on where the store is, stays within the size and has whole units."""
    if offset != received:
        raise BadUpload(f"{received} bytes are stored", received)
    if offset + count > size_bytes:
        raise BadUpload("more bytes than announced", received)
    if offset + count < size_bytes and count % PART_UNIT_BYTES:
        raise BadUpload(f"a part that is not the last has a multiple of {PART_UNIT_BYTES} bytes", received)


def check_range(start: int, length: int | None) -> None:
    """Raises ObjectsError for a range that begins before the object."""
    if start < 0 or (length is not None and length < 0):
        raise ObjectsError("a range does not begin before the object")
