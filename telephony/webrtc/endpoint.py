"""The browser's audio as encoded frames: SRTP leaves and enters at the socket, nothing is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contract.calls import Codec
from telephony.media.dtmf import DtmfReceiver
from telephony.media.frame import Frame, new_frame
from telephony.media.rtp import Numbering
from telephony.webrtc.guard import GuardedConnection
from telephony.webrtc.srtp import Opened, SrtpReader, SrtpWriter


class WebRtcEndpoint:
    """Implements `telephony.media.frame.Endpoint`; survives the browser's reconnects."""

    def __init__(self, codec: Codec, now: Callable[[], float]) -> None:
        self.codec = codec
        self.on_frame: Callable[[Frame], None] | None = None
        self.on_digit_out: Callable[[str], None] | None = None
        self.last_media_at: float | None = None
        self.received = self.sent = 0
        self._now = now
        self._numbering = Numbering(codec.clock_rate_hz)
        self._digits = DtmfReceiver()
        self._connection: GuardedConnection | None = None
        # Of the nominated pair, which changes when the browser moves.
        self._pair: Any = None
        self._transport: Any = None
        self._send: Callable[[bytes, Any], int] = _nowhere
        self._to: Any = None
        self._protect: Callable[[int, bool, int, int, int, bytes], bytes] = _unprotected
        self._unprotect: Callable[[bytes], Opened | None] = _ignore
        self._payload_type = 0
        self._event_payload_type: int | None = None

    def attach(
        self, connection: GuardedConnection, dtls: Any, ssrc: int, payload_type: int, event_payload_type: int | None
    ) -> None:
        """Carry the audio over a connection whose DTLS is up; an earlier one is no longer heard."""
        self.detach()
        self._numbering = Numbering(self.codec.clock_rate_hz)
        self._numbering.ssrc = ssrc
        self._digits = DtmfReceiver()
        self._payload_type, self._event_payload_type = payload_type, event_payload_type
        self._protect = SrtpWriter(dtls._tx_srtp).protect
        self._unprotect = SrtpReader(dtls._rx_srtp).unprotect
        self._connection = connection
        self.last_media_at = self._now()
        connection.on_media = self._received

    def detach(self) -> None:
        """Send nothing and hear nothing until the next `attach`."""
        if self._connection is not None:
            self._connection.on_media = _ignore
        self._connection = self._pair = self._transport = self._to = None
        self._send, self._protect, self._unprotect = _nowhere, _unprotected, _ignore

    def send(self, frame: Frame) -> None:
        """Send one frame; dropped while the browser is away."""
        payload, in_timestamp, in_sequence, marker, _ = frame
        connection, numbering = self._connection, self._numbering
        if connection is None or not payload:
            return
        pair = connection._nominated.get(1)
        if pair is None:
            return
        if pair is not self._pair:
            self._pair, self._transport, self._to = pair, pair.protocol.transport, pair.remote_addr
            self._send = self._transport.send
        placed = numbering.place(in_sequence, in_timestamp, self._now())
        if placed is None:
            return
        sequence, timestamp, fresh = placed
        packet = self._protect(self._payload_type, marker or fresh, sequence, timestamp, numbering.ssrc, payload)
        if packet:
            self.sent += 1
            try:
                self._send(packet, self._to)
            except BlockingIOError:
                pass
            except OSError as error:
                self._transport.failed(error)

    def send_digit(self, digit: str, duration_ms: int = 120) -> None:
        """A browser plays no events: the digit goes to signalling, if that listens."""
        if self.on_digit_out is not None:
            self.on_digit_out(digit)

    def close(self) -> None:
        """Further frames are ignored."""
        self.detach()
        self.on_frame = self.on_digit_out = None

    def _received(self, data: bytes) -> None:
        opened = self._unprotect(data)
        if opened is None:
            return
        payload_type, marker, sequence, timestamp, payload = opened
        self.received += 1
        self.last_media_at = self._now()
        if self.on_frame is None:
            return
        if payload_type == self._payload_type:
            self.on_frame(new_frame(Frame, (payload, timestamp, sequence, marker, "")))
        elif payload_type == self._event_payload_type:
            for digit in self._digits.feed(payload, timestamp):
                self.on_frame(Frame(b"", timestamp, sequence, digit=digit))


def _nowhere(_packet: bytes, _to: Any) -> int:
    """No pair is nominated."""
    return 0


def _unprotected(_type: int, _marker: bool, _sequence: int, _timestamp: int, _ssrc: int, _payload: bytes) -> bytes:
    """Without keys nothing is sent."""
    return b""


def _ignore(_data: bytes) -> None:
    """Late packets of a connection that was replaced."""
