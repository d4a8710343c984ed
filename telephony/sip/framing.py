"""Where messages begin and end in a stream (RFC 3261 sections 7.5 and 18.3, keep-alives of RFC 5626 section 3.5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from telephony.errors import ParseError
from telephony.sip.message import MAX_MESSAGE_BYTES, body_length

PING, PONG = b"\r\n\r\n", b"\r\n"
MAX_HEAD_BYTES = 32_768
_END = b"\r\n\r\n"


class StreamParser:
    """Bytes in, whole messages and PINGs out; where the bytes were cut on their way makes no difference."""

    __slots__ = ("_buffer", "_needed", "_saw_line_end", "_scanned")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned, self._needed, self._saw_line_end = 0, 0, False

    @property
    def waiting(self) -> bool:
        """True in the middle of a message."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What is complete now, to be read to the end; raises ParseError where the stream can be read no further."""
        self._buffer += data
        while self._buffer:
            found = self._message() if self._needed or self._buffer[0] not in PING else self._line_ends()
            if found is None:
                return
            if found:
                yield found

    def _line_ends(self) -> bytes:
        """Blank lines between messages: every second one in a row completes a PING, a lone one is a PONG."""
        del self._buffer[: self._buffer[:1] == b"\r"]
        if self._buffer[:1] != b"\n":
            return b""
        del self._buffer[:1]
        self._saw_line_end = not self._saw_line_end
        return b"" if self._saw_line_end else PING

    def _message(self) -> bytes | None:
        self._saw_line_end = False
        if not self._needed and not self._head():
            return None
        if len(self._buffer) < self._needed:
            return None
        whole = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._scanned = self._needed = 0
        return whole

    def _head(self) -> bool:
        end = self._buffer.find(_END, self._scanned)
        self._scanned = max(0, len(self._buffer) - len(_END) + 1)
        if (self._scanned if end < 0 else end) > MAX_HEAD_BYTES:
            raise ParseError("headers without an end")
        if end < 0:
            return False
        self._needed = end + len(_END) + body_length(bytes(self._buffer[:end]))
        if self._needed > MAX_MESSAGE_BYTES:
            raise ParseError("too long")
        return True
