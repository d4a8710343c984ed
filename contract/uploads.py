"""One resumable upload for one recording; telephony holds no storage credentials."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.calls import CallId
from contract.numbers import TenantId, UserId


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """Asked when a spool is closed."""

    call: CallId
    tenant: TenantId
    user: UserId
    size_bytes: int
    sha256: str
    content_type: str = "audio/wav"


@dataclass(frozen=True, slots=True)
class UploadGrant:
    """PUT the bytes to `url` with `Content-Range` (Google's resumable protocol); `object` is the stored name.

    The answer is 308 with `Range: bytes=0-N` for a part and 200 when the object is complete and its SHA-256 matches.
    """

    object: str
    url: str = field(repr=False)
    chunk_bytes: int = 262144
