"""What may reach ICE and DTLS, and where SRTP leaves aiortc: all changes to aiortc and aioice are here.

Stock aioice hands every datagram that is not STUN to DTLS, from any address and without a bound:
one empty datagram ends a call. Here only addresses that passed an authenticated ICE check are
heard (RFC 8445 section 7.3, RFC 8827 section 6.5), the queue holds 64 datagrams, broken STUN is dropped.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import aioice.ice
import aiortc.codecs
import aiortc.rtcicetransport
from aioice import Candidate, stun
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from telephony.media.sockets import bind

AIORTC, AIOICE = "1.16.", "0.13."
MAX_QUEUED = 64
RECEIVE_BYTES = 262_144
MAX_MEDIA_BEFORE_KEYS = 64
MAX_ADDRESSES = 20
# Each FINGERPRINT of a message costs a checksum of all before it: a datagram of 64 kB could hold thousands.
MAX_STUN_BYTES = 1500
MAX_ERROR_ANSWERS_PER_SECOND = 20
OPUS_PARAMETERS = {"minptime": 10, "useinbandfec": 1, "usedtx": 1}
_BROKEN = (ValueError, struct.error, IndexError, KeyError, TypeError, AssertionError)

Address = tuple[str, int]


class GuardedConnection(aioice.ice.Connection):  # type: ignore[misc] # aioice is untyped here
    """Remembers which addresses are proven; `on_media` takes SRTP and SRTCP past the queue.

    `on_plain` hears of a peer that sends media although no keys are agreed: that is no SRTP.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proven: set[Address] = set()
        self.on_media: Callable[[bytes], None] | None = None
        self.on_plain: Callable[[], None] | None = None
        self.refused = self.plain = 0
        self._error_answers: deque[float] = deque(maxlen=MAX_ERROR_ANSWERS_PER_SECOND)

    async def get_component_candidates(self, component: int, addresses: list[str], timeout: int = 5) -> list[Any]:
        """Host candidates, each on a media socket; addresses that cannot be bound are left out."""
        if self.stun_server or self.turn_server:
            return list(await super().get_component_candidates(component, addresses, timeout))
        made = []
        for address in addresses:
            protocol = GuardedProtocol(self)
            try:
                host, port = bind(protocol, address, 0, RECEIVE_BYTES).get_extra_info("sockname")[:2]
            except OSError:
                continue
            foundation, priority = candidate_foundation("host", "udp", host), candidate_priority(component, "host")
            protocol.local_candidate = Candidate(foundation, component, "udp", priority, host, port, "host")
            self._protocols.append(protocol)
            made.append(protocol.local_candidate)
        return made

    def prove(self, addr: Address) -> None:
        """This address answered or sent a check that carried the right password."""
        if len(self.proven) < MAX_ADDRESSES:
            self.proven.add(addr)

    def request_received(self, message: Any, addr: Address, protocol: Any) -> None:
        """A check; one that waits for `connect` was authenticated too."""
        super().request_received(message, addr, protocol)
        if self._early_checks and self._early_checks[-1][0] is message:
            self.prove(addr)

    def check_incoming(self, message: Any, addr: Address, protocol: Any) -> None:
        """An authenticated check."""
        self.prove(addr)
        if addr in self.proven:
            super().check_incoming(message, addr, protocol)

    def check_complete(self, pair: Any) -> None:
        """A check of ours came to its end."""
        if pair.state == aioice.ice.CandidatePair.State.SUCCEEDED:
            self.prove(pair.remote_addr)
        super().check_complete(pair)

    def respond_error(self, request: Any, addr: Address, protocol: Any, error_code: tuple[int, str]) -> None:
        """Answer strangers at most 20 times a second."""
        now = asyncio.get_running_loop().time()
        if len(self._error_answers) == MAX_ERROR_ANSWERS_PER_SECOND and now - self._error_answers[0] < 1.0:
            self.refused += 1
            return
        self._error_answers.append(now)
        super().respond_error(request, addr, protocol, error_code)

    def media_before_keys(self) -> None:
        """Late keys excuse a few packets, not more than a second of them."""
        self.plain += 1
        if self.plain == MAX_MEDIA_BEFORE_KEYS and self.on_plain is not None:
            self.on_plain()

    def data_received(self, data: bytes, component: int) -> None:
        """Queue for DTLS, within the bound."""
        if self._queue.qsize() < MAX_QUEUED:
            super().data_received(data, component)
        else:
            self.refused += 1


class GuardedProtocol(aioice.ice.StunProtocol):  # type: ignore[misc] # aioice is untyped here
    """Sorts datagrams by their first byte before anything parses them (RFC 7983 section 7)."""

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """One datagram from anywhere."""
        connection = self.receiver
        if len(addr) != 2:
            addr = addr[:2]
        if len(data) > 1 and data[0] > 127 and addr in connection.proven and connection.on_media is not None:
            connection.on_media(data)
        else:
            self._sort(data, (addr[0], addr[1]))

    def _sort(self, data: bytes, source: Address) -> None:
        connection = self.receiver
        if len(data) < 2 or (data[0] < 4 and len(data) > MAX_STUN_BYTES):
            connection.refused += 1
        elif data[0] < 4:
            self._stun(data, source)
        elif source not in connection.proven:
            connection.refused += 1
        elif data[0] > 127 and connection.on_plain is not None:
            connection.media_before_keys()
        else:
            connection.data_received(data, self.local_candidate.component)

    def _stun(self, data: bytes, source: Address) -> None:
        try:
            message = stun.parse_message(data)
            if message.message_class == stun.Class.REQUEST:
                self.receiver.request_received(message, source, self)
            elif message.message_class != stun.Class.INDICATION:
                transaction = self.transactions.get(message.transaction_id)
                if transaction is not None:
                    transaction.response_received(message, source)
        except _BROKEN:
            self.receiver.refused += 1


def check_versions() -> None:
    """Refuse to run on another aiortc or aioice than the guard was written for."""
    for name, wanted in (("aiortc", AIORTC), ("aioice", AIOICE)):
        if not version(name).startswith(wanted):
            raise RuntimeError(f"the guard is written for {name} {wanted}x, not {version(name)}")


def use_addresses(addresses: Sequence[str]) -> None:
    """Gather host candidates on these addresses only; the way to loopback, which aioice leaves out."""
    fixed = list(addresses)
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: fixed


def _install() -> None:
    check_versions()
    aioice.ice.StunProtocol = GuardedProtocol
    aiortc.rtcicetransport.Connection = GuardedConnection
    audio = aiortc.codecs.CODECS["audio"]
    for codec in audio:
        if codec.mimeType == "audio/opus":
            codec.parameters = dict(OPUS_PARAMETERS)
    if not any(codec.mimeType == "audio/telephone-event" for codec in audio):
        for clock_rate, payload_type in ((48000, 110), (8000, 126)):
            audio.append(
                RTCRtpCodecParameters(
                    mimeType="audio/telephone-event", clockRate=clock_rate, channels=1, payloadType=payload_type
                )
            )


_install()
