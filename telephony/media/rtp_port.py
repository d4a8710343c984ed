"""One plain RTP socket as an endpoint: source check, own numbering, digits, counters."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from contract.addresses import is_public
from contract.calls import Codec
from telephony.errors import MediaError, ParseError
from telephony.media.dtmf import PACKET_MS, DtmfReceiver, event_payloads
from telephony.media.frame import Frame, new_frame
from telephony.media.rtp import HEADER, Numbering, RtpPacket, build_rtp, parse_rtp
from telephony.media.sockets import MediaSocket, bind

PROBATION = 5
LEARN_SECONDS = 0.5
_BIND_TRIES = 50
_pack, _unpack = HEADER.pack, HEADER.unpack_from

Address = tuple[str, int]


@dataclass(slots=True)
class RtpCounters:
    """What one port saw; `foreign` came from elsewhere than the far party."""

    received: int = 0
    sent: int = 0
    foreign: int = 0
    malformed: int = 0


class RtpPort(asyncio.DatagramProtocol):
    """Plain RTP (RFC 3550); implements `telephony.media.frame.Endpoint`.

    The far party is the address of its SDP. Behind NAT its packets come from elsewhere: that
    address is learned once, from five packets of one SSRC in a row, and then locked. A changed
    SSRC from the locked address has the same probation. Another host than the SDP's is learned
    only when that one stays silent for `LEARN_SECONDS`, or is of a private network and could
    not be heard at all: a spray that is there first wins no call. `may_reach` says to which
    signalled addresses packets go before any came from there.
    """

    def __init__(self, now: Callable[[], float], may_reach: Callable[[str], bool] = lambda _: True) -> None:
        self.codec = Codec.PCMU
        self.on_frame: Callable[[Frame], None] | None = None
        self.counters = RtpCounters()
        self.sending = self.receiving = True
        self.payload_type = 0
        self.event_payload_type: int | None = None
        self.last_media_at: float | None = None
        self._now, self._may_reach = now, may_reach
        self._reachable, self._learns_at = False, 0.0
        self._transport: MediaSocket | None = None
        self._send: Callable[[bytes, Address], int] = _nowhere
        self._numbering = Numbering(8000)
        self._digits = DtmfReceiver()
        self._event_timer: asyncio.TimerHandle | None = None
        self._waiting_digits: list[tuple[str, int]] = []
        self._signalled: Address | None = None
        self._locked: Address | None = None
        self._ssrc: int | None = None
        self._ssrc_locked = True
        self._candidate: tuple[Address, int, int] = (("", 0), 0, 0)

    @property
    def local_port(self) -> int:
        """The bound UDP port, for our SDP."""
        if self._transport is None:
            raise MediaError("the RTP port is closed")
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def remote(self) -> Address | None:
        """Where packets go."""
        return self._locked or (self._signalled if self._reachable else None)

    def connect(
        self,
        host: str,
        port: int,
        codec: Codec,
        payload_type: int,
        event_payload_type: int | None,
        remote_ssrc_locked: bool = True,
    ) -> None:
        """Set the far party as its SDP says; again after each offer and answer. `host` is an IP address."""
        if (host, port) != self._signalled:
            self._signalled, self._locked, self._ssrc = (host, port), None, None
            self._reachable, self._learns_at = self._may_reach(host), self._now() + LEARN_SECONDS
        if codec is not self.codec or codec.clock_rate_hz != self._numbering.clock_rate_hz:
            self._numbering = Numbering(codec.clock_rate_hz)
        self.codec, self.payload_type, self.event_payload_type = codec, payload_type, event_payload_type
        self._ssrc_locked = remote_ssrc_locked

    def set_direction(self, sending: bool, receiving: bool) -> None:
        """What the SDP direction allows from our side (RFC 3264 section 5.1)."""
        self.sending, self.receiving = sending, receiving

    def seconds_since_media(self) -> float | None:
        """Age of the last packet of the far party; None before the first."""
        return None if self.last_media_at is None else self._now() - self.last_media_at

    def send(self, frame: Frame) -> None:
        """Send one frame on our own line of sequence and time."""
        payload, in_timestamp, in_sequence, marker, _ = frame
        to, transport, numbering = self._locked or self.remote, self._transport, self._numbering
        if to is None or transport is None or not self.sending or not payload:
            return
        if self._event_timer is not None:
            numbering.swallow(in_sequence)
            return
        placed = numbering.place(in_sequence, in_timestamp, self._now())
        if placed is None:
            return
        sequence, timestamp, fresh = placed
        kind = self.payload_type | 0x80 if marker or fresh else self.payload_type
        try:
            self._send(_pack(0x80, kind, sequence, timestamp, numbering.ssrc) + payload, to)
        except BlockingIOError:
            return
        except OSError as error:
            self.error_received(error)
            return
        self.counters.sent += 1

    def send_digit(self, digit: str, duration_ms: int = 120) -> None:
        """Send one event after those that still run; nothing when the far party takes none."""
        if self.event_payload_type is None or self._transport is None:
            return
        self._waiting_digits.append((digit, duration_ms))
        if self._event_timer is None:
            self._begin_event()

    def _begin_event(self) -> None:
        self._event_timer = None
        if not self._waiting_digits:
            return
        digit, duration_ms = self._waiting_digits.pop(0)
        payloads = event_payloads(digit, duration_ms, self._numbering.clock_rate_hz)
        self._step_event(payloads, self._numbering.begin_event(self._now()), True)

    def _step_event(self, payloads: list[bytes], timestamp: int, marker: bool) -> None:
        to, loop = self.remote, asyncio.get_running_loop()
        if self._transport is None or to is None or self.event_payload_type is None:
            self._event_timer = None
            return
        packet = build_rtp(
            self.event_payload_type,
            marker,
            self._numbering.next_sequence(),
            timestamp,
            self._numbering.ssrc,
            payloads[0],
        )
        if self.sending:
            self._transport.sendto(packet, to)
            self.counters.sent += 1
        if payloads[1:]:
            delay = PACKET_MS / 1000
            self._event_timer = loop.call_later(delay, self._step_event, payloads[1:], timestamp, False)
        else:
            self._event_timer = loop.call_later(2 * PACKET_MS / 1000, self._begin_event)

    def close(self) -> None:
        """Release the socket; further frames are ignored."""
        if self._event_timer is not None:
            self._event_timer.cancel()
        if self._transport is not None:
            self._transport.close()
            self._transport, self._send = None, _nowhere
        self.on_frame = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = cast(MediaSocket, transport)
        self._send = self._transport.send

    def error_received(self, exc: Exception) -> None:
        """An ICMP answer says nothing certain about the far party."""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One datagram from anywhere."""
        if addr == self._locked and len(data) >= HEADER.size:
            # The packet that is due: nothing is built for it but its frame.
            first, second, sequence, timestamp, ssrc = _unpack(data)
            if first == 0x80 and second & 0x7F == self.payload_type and ssrc == self._ssrc:
                self.counters.received += 1
                self.last_media_at = self._now()
                if self.receiving and self.on_frame is not None:
                    self.on_frame(new_frame(Frame, (data[12:], timestamp, sequence, second > 0x7F, "")))
                return
        self._sort(data, (addr[0], addr[1]))

    def _sort(self, data: bytes, source: Address) -> None:
        try:
            packet = parse_rtp(data)
        except ParseError:
            self.counters.malformed += 1
            return
        if not self._is_theirs(source, packet):
            self.counters.foreign += 1
            return
        self.counters.received += 1
        self.last_media_at = self._now()
        if self.receiving and self.on_frame is not None:
            self._deliver(packet, self.on_frame)

    def _is_theirs(self, source: Address, packet: RtpPacket) -> bool:
        if self._signalled is None or packet.payload_type not in (self.payload_type, self.event_payload_type):
            return False
        if source == self._locked:
            return packet.ssrc == self._ssrc or self._new_ssrc(source, packet.ssrc)
        if source == self._signalled:
            self._locked, self._ssrc = source, packet.ssrc
            return True
        return self._locked is None and self._may_learn(source[0]) and self._passed(source, packet.ssrc)

    def _may_learn(self, host: str) -> bool:
        assert self._signalled is not None
        behind_nat = is_public(host) and not is_public(self._signalled[0])
        return host == self._signalled[0] or behind_nat or self._now() >= self._learns_at

    def _new_ssrc(self, source: Address, ssrc: int) -> bool:
        if self._ssrc_locked:
            return self._passed(source, ssrc)
        self._ssrc = ssrc
        return True

    def _passed(self, source: Address, ssrc: int) -> bool:
        seen = self._candidate[2] + 1 if self._candidate[:2] == (source, ssrc) else 1
        self._candidate = (source, ssrc, seen)
        if seen < PROBATION:
            return False
        self._locked, self._ssrc = source, ssrc
        return True

    def _deliver(self, packet: RtpPacket, on_frame: Callable[[Frame], None]) -> None:
        if packet.payload_type == self.payload_type:
            on_frame(Frame(packet.payload, packet.timestamp, packet.sequence, packet.marker))
            return
        for digit in self._digits.feed(packet.payload, packet.timestamp):
            on_frame(Frame(b"", packet.timestamp, packet.sequence, digit=digit))


def _nowhere(_packet: bytes, _to: Address) -> int:
    """The port is not bound, or closed."""
    return 0


async def open_rtp_port(
    bind_ip: str, port_range: tuple[int, int] | None = None, may_reach: Callable[[str], bool] = lambda _: True
) -> RtpPort:
    """Bind an even port of the range, or any; raises MediaError when none is free (RFC 3550 section 11)."""
    now = asyncio.get_running_loop().time
    choices = [0] * _BIND_TRIES
    if port_range is not None:
        even = range(port_range[0] + port_range[0] % 2, port_range[1] + 1, 2)
        choices = random.sample(even, min(_BIND_TRIES, len(even)))
    for choice in choices:
        port = RtpPort(now, may_reach)
        try:
            bind(port, bind_ip, choice)
        except OSError:
            continue
        return port
    raise MediaError("no RTP port is free")
