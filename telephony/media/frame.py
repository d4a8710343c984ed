"""What travels between two parties, and where it enters and leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from contract.calls import Codec


class Frame(NamedTuple):
    """One encoded RTP payload on its way between two parties.

    `timestamp` is in the codec's clock. `digit` is set, with an empty payload, when an RFC 4733 event ended.
    `sequence` lets a recorder see loss.
    """

    payload: bytes
    timestamp: int
    sequence: int = 0
    marker: bool = False
    digit: str = ""


# Of all five fields, as a tuple: a Frame without the call of its constructor, for what is done per packet.
new_frame = tuple.__new__


class Endpoint(Protocol):
    """Where a leg's media enters and leaves this process; `on_frame` is called for each received frame."""

    codec: Codec
    on_frame: Callable[[Frame], None] | None

    def send(self, frame: Frame) -> None:
        """Send one frame; the endpoint keeps its own SSRC, sequence and a continuous timestamp line."""
        ...

    def send_digit(self, digit: str, duration_ms: int = 120) -> None:
        """Send one RFC 4733 event (or hand it to signalling on a browser leg)."""
        ...

    def close(self) -> None:
        """Release sockets; further frames are ignored."""
        ...
