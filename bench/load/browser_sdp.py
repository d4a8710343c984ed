"""Offers as browsers write them, a PBX's answers, and what the engine needs of the answers to both."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

HOST = "127.0.0.1"
_LEVEL, _MID = "urn:ietf:params:rtp-hdrext:ssrc-audio-level", "urn:ietf:params:rtp-hdrext:sdes:mid"


@dataclass(frozen=True, slots=True)
class Audio:
    """One codec: its rtpmap, the payload type that browsers offer, ticks of 20 ms and the bytes sent for them."""

    rtpmap: str
    payload_type: int
    ticks: int
    payload_bytes: int


AUDIO = {"pcmu": Audio("PCMU/8000", 0, 160, 160), "opus": Audio("opus/48000/2", 111, 960, 80)}


@dataclass(slots=True)
class Description:
    """The first audio line of an SDP."""

    host: str = HOST
    port: int = 0
    ufrag: str = ""
    password: str = ""
    fingerprint: str = ""
    setup: str = "active"
    payload_types: list[int] = field(default_factory=list)
    rtpmap: dict[int, str] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    candidates: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def parse(cls, sdp: str) -> Description:
        """Read what is known; the rest is left out."""
        made = cls()
        for line in sdp.splitlines():
            made._read(line.strip())
        return made

    def _read(self, line: str) -> None:
        name, _, value = line.partition(":") if line.startswith("a=") else line.partition("=")
        words = value.split()
        match name:
            case "c":
                self.host = words[2]
            case "m":
                self.port, self.payload_types = int(words[1]), [int(word) for word in words[3:]]
            case "a=ice-ufrag":
                self.ufrag = value
            case "a=ice-pwd":
                self.password = value
            case "a=fingerprint" if words[0].lower() == "sha-256":
                self.fingerprint = words[1]
            case "a=setup":
                self.setup = value
            case "a=extmap":
                self.extensions[words[1]] = int(words[0].partition("/")[0])
            case "a=rtpmap":
                self.rtpmap[int(words[0])] = words[1].lower()
            case "a=candidate" if words[1] == "1" and words[2].lower() == "udp" and words[4].startswith("127."):
                self.candidates.append((words[4], int(words[5])))

    def payload_type(self, audio: Audio) -> int:
        """Under which number the codec was accepted."""
        for number in self.payload_types:
            if self.rtpmap.get(number, "") == audio.rtpmap.lower() or number == audio.payload_type < 96:
                return number
        raise RuntimeError(f"{audio.rtpmap} was not accepted")

    def extension_hex(self) -> str:
        """The header extension that a browser would put on each packet (RFC 6464, RFC 9143)."""
        body = b""
        if level := self.extensions.get(_LEVEL):
            body += bytes([level << 4, 0xA0])
        if mid := self.extensions.get(_MID):
            body += bytes([mid << 4]) + b"0"
        if not body:
            return ""
        body += b"\0" * (-len(body) % 4)
        return (b"\xbe\xde" + (len(body) // 4).to_bytes(2, "big") + body).hex()


def browser_offer(port: int, ufrag: str, password: str, fingerprint: str, ssrc: int, audio: Audio) -> str:
    """One audio line of the shape that browsers write."""
    number = audio.payload_type
    lines = [
        "v=0", f"o=- {secrets.randbits(62)} 2 IN IP4 {HOST}", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=msid-semantic: WMS s",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {number} 110 126", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}", f"a=fingerprint:sha-256 {fingerprint}", "a=setup:actpass",
        "a=mid:0", f"a=extmap:1 {_LEVEL}", f"a=extmap:4 {_MID}", "a=sendrecv", "a=msid:s t", "a=rtcp-mux",
        f"a=rtpmap:{number} {audio.rtpmap}", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:126 telephone-event/8000",
        f"a=ssrc:{ssrc} cname:load", f"a=candidate:1 1 udp 2130706431 {HOST} {port} typ host", "a=end-of-candidates",
    ]  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


def plain(port: int, audio: Audio, payload_type: int) -> str:
    """A PBX's description of its RTP."""
    return (
        f"v=0\r\no=- {secrets.randbits(31)} 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {payload_type} 101\r\na=rtpmap:{payload_type} {audio.rtpmap}\r\n"
        "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    )
