"""A scripted PBX: answers INVITE with 180 and 200, everything else with 200; knows no more of SIP than that.

`python -m bench.load.far_end N` prints the ports of N sockets as one JSON line and serves until it is ended. One socket
stands for one PBX; each is bound to an address of its own where the system has 127.0.0.0/8 (Linux).
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys

_COPIED = re.compile(rb"^(Via|From|Call-ID|CSeq): .*\r\n", re.MULTILINE | re.IGNORECASE)
_TO = re.compile(rb"^To: ([^\r]*)\r\n", re.MULTILINE | re.IGNORECASE)


def sdp(host: str) -> bytes:
    """PCMU on a port where nobody listens."""
    text = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 101\r\n"
    return (text + "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n").encode()


def answers(request: bytes, host: str, port: int) -> list[bytes]:
    """What goes back; nothing for an ACK."""
    if request.startswith(b"ACK "):
        return []
    copied = b"".join(match.group(0) for match in _COPIED.finditer(request))
    to = _TO.search(request)
    assert to is not None
    tag = b"" if b"tag=" in to[1] else b";tag=far1"
    common = copied + b"To: " + to[1] + tag + f"\r\nContact: <sip:far@{host}:{port}>\r\n".encode()
    if not request.startswith(b"INVITE "):
        return [b"SIP/2.0 200 OK\r\n" + common + b"Content-Length: 0\r\n\r\n"]
    body = sdp(host)
    media = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    ringing = b"SIP/2.0 180 Ringing\r\n" + common + b"Content-Length: 0\r\n\r\n"
    return [ringing, b"SIP/2.0 200 OK\r\n" + common + media]


def bound(number: int) -> socket.socket:
    """A socket on the n-th loopback address, or on the only one there is."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((f"127.0.1.{number + 1}", 0))
    except OSError:
        sock.bind(("127.0.0.1", 0))
    return sock


def main() -> None:
    """Serve until the process is ended."""
    sockets = [bound(number) for number in range(int(sys.argv[1]))]
    selector = selectors.DefaultSelector()
    for sock in sockets:
        selector.register(sock, selectors.EVENT_READ)
    print(json.dumps([sock.getsockname() for sock in sockets]), flush=True)
    while True:
        for key, _ in selector.select():
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            request, source = sock.recvfrom(65536)
            for answer in answers(request, *sock.getsockname()):
                sock.sendto(answer, source)


if __name__ == "__main__":
    main()
