"""What a SIP leg needs of the socket that carries its audio."""

from __future__ import annotations

from typing import Protocol

from contract.calls import Codec
from telephony.media.frame import Endpoint


class RtpSocket(Endpoint, Protocol):
    """The media socket of a leg."""

    @property
    def local_port(self) -> int:
        """UDP port for our SDP."""
        ...

    def connect(self, host: str, port: int, codec: Codec, payload_type: int, event_payload_type: int | None) -> None:
        """Where the far party hears, and how."""
        ...

    def set_direction(self, sending: bool, receiving: bool) -> None:
        """What the agreed direction allows."""
        ...
