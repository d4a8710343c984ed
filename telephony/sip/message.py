"""SIP messages (RFC 3261 section 7): tolerant in, exact out; header values stay text until somebody asks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from telephony.errors import ParseError
from telephony.sip.uri import NameAddr, Via, split_outside

MAX_MESSAGE_BYTES = 65_535
MAX_HEADERS = 100
MAX_LINE_CHARS = 8_192
COMPACT = {
    "i": "Call-ID", "m": "Contact", "e": "Content-Encoding", "l": "Content-Length", "c": "Content-Type", "f": "From",
    "s": "Subject", "k": "Supported", "t": "To", "v": "Via", "o": "Event", "r": "Refer-To", "b": "Referred-By", "x": "Session-Expires",
}  # fmt: skip
LISTS = {
    "via",
    "route",
    "record-route",
    "contact",
    "allow",
    "supported",
    "require",
    "unsupported",
    "p-asserted-identity",
}
SINGLE = {"from", "to", "call-id", "cseq", "content-length", "max-forwards"}
_REQUEST = re.compile(r"([A-Z0-9\-.!%*_+`'~]{1,64}) (\S{1,2048}) SIP/2\.0", re.ASCII | re.IGNORECASE)
_RESPONSE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?", re.ASCII | re.IGNORECASE)
_CSEQ = re.compile(r"\s*(\d{1,10})\s+(\S{1,64})\s*", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]{1,64}", re.ASCII)
# A NUL is legal only as a quoted pair (RFC 4475 section 3.1.1.2).
_FORBIDDEN = re.compile(r"[\r\n]|(?<!\\)\x00")


@dataclass(frozen=True, slots=True)
class Message:
    """A request (`method`, `uri`) or a response (`status`, `reason`); its picture quotes nobody."""

    method: str = ""
    uri: str = field(default="", repr=False)
    status: int = 0
    reason: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_request(self) -> bool:
        """True for a request."""
        return self.status == 0

    def get(self, name: str) -> str:
        """The first value, "" when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def all(self, name: str) -> list[str]:
        """Every value; comma lists are taken apart where the header is a list."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        if wanted not in LISTS:
            return found
        return [part for value in found for part in split_outside(value, ",") if part]

    def add(self, *headers: tuple[str, str]) -> Message:
        """With more headers at the end."""
        return replace(self, headers=self.headers + headers)

    def front(self, name: str, value: str) -> Message:
        """With a header before all others."""
        return replace(self, headers=((name, value), *self.headers))

    def without(self, name: str) -> Message:
        """Without any header of that name."""
        return replace(self, headers=tuple(h for h in self.headers if h[0].lower() != name.lower()))

    def with_body(self, content_type: str, body: bytes) -> Message:
        """With a body and its type."""
        return replace(self.without("Content-Type").add(("Content-Type", content_type)), body=body)

    @property
    def call_id(self) -> str:
        """Call-ID."""
        return self.get("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method; raises ParseError."""
        match = _CSEQ.fullmatch(self.get("CSeq"))
        if not match or int(match.group(1)) >= 2**31:
            raise ParseError("a bad CSeq")
        return int(match.group(1)), match.group(2).upper()

    @property
    def sender(self) -> NameAddr:
        """From."""
        return NameAddr.parse(self.get("From"))

    @property
    def receiver(self) -> NameAddr:
        """To."""
        return NameAddr.parse(self.get("To"))

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        found = self.all("Contact")
        return NameAddr.parse(found[0]) if found and found[0] != "*" else None

    @property
    def via(self) -> Via:
        """The topmost Via; raises ParseError."""
        return Via.parse(next(split_outside(self.get("Via"), ",")))

    @property
    def sdp(self) -> bytes:
        """The body when it is SDP, else nothing."""
        kind = self.get("Content-Type").partition(";")[0].strip().lower()
        return self.body if kind == "application/sdp" else b""

    def encode(self) -> bytes:
        """Bytes for the wire; raises ValueError when a value could break out of its line."""
        start = f"{self.method} {self.uri} SIP/2.0" if self.is_request else f"SIP/2.0 {self.status} {self.reason}"
        lines = [start, *(f"{k}: {v}" for k, v in self.headers if k.lower() != "content-length")]
        if any(_FORBIDDEN.search(line) for line in lines):
            raise ValueError("a line break inside a header")
        lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def _unfolded(head: str) -> Iterable[str]:
    lines: list[str] = []
    for line in head.split("\n"):
        line = line.rstrip("\r")
        if line[:1] in {" ", "\t"} and len(lines) > 1:
            if len(lines[-1]) > MAX_LINE_CHARS:
                raise ParseError("a header that is too long")
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def body_length(head: bytes) -> int:
    """What a stream's message says of its body, `head` being all before the blank line; raises ParseError.

    On a stream the length must be there, once (RFC 3261 sections 18.3 and 20.14).
    """
    _, *lines = _unfolded(head.decode("utf-8", "surrogateescape"))
    pairs = [line.partition(":") for line in lines]
    said = [value.strip() for name, _, value in pairs if name.strip().lower() in {"content-length", "l"}]
    if len(said) != 1 or not (said[0].isascii() and said[0].isdigit()) or len(said[0]) > 9:
        raise ParseError("a message without one Content-Length on a stream")
    return int(said[0])


def _headers(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.strip()
        if not colon or not _TOKEN.fullmatch(name) or len(value) > MAX_LINE_CHARS or _FORBIDDEN.search(value):
            raise ParseError("a bad header line")
        found.append((COMPACT.get(name.lower(), name), value.strip()))
        if len(found) > MAX_HEADERS:
            raise ParseError("too many headers")
    return tuple(found)


def parse(data: bytes) -> Message:
    """One datagram; raises ParseError for anything that is not a whole, sane SIP message."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise ParseError("too long")
    data = data.lstrip(b"\r\n")
    head_bytes, gap, body = data.partition(b"\r\n\r\n")
    if not gap:
        head_bytes, gap, body = data.partition(b"\n\n")
    if not gap:
        raise ParseError("no end of the headers")
    start, *rest = _unfolded(head_bytes.decode("utf-8", "surrogateescape"))
    headers = _headers(rest)
    message = _start(start, headers)
    _check(message)
    length = message.get("Content-Length")
    if length:
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > len(body):
            raise ParseError("a bad Content-Length")
        body = body[: int(length)]
    return replace(message, body=body)


def _start(line: str, headers: tuple[tuple[str, str], ...]) -> Message:
    if _FORBIDDEN.search(line):
        raise ParseError("neither request nor response")
    request = _REQUEST.fullmatch(line)
    if request:
        return Message(method=request.group(1).upper(), uri=request.group(2), headers=headers)
    response = _RESPONSE.fullmatch(line)
    if not response or not 100 <= int(response.group(1)) <= 699:
        raise ParseError("neither request nor response")
    return Message(status=int(response.group(1)), reason=response.group(2) or "", headers=headers)


def _check(message: Message) -> None:
    names = [name.lower() for name, _ in message.headers]
    if any(names.count(name) > 1 for name in SINGLE):
        raise ParseError("a header twice that may stand once")
    if not all(name in names for name in ("via", "from", "to", "call-id", "cseq")):
        raise ParseError("a needed header is missing")
    _ = message.via, message.sender, message.receiver
    if message.is_request and message.cseq[1] != message.method:
        raise ParseError("CSeq names another method")


def response(request: Message, status: int, reason: str, to_tag: str = "", *headers: tuple[str, str]) -> Message:
    """A response with what RFC 3261 section 8.2.6 copies from the request."""
    copied = [(k, v) for k, v in request.headers if k.lower() in {"via", "from", "call-id", "cseq", "record-route"}]
    to = request.get("To")
    if to_tag and not request.receiver.tag:
        to += f";tag={to_tag}"
    return Message(status=status, reason=reason, headers=(*copied, ("To", to), *headers))
