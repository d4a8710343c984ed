"""One HTTP/1.1 connection to a service of ours (RFC 9112): small JSON answers of a told length, no header objects.

A person card asks one question over it; reading the answer's headers into objects would cost as much as both token checks.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

MAX_HEAD_BYTES = 16_384
_RECEIVE_BYTES = 65_536
# Over the head in lower case.
_STATUS = re.compile(rb"http/1\.1 (\d{3})(?: [^\r\n]*)?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n")
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n")


class BadAnswer(Exception):
    """What came back is no answer with a body of a told and bearable length."""


class KeptConnection:
    """Connected when made; raises OSError, and ValueError for an address that is none."""

    def __init__(self, url: str, timeout_seconds: float, max_body_bytes: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not an http address")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        self._host, self._prefix, self._max_body_bytes = parts.netloc, parts.path, max_body_bytes
        self._socket = socket.create_connection((parts.hostname, port), timeout_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=parts.hostname)
        self.is_open = True

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, bytes]:
        """Status and body; raises OSError and BadAnswer, after which the connection is closed."""
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", f"Host: {self._host}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            self._socket.sendall("\r\n".join([*lines, "\r\n"]).encode("ascii") + body)
            return self._answer()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Idempotent."""
        self.is_open = False
        self._socket.close()

    def _answer(self) -> tuple[int, bytes]:
        held = self._more(b"")
        while (end := held.find(b"\r\n\r\n")) < 0:
            if len(held) > MAX_HEAD_BYTES:
                raise BadAnswer("a long head")
            held = self._more(held)
        head = held[: end + 2].lower()
        status, length = _STATUS.match(head), _LENGTH.search(head)
        if end > MAX_HEAD_BYTES or status is None or length is None or b"\r\ntransfer-encoding:" in head:
            raise BadAnswer("no status or no length, or too long a head")
        size = int(length[1])
        if size > self._max_body_bytes:
            raise BadAnswer("a long body")
        end += 4
        while len(held) < end + size:
            held = self._more(held)
        if len(held) > end + size:
            raise BadAnswer("more than was told")
        if _CLOSE.search(head):
            self.close()
        return int(status[1]), held[end:]

    def _more(self, held: bytes) -> bytes:
        data = self._socket.recv(_RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("closed by the other side")
        return held + data
