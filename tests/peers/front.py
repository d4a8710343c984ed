"""The registrar that sipp is not: answers REGISTER, hands every other datagram on to a sipp and back."""

from __future__ import annotations

import re
import select
import socket
import threading

Address = tuple[str, int]
_LINE = re.compile(rb"^(Via|v|From|f|To|t|Call-ID|i|CSeq|Contact|m)\s*:.*$", re.IGNORECASE | re.MULTILINE)
_CONTACT = re.compile(rb"^(?:Contact|m)\s*:\s*<?sip:[^@>]*@127\.0\.0\.1:(\d+)", re.IGNORECASE | re.MULTILINE)


def accepted(register: bytes) -> bytes:
    """200 OK with what it copies from a REGISTER (RFC 3261 section 10.3)."""
    lines = [match.group(0).rstrip(b"\r") for match in _LINE.finditer(register)]
    lines = [line + b";tag=front" if line.lower().startswith((b"to:", b"t:")) else line for line in lines]
    return b"\r\n".join([b"SIP/2.0 200 OK", *lines, b"Expires: 300", b"Content-Length: 0", b"", b""])


class Front:
    """A PBX's address whose calls a sipp plays; `behind` is that sipp's port, `near` where sipp sends to."""

    def __init__(self) -> None:
        self._public, self._private = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self._public, self._private):
            one.bind(("127.0.0.1", 0))
        self.port, self.near = self._public.getsockname()[1], self._private.getsockname()[1]
        self.behind = 9
        self.registered: Address | None = None
        self.requests: list[str] = []
        self._stop, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="front", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._wake.close()
        self._thread.join(3)
        for one in (self._public, self._private, self._stop):
            one.close()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([self._public, self._private, self._stop], [], [])
            if self._stop in ready:
                return
            for one in ready:
                data, source = one.recvfrom(65535)
                if one is self._private:
                    self._from_sipp(data)
                elif data.startswith(b"REGISTER "):
                    self._register(data, source)
                else:
                    self.requests.append(data.split(b"\r\n", 1)[0].decode(errors="replace"))
                    self._private.sendto(data, ("127.0.0.1", self.behind))

    def _register(self, data: bytes, source: Address) -> None:
        contact = _CONTACT.search(data)
        self.registered = ("127.0.0.1", int(contact.group(1))) if contact else source
        self._public.sendto(accepted(data), source)

    def _from_sipp(self, data: bytes) -> None:
        if self.registered is not None:
            self._public.sendto(data, self.registered)
