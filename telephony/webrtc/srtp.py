"""SRTP in place: one buffer per direction over the sessions that aiortc's DTLS made (RFC 3711, RFC 7714)."""

from __future__ import annotations

import struct
from typing import Any

from pylibsrtp._binding import ffi, lib

from telephony.errors import ParseError
from telephony.media.rtp import HEADER, parse_rtp

MAX_PACKET = 1500
_TRAILER = 16 + 128
_OK, _protect, _unprotect = lib.srtp_err_status_ok, lib.srtp_protect, lib.srtp_unprotect
_pack_into, _unpack = HEADER.pack_into, HEADER.unpack_from
# Payload type, marker, sequence, timestamp, payload.
Opened = tuple[int, bool, int, int, bytes]
_MAX_PAYLOAD = MAX_PACKET - _TRAILER - HEADER.size


class SrtpWriter:
    """Builds and protects outgoing packets."""

    def __init__(self, session: Any) -> None:
        self._session, self._handle = session, session._srtp[0]
        self._bytes = ffi.new("unsigned char[]", MAX_PACKET)
        self._view = ffi.buffer(self._bytes)
        self._length = ffi.new("int *")

    def protect(
        self, payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
    ) -> bytes:
        """One SRTP packet; empty when the payload is too long or libsrtp refuses."""
        size = len(payload)
        if size > _MAX_PAYLOAD:
            return b""
        view, length = self._view, self._length
        _pack_into(view, 0, 0x80, payload_type | (0x80 if marker else 0), sequence, timestamp, ssrc)
        view[12 : 12 + size] = payload
        length[0] = 12 + size
        if _protect(self._handle, self._bytes, length) != _OK:
            return b""
        packet: bytes = view[0 : length[0]]
        return packet

    def protect_rtcp(self, packet: bytes) -> bytes:
        """One SRTCP packet; empty when libsrtp refuses."""
        self._view[0 : len(packet)] = packet
        self._length[0] = len(packet)
        if lib.srtp_protect_rtcp(self._handle, self._bytes, self._length) != _OK:
            return b""
        return bytes(self._view[0 : self._length[0]])


class SrtpReader:
    """Checks and opens incoming packets."""

    def __init__(self, session: Any) -> None:
        self._session, self._handle = session, session._srtp[0]
        self._bytes = ffi.new("unsigned char[]", MAX_PACKET)
        self._view = ffi.buffer(self._bytes)
        self._length = ffi.new("int *")

    def unprotect(self, data: bytes) -> Opened | None:
        """The packet's fields; None for RTCP, a wrong tag, a replay or a broken header."""
        size = len(data)
        if size > MAX_PACKET or 192 <= data[1] <= 223:
            return None
        view, length = self._view, self._length
        view[0:size] = data
        length[0] = size
        if _unprotect(self._handle, self._bytes, length) != _OK:
            return None
        packet: bytes = view[0 : length[0]]
        first, second, sequence, timestamp, _ = _unpack(packet)
        if first == 0x80:
            return second & 0x7F, second > 0x7F, sequence, timestamp, packet[12:]
        try:
            parsed = parse_rtp(packet)
        except (ParseError, struct.error):
            return None
        return parsed.payload_type, parsed.marker, sequence, timestamp, parsed.payload
