"""Everything of telephony that reads bytes of others: what it is fed with, and the one kind of error it may let out."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aioice import stun

from contract import wire
from contract.calls import CallId, Codec, Device, Party, RecordingPlan, RecordingRule
from contract.commands import PlaceCall, PutLine
from contract.events import CallEnded
from contract.lines import LineConfig, Registration
from contract.numbers import Extension, LineId, TenantId, UserId
from contract.route_plan import RoutePlan
from telephony.errors import MediaError, ParseError
from telephony.media.codecs import decoder
from telephony.media.dtmf import DtmfReceiver, event_payloads
from telephony.media.rtp import build_rtp, parse_rtp
from telephony.sip import sdp
from telephony.sip.dialog import Dialog
from telephony.sip.digest import Credentials, fields_of, is_genuine, strongest
from telephony.sip.message import parse, response
from telephony.sip.trunk import caller_of
from telephony.sip.uri import NameAddr, Uri, Via
from telephony.webrtc.negotiation import allows_any, read_offer, trimmed

WIRE = Path(__file__).parents[2] / "wire"
KEYS = wire.Keys({"k1": b"k" * 32})
NOW = 1_800_000_000.0
Read = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """`read` gets the bytes; only `allowed` may come out of it."""

    corpus: Sequence[bytes]
    words: Sequence[bytes]
    read: Read
    allowed: tuple[type[Exception], ...]


def files(*patterns: str) -> list[bytes]:
    """The corpus files of some patterns."""
    return [path.read_bytes() for pattern in patterns for path in sorted(WIRE.glob(pattern))]


SIP = files("*.sip")
SIP_WORDS = [
    b"SIP/2.0", b"INVITE ", b"CSeq: 1 INVITE\r\n", b"Via: ", b"Content-Length: ", b"sip:", b"sips:", b"tel:", b"<sip:a@b>", b";tag=", b";branch=z9hG4bK",
    b"[::1]", b"@", b"?a=b", b'"\\"', b"z9hG4bK", b"l: 5\r\n", b"\r\n\r\n", b" \r\n ", b"Contact: *\r\n", b";lr", b";expires=", b"Proxy-Authenticate: ",
]  # fmt: skip
VALUES = [
    line.partition(b":")[2].strip()
    for message in SIP
    for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    if line.partition(b":")[0].strip().lower() in {b"via", b"v", b"from", b"f", b"to", b"t", b"contact", b"m", b"record-route", b"route"}
]  # fmt: skip
CHALLENGES = [
    line.partition(b":")[2].strip() for message in SIP for line in message.split(b"\r\n") if b"igest " in line
]
BODIES = [found for found in (message.partition(b"\r\n\r\n")[2] for message in SIP) if found]
SDP_WORDS = [
    b"v=0", b"c=IN IP4 ", b"c=IN IP6 ::1", b"m=audio ", b"m=video 0 RTP/AVP 31\r\n", b" RTP/AVP ", b"a=rtpmap:", b"a=fmtp:", b"telephone-event/8000",
    b"a=sendonly", b"a=inactive", b"0.0.0.0", b"opus/48000/2", b"a=ssrc:1 cname:x", b"a=candidate:1 1 udp 1 127.0.0.1 5 typ host", b"a=setup:", b"a=mid:0",
    b"a=fingerprint:sha-256 ", b"a=ice-ufrag:", b"a=extmap:", b"a=group:BUNDLE ", b"a=rtcp-mux", b"a=rtcp:9 IN IP4 0.0.0.0", b"a=msid-semantic:WMS *",
]  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def read_sip(data: bytes) -> None:
    """A datagram and all that is asked of a message."""
    message = parse(data)
    again = parse(message.encode())
    assert (again.headers, again.body) == (
        (*message.without("Content-Length").headers, ("Content-Length", str(len(message.body)))),
        message.body,
    )
    _ = message.sdp, message.cseq, message.via, message.sender, message.receiver
    parse(response(message, 200, "OK", "tag").encode())
    party = caller_of(message)
    (party.name + party.address).encode()
    for name in ("Via", "Contact", "Record-Route", "Allow"):
        message.all(name)
    if message.is_request and message.contact is not None:
        dialog = Dialog.of_request(message, "tag")
        assert Dialog.from_json(json.loads(json.dumps(dialog.to_json()))) == dialog
        parse(dialog.next("BYE", "")[1].front("Via", "SIP/2.0/UDP h;branch=z9hG4bKx").encode())


def read_address(data: bytes) -> None:
    """A header value as each of its three kinds."""
    text = _text(data)
    failed = 0
    for kind in (Uri, NameAddr, Via):
        try:
            kind.parse(text)
        except ParseError:
            failed += 1
    if failed == 3:
        raise ParseError("none of the three")


def read_challenge(data: bytes) -> None:
    """A challenge, answered and checked."""
    text = _text(data)
    fields_of(text)
    is_genuine(text, "INVITE", "1001", "secret", "pbx", "nonce")
    found = strongest([text, text])
    if found is not None:
        credentials = Credentials("1001", "secret")
        if credentials.may_answer(found):
            credentials.answer(found, "INVITE", "sip:a@b", "c").encode("utf-8", "surrogateescape")
            credentials.proved(found)


def read_sdp(data: bytes) -> None:
    """A description of the PBX, and our answer to it."""
    theirs = sdp.parse(data)
    codec = sdp.chosen(theirs, list(Codec))
    sdp.parse(sdp.build(sdp.answer(theirs, "192.0.2.1", 4000, codec), 1, 1))


def read_browser_offer(data: bytes) -> None:
    """A page's offer, cut down for each of its codecs."""
    offer = read_offer(_text(data))
    for codec in offer.codecs:
        trimmed(offer, codec, allows_any)


def read_event(data: bytes) -> None:
    """A run of telephone-event payloads of four bytes each, with odd ends."""
    receiver = DtmfReceiver()
    for at in range(0, len(data), 5):
        digits = receiver.feed(data[at : at + 5], at * 7919 & 0xFFFFFFFF)
        assert len(digits) <= 2


def read_voice(data: bytes) -> None:
    """A payload in every codec."""
    for codec in Codec:
        decoder(codec).decode(data[:2000])


def read_contract(data: bytes) -> None:
    """A command, event or plan of the other program; what was read can be sent on."""
    wire.loads(wire.dumps(wire.loads(data)))


def read_ticket(data: bytes) -> None:
    """A ticket, once as it came and once with a signature that is right."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        wire.read_ticket(KEYS, text, "phone", "h", now=NOW)
    except wire.BadSignature:
        body = text.partition(".")[2].rpartition(".")[0]
        wire.read_ticket(KEYS, f"k1.{body}.{wire._mac(b'k' * 32, 'ticket', body)}", "phone", "h", now=NOW)


def read_signature(data: bytes) -> None:
    """The four headers of a signed request, one a line."""
    names = ("X-CTC-Key", "X-CTC-Time", "X-CTC-Nonce", "X-CTC-Signature", "path")
    lines = _text(data).split("\n") + [""] * 5
    headers = dict(zip(names, lines, strict=False))
    wire.verify_request(KEYS, "telephony", "POST", headers.pop("path"), b"{}", headers, now=NOW)


def stun_seeds(password: str = "p" * 22) -> list[bytes]:
    """Checks of ICE, right and wrong, and an answer."""
    made = []
    for kind, method in ((stun.Class.REQUEST, stun.Method.BINDING), (stun.Class.RESPONSE, stun.Method.BINDING),
                         (stun.Class.ERROR, stun.Method.BINDING), (stun.Class.REQUEST, stun.Method.ALLOCATE),
                         (stun.Class.INDICATION, stun.Method.BINDING)):  # fmt: skip
        message = stun.Message(method, kind, transaction_id=b"t" * 12)
        message.attributes = {
            "USERNAME": "ours:theirs",
            "PRIORITY": 1845501695,
            "ICE-CONTROLLING": 7,
            "USE-CANDIDATE": None,
        }
        if kind is not stun.Class.REQUEST:
            message.attributes = {"XOR-MAPPED-ADDRESS": ("192.0.2.1", 4000), "ERROR-CODE": (401, "no"), "SOFTWARE": "x"}
        message.add_message_integrity(password.encode())
        made.append(bytes(message))
    six = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, transaction_id=b"s" * 12)
    six.attributes = {"XOR-MAPPED-ADDRESS": ("2001:db8::1", 4000), "ICE-CONTROLLED": 9}
    made.append(bytes(six))
    return [*made, struct.pack("!HHI12s", 1, 0, stun.COOKIE, b"x" * 12)]


STUN_WORDS = [struct.pack("!HH", kind, size) for kind in stun.ATTRIBUTES_BY_TYPE for size in (0, 2, 4, 8, 20, 65535)]
RTP = [
    build_rtp(0, True, 1, 160, 0xDEADBEEF, bytes(160)),
    build_rtp(111, False, 65535, 2**32 - 1, 1, b"\xfc" + bytes(80)),
    bytes.fromhex("b1000001000000a0deadbeef") + b"CSRC" + bytes.fromhex("bede0001") + b"exte" + b"voice" + b"\0\0\3",
    *(build_rtp(101, False, 9, 800, 2, payload) for payload in event_payloads("5", 100, 8000)),
    bytes.fromhex("80c90001deadbeef81ca0002deadbeef01026869"),
]
RTP_WORDS = [b"\x80", b"\x90", b"\xb0", b"\xbe\xde\xff\xff", b"\xbe\xde\x00\x00", b"\x00\x00\x00\x00", b"\x80\xc8"]
_PLAN = RecordingPlan(True, RecordingRule.RECORDED, "es")
_ACME, _ALICE, _LINE = TenantId("acme"), UserId("alice"), LineId("pbx")
CONTRACT = [
    wire.dumps(value)
    for value in (
        PlaceCall(CallId("c1"), _ACME, _ALICE, Device.BROWSER, _LINE, "+593991112222", Party("+593991112222", "Ana"), _PLAN),
        PutLine(LineConfig(_ACME, _LINE, 3, "pbx.example", registrations=(Registration(_ALICE, Extension("1001"), "1001", "secret"),))),
        RoutePlan(_ALICE, "Ana", _PLAN),
        wire.loads(
            b'{"v":1,"type":"CallEnded","body":{"id":"c1:ended","seq":1,"call":"c1","tenant":"acme","user":"alice","line":"pbx",'
            b'"direction":"outbound","device":"browser","peer":{"address":"+593991112222","name":"x"},"outcome":"completed",'
            b'"started_at":1.5,"answered_at":null,"ended_at":3,"talk_seconds":0.0,"recording_rule":"user-off","codec":"","sip_status":0}}',
            CallEnded,
        ),
    )
]  # fmt: skip
JSON_WORDS = [
    b'"v":1', b'"type":"PlaceCall"', b'"body":', b"{}", b"[]", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b"[[[[", b'"call":', b'"params":{',
    b'"jsonrpc":"2.0"', b'"id":1', b'"method":"media.offer"', b'"method":"media.stats"', b'"sdp":"', b'"ticket":"', b'"resume":{"session":1}', b'"rtt_ms":',
]  # fmt: skip
_TICKET = wire.JoinTicket("phone", _ACME, _ALICE, "h", "n" * 22, NOW + 20)
TICKETS = [
    wire.mint_ticket(KEYS, ticket).encode()
    for ticket in (_TICKET, replace(_TICKET, purpose="page"), replace(_TICKET, dial="+593991112222", session="Zoë"))
]
SIGNED = [
    "\n".join(
        [
            *wire.sign_request(KEYS, "telephony", "POST", "/commands", b"{}", now=NOW, nonce="n" * 22).values(),
            "/commands",
        ]
    ).encode()
]

TARGETS = {
    "SIP messages": Target(SIP, SIP_WORDS, read_sip, (ParseError,)),
    "SIP addresses": Target(VALUES, SIP_WORDS, read_address, (ParseError,)),
    "digest challenges": Target(CHALLENGES, [b"Digest ", b"realm=", b'nonce="n"', b"qop=auth", b"algorithm=SHA-256", b"-sess", b"stale=true", b'\\"'], read_challenge, ()),
    "SDP of PBXs": Target(BODIES, SDP_WORDS, read_sdp, (ParseError,)),
    "offers of pages": Target(files("*.offer"), SDP_WORDS, read_browser_offer, (ParseError, MediaError)),
    "RTP packets": Target(RTP, RTP_WORDS, parse_rtp, (ParseError,)),
    "telephone-events": Target([b"".join(event_payloads(d, 60, 8000)) for d in "05#D"], RTP_WORDS, read_event, ()),
    "voice payloads": Target([packet[12:] for packet in RTP], RTP_WORDS, read_voice, ()),
    "contract messages": Target(CONTRACT, JSON_WORDS, read_contract, (wire.BadWire,)),
    "tickets": Target(TICKETS, [b"k1.", b".", b"=", b"eyJ", b"\xed\xa0\x80"], read_ticket, (wire.BadSignature,)),
    "request signatures": Target(SIGNED, [b"k1", b"\n", b"/presence/", b"\xc3\xa9", b"\xb2"], read_signature, (wire.BadSignature,)),
}  # fmt: skip
