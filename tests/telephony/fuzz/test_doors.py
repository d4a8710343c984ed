"""The sockets' own code survives whatever arrives: SIP user agent, ICE, RTP, SRTP and the webphone's frames."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from contract import wire
from contract.addresses import Reach
from contract.calls import Codec
from telephony.api_phone import METHODS, Page, PhoneDoor
from telephony.journal import Journal
from telephony.media.frame import Frame
from telephony.media.rtp_port import RtpPort
from telephony.sip import flow
from telephony.sip.flow import Address, UdpSocket
from telephony.sip.leg import SipLeg
from telephony.sip.message import parse
from telephony.sip.next_hop import DeadTargets, UdpHop
from telephony.sip.trunk import Trunk
from telephony.sip.useragent import UserAgent
from telephony.webrtc.guard import GuardedConnection, GuardedProtocol
from telephony.webrtc.negotiation import read_offer
from telephony.webrtc.srtp import SrtpReader
from tests.tally import tried
from tests.telephony.calls.fakes import ALICE, ScriptedLeg, connected, exchange
from tests.telephony.fuzz.mutations import mutants
from tests.telephony.fuzz.targets import JSON_WORDS, RTP, RTP_WORDS, SDP_WORDS, SIP_WORDS, STUN_WORDS, WIRE, stun_seeds
from tests.telephony.sip.pair import line

pytestmark = pytest.mark.pure
COUNT, LONG_COUNT = 8_000, 200_000
PBX, OURS = ("127.0.0.1", 5060), "127.0.0.1"
ANSWER = "v=0\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
counts = pytest.mark.parametrize(
    "count", [COUNT, pytest.param(LONG_COUNT, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)


@dataclass
class Wire:
    """A datagram transport that keeps what is sent."""

    sent: list[tuple[bytes, Any]] = field(default_factory=list)

    def sendto(self, data: bytes, addr: Any = None) -> None:
        self.sent.append((data, addr))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is open."""

    def get_extra_info(self, name: str) -> Any:
        return (OURS, 41234)


class Silent:
    """An RTP socket that is none."""

    codec = Codec.PCMU
    on_frame: Callable[[Frame], None] | None = None
    local_port = 4002

    def connect(self, host: str, port: int, codec: Codec, payload_type: int, event_payload_type: int | None) -> None:
        self.codec = codec

    def set_direction(self, sending: bool, receiving: bool) -> None: ...

    def send(self, frame: Frame) -> None: ...

    def send_digit(self, digit: str, duration_ms: int = 120) -> None: ...

    def close(self) -> None: ...


async def silent() -> Silent:
    return Silent()


def run(name: str, feed: Callable[[bytes], None], mutated: Iterator[bytes]) -> int:
    """Feed everything; a failure names the bytes."""
    done = 0
    for data in mutated:
        done += 1
        try:
            feed(data)
        except Exception as error:
            pytest.fail(f"{name}: {type(error).__name__}: {error} from {base64.b64encode(data).decode()}")
    return done


async def nowhere() -> list[Address]:
    return []


class Switchroom:
    """A trunk on a wire of memory, with a call that is up and one that rings."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.invited: list[SipLeg] = []
        self.trunk = Trunk(
            line(PBX[1]),
            Reach(loopback=True),
            OURS,
            OURS,
            silent,
            lambda _t, _r, leg: self.invited.append(leg),
            lambda _t, _r: None,
        )
        self.trunk.hop = UdpHop(nowhere, DeadTargets(lambda: 0.0), lambda: None)
        self.trunk.hop.address = PBX
        self.trunk.agent = self.agent = UserAgent(self.trunk._asked, OURS)
        self.socket = UdpSocket(lambda ip: ip == PBX[0], self.agent)
        self.socket.connection_made(self.wire)  # type: ignore[arg-type] # a wire of memory
        self.agent.attach(self.socket)
        registration = self.trunk.config.registrations[0]
        self.dial = lambda: self.trunk.outgoing(registration, "600", (Codec.PCMU,))

    def answer(self, invite: bytes, status: str, body: str = "") -> bytes:
        asked = parse(invite)
        kept = [f"{k}: {v}" for k, v in asked.headers if k in {"Via", "From", "Call-ID", "CSeq"}]
        lines = [f"SIP/2.0 {status}", *kept, f"To: {asked.get('To')};tag=far", "Contact: <sip:far@127.0.0.1:5060>"]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()

    async def seeds(self) -> list[bytes]:
        """Messages that belong to live transactions and dialogs."""
        found = []
        leg = self.dial()
        await leg.ring()
        invite = self.wire.sent[-1][0]
        for status, body in (("180 Ringing", ""), ("183 Session Progress", ANSWER), ("200 OK", ANSWER)):
            found.append(self.answer(invite, status, body))
        found.append(self.answer(invite, "407 Proxy Authentication Required").replace(b"Contact:", b'Proxy-Authenticate: Digest realm="pbx", nonce="n"\r\nContact:'))  # fmt: skip
        up = self.dial()
        await up.ring()
        self.socket.datagram_received(self.answer(self.wire.sent[-1][0], "200 OK", ANSWER), PBX)
        assert up.dialog is not None
        mine = f"From: {up.dialog.remote};tag=far\r\nTo: {up.dialog.local};tag={up.dialog.local_tag}\r\nCall-ID: {up.dialog.call_id}\r\n"
        for number, method in enumerate(("INVITE", "UPDATE", "INFO", "OPTIONS", "ACK", "BYE"), 10):
            head = f"{method} sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKin{number}{up.dialog.call_id}\r\n"
            tail = f"CSeq: {number} {method}\r\nContact: <sip:far@127.0.0.1>\r\nContent-Type: application/sdp\r\nContent-Length: {len(ANSWER)}\r\n\r\n{ANSWER}"
            found.append((head + mine + tail).encode())
        for name in ("asterisk_invite.sip", "cancel.sip"):
            found.append((WIRE / name).read_bytes().replace(b"sip:1001@198.51.100.7", b"sip:1001@127.0.0.1"))
        return [*found, *(path.read_bytes() for path in sorted(WIRE.glob("*.sip")))]

    def clear(self) -> None:
        self.agent.close()
        for table in (self.agent._clients, self.agent._servers, self.agent._invites, self.agent.dialogs):
            table.clear()
        self.wire.sent.clear()


@counts
async def test_no_datagram_of_the_pbx_gets_past_the_user_agent(
    count: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow, "PER_SECOND", 10**9)
    room, done, part = Switchroom(), 0, 500
    for seed in range(count // part):
        seeds = await room.seeds()
        done += run(
            "user agent", lambda data: room.socket.datagram_received(data, PBX), mutants(seeds, SIP_WORDS, part, seed)
        )
        assert {addr for _, addr in room.wire.sent} <= {PBX}
        room.clear()
        await asyncio.sleep(0)
    tried(capsys, done, count, "datagrams at a user agent with live calls")
    assert room.invited


@counts
async def test_no_datagram_gets_past_the_guard_of_ice(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    wire_, done, part = Wire(), 0, 500
    for seed in range(count // part):
        connection = GuardedConnection(ice_controlling=False, local_username="ours", local_password="p" * 22)
        connection.remote_username, connection.remote_password = "theirs", "q" * 22
        await connection.gather_candidates()
        real = connection._protocols[0]
        protocol = GuardedProtocol(connection)
        protocol.connection_made(wire_)
        protocol.local_candidate = real.local_candidate
        connection.prove(("192.0.2.1", 4))
        connection._early_checks_done = seed % 2 == 1
        done += run(
            "guard",
            lambda data, p=protocol: p.datagram_received(data, ("192.0.2.1", 4)),  # type: ignore[misc] # bound now
            mutants([*stun_seeds(), *RTP, b"\x16\xfe\xfd" + bytes(40), b"", b"\x15"], STUN_WORDS, part, seed),
        )
        assert connection._queue.qsize() <= 64 and len(connection._remote_candidates) <= 20
        await connection.close()
    tried(capsys, done, count, "datagrams at a guarded connection")


@counts
def test_no_packet_gets_past_an_rtp_port_or_srtp(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    port, frames = RtpPort(lambda: 0.0), []
    port.connect("127.0.0.1", 4000, Codec.PCMU, 0, 101)
    port.on_frame = frames.append
    seeds = mutants(RTP, RTP_WORDS, count, 5)
    done = run("RTP port", lambda data: port.datagram_received(data, ("127.0.0.1", 4000)), seeds)
    policy = Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_INBOUND)
    reader, sender = SrtpReader(Session(policy)), Session(Policy(key=bytes(30), ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    protected = [sender.protect(packet) for packet in RTP[:2]]
    opened: list[object] = []
    done += run(
        "SRTP",
        lambda data: opened.append(reader.unprotect(data)) if len(data) > 1 else None,
        mutants([*protected, *RTP], RTP_WORDS, count, 6),
    )
    tried(capsys, done, 2 * count, "RTP and SRTP packets")
    assert frames and sum(found is not None for found in opened) >= 2


class OfferedLeg(ScriptedLeg):
    """Reads offers as the real leg does, and answers none."""

    async def take_offer(self, sdp: str) -> str:
        offer = read_offer(sdp)
        self.codecs = offer.codecs
        await self.settle(offer.codecs[0])
        return "v=0\r\n"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[PhoneDoor]:
    x = exchange(Journal(tmp_path / "log"))
    await connected(x)
    x.board.kit.browser_leg = lambda call: OfferedLeg(codecs=())
    yield PhoneDoor(x.board, wire.Keys({"k1": bytes(32)}), "h", lambda *_: True, lambda: 1.8e9, lambda: 1.0)
    await x.board.close(seconds=1)


def frames() -> list[bytes]:
    """One good request of each method."""
    params = {"call": "c1", "held": False, "muted": True, "digits": "1", "sdp": "", "reason": "reconnect", "rtt_ms": 1.5, "jitter_ms": 2,
              "loss_percent": 0, "ticket": "k1.a.b", "resume": {"session": "s", "seq": 1}, "audio_clock": 1.0}  # fmt: skip
    made = [
        json.dumps({"jsonrpc": "2.0", "id": n, "method": m, "params": params}).encode() for n, m in enumerate(METHODS)
    ]
    offer = (WIRE / "chromium.offer").read_text()
    asked = {"call": "c1", "sdp": offer, "reason": "reconnect"}
    return [*made, json.dumps({"jsonrpc": "2.0", "id": "x", "method": "media.offer", "params": asked}).encode()]


@counts
async def test_every_frame_of_a_page_gets_a_typed_answer(
    door: PhoneDoor, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds: dict[str, int] = {}
    done = 0
    page, stranger = Page(person=ALICE, role="phone"), Page()
    for data in mutants(frames(), [*JSON_WORDS, *SDP_WORDS], count, 7):
        text = data.decode("utf-8", "replace")
        if any(word in text for word in ("call.hangup", "record.stop")):
            continue
        done += 1
        for who in (page, stranger):
            async with asyncio.timeout(5):
                await door._serve(who, text)
            while not who.queue.empty():
                told = json.loads(who.queue.get_nowait() or "null")
                kind = told.get("error", {}).get("data", {}).get("kind", "a result") if "id" in told else "a note"
                kinds[kind] = kinds.get(kind, 0) + 1
                assert kind != "our-error", f"{base64.b64encode(data).decode()}"
        assert stranger.person is None
    tried(capsys, done, count * 3 // 4, f"webphone frames: {len(kinds)} kinds of answer")
    assert {"bad-request", "unknown-method", "bad-params", "bad-sdp", "bad-ticket", "a result"} <= set(kinds)
