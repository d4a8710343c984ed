"""The PBX of a load run: answers a call to `load<k>` with the RTP address of the engine's leg for call k; UDP only.

It relies on its caller for everything that gets lost.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from typing import Any, cast

from bench.load.browser_sdp import HOST, Audio, Description, plain

_KEPT = re.compile(r"(?:via|v|from|f|call-id|i|cseq|record-route)\s*:", re.IGNORECASE)
_REMEMBERED = 4000


def header(head: str, name: str, short: str) -> str:
    """Its first value; empty when there is none."""
    found = re.search(rf"^(?:{name}|{short})\s*:\s*(.*?)\s*$", head, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


class SipPeer(asyncio.DatagramProtocol):
    """`wanted` says where call k's party hears, `offered` where the caller of call k does."""

    def __init__(self, audio: Audio) -> None:
        self.wanted: dict[int, int] = {}
        self.offered: dict[int, tuple[str, int]] = {}
        self.invites = 0
        self._audio = audio
        self._answers: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    @classmethod
    async def open(cls, audio: Audio) -> SipPeer:
        """Bind any port."""
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(lambda: cls(audio), local_addr=(HOST, 0))
        return peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """A request; answers need none."""
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        method = head.partition(" ")[0]
        if method in {"SIP/2.0", "ACK"} or not head.strip():
            return
        key = header(head, "Call-ID", "i"), header(head, "CSeq", "s")
        if key not in self._answers:
            self._answers[key] = self._answer(method, head, body)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        self._transport.sendto(self._answers[key], addr)

    def _answer(self, method: str, head: str, body: str) -> bytes:
        if method == "REGISTER":
            return _response(head, "200 OK", "", f"Contact: {header(head, 'Contact', 'm')};expires=3600")
        if method != "INVITE":
            return _response(head, "200 OK", "", "")
        found = re.search(r"load(\d+)@", head.partition("\r\n")[0])
        number = int(found[1]) if found else -1
        if number not in self.wanted:
            return _response(head, "404 Not Found", "", "")
        self.invites += 1
        offer = Description.parse(body)
        self.offered[number] = (offer.host, offer.port)
        answer = plain(self.wanted[number], self._audio, offer.payload_type(self._audio))
        contact = f"Contact: <sip:load{number}@{HOST}:{self.port}>\r\nContent-Type: application/sdp"
        return _response(head, "200 OK", answer, contact)

    def close(self) -> None:
        """Release the socket."""
        self._transport.close()


def _response(head: str, status: str, body: str, extra: str) -> bytes:
    to = header(head, "To", "t")
    if "tag=" not in to:
        to += ";tag=" + secrets.token_hex(4)
    kept = [line for line in head.split("\r\n") if _KEPT.match(line)]
    lines = [
        f"SIP/2.0 {status}",
        *kept,
        f"To: {to}",
        *([extra] if extra else []),
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()
