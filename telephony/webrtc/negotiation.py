"""Browser offers: capped and checked before aiortc sees them, then cut down to the one codec of the call."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc.sdp import SessionDescription

from contract.addresses import is_public
from contract.calls import Codec
from telephony.errors import MediaError, ParseError

MAX_BYTES = 32_768
MAX_LINES = 500
MAX_CANDIDATES = 20
_CODECS = {codec.value.lower(): codec for codec in Codec}
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_DIGESTS = {"sha-256": 32, "sha-384": 48, "sha-512": 64}


@dataclass(frozen=True, slots=True)
class Offer:
    """A readable offer of one audio line; `codecs` in the browser's order."""

    sdp: str
    codecs: tuple[Codec, ...]
    events: dict[int, int]
    payload_types: dict[Codec, int]


def allows_any(address: str) -> bool:
    """Candidates on private and loopback addresses too: development and tests."""
    found = ipaddress.ip_address(address)
    return not (found.is_multicast or found.is_unspecified or found.is_link_local)


def allows_public(address: str) -> bool:
    """Only global addresses are checked, so that no offer makes us scan our own network (RFC 8826 section 4.2.4)."""
    return is_public(address)


def read_offer(sdp: str) -> Offer:
    """Check a browser's offer; lets out only ParseError."""
    if len(sdp) > MAX_BYTES or sdp.count("\n") > MAX_LINES or sdp.count("a=candidate:") > MAX_CANDIDATES:
        raise ParseError("the offer is too large")
    try:
        return _read(sdp)
    except ParseError:
        raise
    except Exception as error:  # aiortc's parser lets out seventeen kinds of error
        raise ParseError(f"the offer is broken: {type(error).__name__}") from None


def _read(sdp: str) -> Offer:
    media = _audio(SessionDescription.parse(sdp))
    if not (_UFRAG.fullmatch(media.ice.usernameFragment or "") and _PASSWORD.fullmatch(media.ice.password or "")):
        raise ParseError("the offer has no ICE credentials")
    if media.dtls is None or media.dtls.role == "server":
        raise ParseError("the offer leaves us no passive role")
    if not any(_is_digest(found) for found in media.dtls.fingerprints):
        raise ParseError("the offer has no usable fingerprint")
    payload_types: dict[Codec, int] = {}
    events: dict[int, int] = {}
    for codec in media.rtp.codecs:
        name = codec.name.lower()
        known = _CODECS.get(name)
        if known is not None and codec.clockRate == known.clock_rate_hz:
            payload_types.setdefault(known, codec.payloadType)
        elif name == "telephone-event":
            events.setdefault(codec.clockRate, codec.payloadType)
    if not payload_types:
        raise ParseError("the offer has no codec of ours")
    return Offer(sdp, tuple(payload_types), events, payload_types)


def _audio(description: Any) -> Any:
    if len(description.media) != 1 or description.media[0].kind != "audio":
        raise ParseError("the offer has not exactly one audio line")
    media = description.media[0]
    if not media.rtcp_mux or not media.rtp.muxId or "SAVP" not in media.profile or media.port == 0:
        raise ParseError("the offer is not WebRTC audio")
    return media


def _is_digest(fingerprint: Any) -> bool:
    octets = _DIGESTS.get(fingerprint.algorithm.lower(), 0)
    return octets > 0 and bool(re.fullmatch(rf"[0-9A-Fa-f]{{2}}(:[0-9A-Fa-f]{{2}}){{{octets - 1}}}", fingerprint.value))


def _usable(candidate: Any, allows: Callable[[str], bool]) -> bool:
    try:
        return candidate.protocol.lower() == "udp" and 0 < candidate.port < 65536 and allows(candidate.ip)
    except ValueError:
        return False


def trimmed(offer: Offer, codec: Codec, allows: Callable[[str], bool]) -> str:
    """The offer with this codec and the telephone-event of its clock only; other clocks break the browser's digits.

    Candidates with host names (.local), of other transports or of refused addresses are left out: the
    browser's own checks reach us anyway. Raises MediaError when the offer lacks the codec, else only ParseError.
    """
    if codec not in offer.codecs:
        raise MediaError(f"the browser does not offer {codec.value}")
    try:
        return _trimmed(offer, codec, allows)
    except Exception as error:  # what aiortc's parser took, its writer may refuse
        raise ParseError(f"the offer is broken: {type(error).__name__}") from None


def _trimmed(offer: Offer, codec: Codec, allows: Callable[[str], bool]) -> str:
    description = SessionDescription.parse(offer.sdp)
    media = description.media[0]
    wanted = [offer.payload_types[codec]]
    if codec.clock_rate_hz in offer.events:
        wanted.append(offer.events[codec.clock_rate_hz])
    # One audio line needs no mid to be told apart, and nobody looks at levels: a plain header.
    media.rtp.headerExtensions = []
    media.rtp.codecs = [found for found in media.rtp.codecs if found.payloadType in wanted]
    media.fmt = wanted
    media.ice_candidates = [found for found in media.ice_candidates if _usable(found, allows)]
    media.ice_candidates_complete = True
    media.ssrc, media.ssrc_group = [], []
    description.type = "offer"
    return str(description)


def advertised(answer: str, bound: str, public: str) -> str:
    """The answer with our public address in place of the bound one (1:1 NAT)."""
    if bound == public:
        return answer
    return re.sub(rf"(?<=[ ]){re.escape(bound)}(?=[ \r\n])", public, answer)
