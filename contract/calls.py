"""Calls as both programs see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

CallId = NewType("CallId", str)


class Direction(StrEnum):
    """Who started the call, seen from the product's user."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class CallState(StrEnum):
    """What the user's screen shows."""

    NEW = "new"
    DIALING = "dialing"
    RINGING = "ringing"
    EARLY = "early"
    ACTIVE = "active"
    HELD = "held"
    ENDED = "ended"


class Outcome(StrEnum):
    """How a call ended: the closed set that labels records, metrics and cards."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    UNREACHABLE = "unreachable"
    PBX_UNREACHABLE = "pbx-unreachable"
    REFUSED_BY_POLICY = "refused-by-policy"
    DEVICE_UNREACHABLE = "device-unreachable"
    CARRIER_ERROR = "carrier-error"
    MEDIA_FAILED = "media-failed"
    OVERLOADED = "overloaded"
    OUR_ERROR = "our-error"


class Device(StrEnum):
    """Where the user talks."""

    BROWSER = "browser"
    DESK = "desk"


class Codec(StrEnum):
    """Audio codecs that are forwarded without decoding; the value is the SDP encoding name (RFC 3551, RFC 7587)."""

    OPUS = "opus"
    G722 = "G722"
    PCMU = "PCMU"
    PCMA = "PCMA"

    @property
    def clock_rate_hz(self) -> int:
        """RTP clock: G.722 says 8000 although it samples at 16000 (RFC 3551 section 4.5.2)."""
        return 48000 if self is Codec.OPUS else 8000

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the decoded audio."""
        return {Codec.OPUS: 48000, Codec.G722: 16000}.get(self, 8000)


@dataclass(frozen=True, slots=True)
class MediaCapabilities:
    """What one leg can carry, in its order of preference."""

    codecs: tuple[Codec, ...]
    telephone_event: bool = True


@dataclass(frozen=True, slots=True)
class Party:
    """One end of a call: `address` is an E.164 number, an extension or "" when withheld; `shown` is how people write it."""

    address: str
    name: str = ""
    shown: str = ""


class RecordingRule(StrEnum):
    """Which rule decided about recording; the person card and the record name it."""

    RECORDED = "recorded"
    NO_CONSENT = "no-consent"
    CONSENT_UNKNOWN = "consent-unknown"
    USER_OFF = "user-off"
    TENANT_OFF = "tenant-off"
    PLACE_FORBIDS = "place-forbids"
    EMERGENCY = "emergency"
    PARTY_OBJECTED = "party-objected"


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """The add-on's decision, made before the call: telephony obeys it to the letter.

    `notice_language` is en, es or pt; the notice is spoken to every party before the first byte
    is spooled. `objection_digit` stops the recording when a party presses it.
    """

    record: bool
    rule: RecordingRule
    notice_language: str = "en"
    objection_digit: str = "9"
    consent_id: str = ""
