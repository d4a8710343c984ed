"""Real UDP ports: each party hums its own note, strangers are not heard, digits and prompts keep one line."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contract.calls import Codec
from telephony.errors import MediaError
from telephony.media import prompt, rtp_port
from telephony.media.frame import Frame
from telephony.media.plane import Plane
from telephony.media.rtp import build_rtp, parse_rtp
from telephony.media.rtp_port import LEARN_SECONDS, RtpPort, open_rtp_port
from telephony.media.spool import SpoolTape, Syncer, read_spool
from tests.tally import tried
from tests.tone import Ear, hum, until

pytestmark = pytest.mark.loopback
HOST = "127.0.0.1"


@pytest.fixture
async def ports() -> AsyncIterator[list[RtpPort]]:
    opened = [await open_rtp_port(HOST) for _ in range(4)]
    yield opened
    for port in opened:
        port.close()


def link(a: RtpPort, b: RtpPort, codec: Codec) -> None:
    payload_type = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.G722: 9, Codec.OPUS: 111}[codec]
    a.connect(HOST, b.local_port, codec, payload_type, 101)
    b.connect(HOST, a.local_port, codec, payload_type, 101)


@pytest.mark.parametrize(
    ("left", "right"),
    [(Codec.PCMU, Codec.PCMU), (Codec.OPUS, Codec.OPUS), (Codec.PCMA, Codec.G722), (Codec.OPUS, Codec.PCMU)],
)
async def test_each_party_hears_the_other_ones_note(ports: list[RtpPort], left: Codec, right: Codec) -> None:
    phone, user, peer, desk = ports
    link(phone, user, left)
    link(desk, peer, right)
    seen: list[str] = []
    plane = Plane(user, peer)
    plane.on_frame = lambda side, frame: seen.append(side)
    at_phone, at_desk = Ear(phone), Ear(desk)
    humming = [asyncio.ensure_future(hum(phone, 440)), asyncio.ensure_future(hum(desk, 650))]
    await until(lambda: at_phone.hears(650) and at_desk.hears(440))
    assert not at_phone.hears(440) and not at_desk.hears(650)
    assert set(seen) == {"user", "peer"}
    plane.flow(from_user=False, from_peer=True)
    await asyncio.sleep(0.1)
    heard = len(at_desk.frames)
    await asyncio.sleep(0.2)
    assert len(at_desk.frames) == heard
    plane.close()
    for task in humming:
        task.cancel()


async def test_digits_pass_a_plane_once_each_in_order(ports: list[RtpPort]) -> None:
    phone, user, peer, desk = ports
    link(phone, user, Codec.PCMU)
    link(desk, peer, Codec.PCMU)
    Plane(user, peer)
    ear = Ear(desk)
    humming = asyncio.ensure_future(hum(phone, 440))
    await until(lambda: len(ear.frames) > 5)
    for digit in "159#":
        phone.send_digit(digit)
    await until(lambda: len(ear.digits) == 4)
    await asyncio.sleep(0.2)
    assert ear.digits == "159#"
    humming.cancel()


def test_a_port_range_gives_even_ports_and_then_none() -> None:
    async def ask() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            even = probe.getsockname()[1] & ~1
        port = await open_rtp_port(HOST, (even, even + 1))
        assert port.local_port == even
        with pytest.raises(MediaError):
            await open_rtp_port(HOST, (even, even + 1))
        port.close()

    asyncio.run(ask())


async def test_a_spray_of_strangers_gets_no_byte_and_is_not_in_the_recording(
    ports: list[RtpPort], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtp_port, "LEARN_SECONDS", 60.0)
    phone, user, peer, desk = ports
    link(phone, user, Codec.PCMU)
    link(desk, peer, Codec.PCMU)
    syncer = Syncer()
    tape = SpoolTape(tmp_path / "c1.spool", {"codec": "PCMU"}, asyncio.get_running_loop().time, syncer)
    plane = Plane(user, peer)
    plane.on_frame = tape.write
    sent = answered = 0
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(3)]
        for each, host in zip(strangers, ("127.0.0.2", "127.0.0.3", HOST), strict=True):
            each.bind((host, 0))
            each.setblocking(False)
        for count in range(5_000):
            for each in strangers if count > 50 else strangers[:2]:
                packet = build_rtp(0, False, count & 0xFFFF, count * 160, 7, b"evil" * 40)
                for port in (user.local_port, peer.local_port):
                    each.sendto(packet, (HOST, port))
                    sent += 1
            if count >= 20 and count % 10 == 0:
                phone.send(Frame(b"u" * 160, count * 160, count & 0xFFFF))
                desk.send(Frame(b"p" * 160, count * 160, count & 0xFFFF))
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        for each in strangers:
            with contextlib.suppress(BlockingIOError):
                while each.recv(2000):
                    answered += 1
    tape.close()
    assert await asyncio.to_thread(tape.wait, 5)
    await asyncio.to_thread(syncer.stop)
    frames = read_spool(tmp_path / "c1.spool").frames
    assert answered == 0
    assert {(frame.side, frame.payload[:1]) for frame in frames} == {("user", b"u"), ("peer", b"p")} and len(
        frames
    ) > 50
    assert (user.remote, peer.remote) == ((HOST, phone.local_port), (HOST, desk.local_port))
    assert min(user.counters.foreign, peer.counters.foreign) > 500
    tried(capsys, sent, 10_000, "sprayed RTP packets")


async def test_an_address_that_is_not_the_signalled_one_must_wait_for_its_silence(
    ports: list[RtpPort], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtp_port, "LEARN_SECONDS", 3.0)
    port, real = ports[0], ports[1]
    link(port, real, Codec.PCMU)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.bind(("127.0.0.2", 0))
        for count in range(20):
            thief.sendto(build_rtp(0, False, count, count, 1, b"t"), (HOST, port.local_port))
        await asyncio.sleep(0.1)
        assert port.remote == (HOST, real.local_port) and port.counters.received == 0
        await asyncio.sleep(3.0)
        for count in range(20):
            thief.sendto(build_rtp(0, False, count, count, 1, b"t"), (HOST, port.local_port))
        await until(lambda: port.remote == thief.getsockname())
        real.send(Frame(b"real", 0, 0))
        await until(lambda: port.remote == (HOST, real.local_port))


async def test_behind_nat_the_address_is_learned_from_five_packets_and_locked(ports: list[RtpPort]) -> None:
    port = ports[0]
    port.connect("192.0.2.1", 4000, Codec.PCMU, 0, None)
    ear = Ear(port)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nat,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for source in (nat, other):
            source.bind((HOST, 0))
        behind_nat = nat.getsockname()
        await asyncio.sleep(LEARN_SECONDS)
        for count in range(4):
            nat.sendto(build_rtp(0, False, count, count, 1, b"n"), (HOST, port.local_port))
            other.sendto(build_rtp(0, False, count, count, count, b"o"), (HOST, port.local_port))
            await asyncio.sleep(0.01)
        assert port.remote == ("192.0.2.1", 4000)
        for count in range(6):
            nat.sendto(build_rtp(0, False, count, count, 1, b"n"), (HOST, port.local_port))
        await until(lambda: port.remote == behind_nat)
        for count in range(20):
            other.sendto(build_rtp(0, False, count, count, 1, b"o"), (HOST, port.local_port))
        await asyncio.sleep(0.1)
    assert port.remote == behind_nat
    assert {frame.payload for frame in ear.frames} == {b"n"}


async def test_a_changed_ssrc_of_the_far_party_is_heard_after_five_packets(ports: list[RtpPort]) -> None:
    port, real = ports[0], ports[1]
    link(port, real, Codec.PCMU)
    ear = Ear(port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind((HOST, 0))
        port.connect(HOST, pbx.getsockname()[1], Codec.PCMU, 0, None)
        for ssrc in (1, 2):
            for count in range(10):
                pbx.sendto(build_rtp(0, False, count, count, ssrc, bytes([ssrc])), (HOST, port.local_port))
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
    assert [frame.payload for frame in ear.frames] == [b"\1"] * 10 + [b"\2"] * 6


async def test_prompt_digit_and_forwarding_make_one_line_of_sequence_and_time() -> None:
    port = await open_rtp_port(HOST)
    got: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
        far.bind((HOST, 0))
        far.setblocking(False)
        port.connect(HOST, far.getsockname()[1], Codec.PCMU, 0, 101)
        await prompt.play_payloads(port, [b"a" * 160] * 5)
        for count in range(5):
            port.send(Frame(b"b" * 160, 5_000 + count * 160, 40_000 + count))
            await asyncio.sleep(0.02)
        port.send_digit("5")
        for count in range(5, 20):
            port.send(Frame(b"b" * 160, 5_000 + count * 160, 40_000 + count))
            await asyncio.sleep(0.02)
        while True:
            try:
                got.append(far.recv(2000))
            except BlockingIOError:
                break
    packets = [parse_rtp(raw) for raw in got]
    assert len({packet.ssrc for packet in packets}) == 1
    steps = {(b.sequence - a.sequence) & 0xFFFF for a, b in itertools.pairwise(packets)}
    assert steps == {1}
    audio = [packet for packet in packets if packet.payload_type == 0]
    events = [packet for packet in packets if packet.payload_type == 101]
    assert len(events) == 8 and len({packet.timestamp for packet in events}) == 1 and events[0].marker
    jumps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in itertools.pairwise(audio)]
    assert all(80 <= jump <= 3000 for jump in jumps)
    port.close()


@pytest.mark.parametrize("clip", ["recording-notice", "recording-stopped", "unavailable"])
@pytest.mark.parametrize("language", prompt.LANGUAGES)
def test_every_notice_is_spoken_in_every_language(clip: str, language: str) -> None:
    payloads = prompt.clip_payloads(clip, language, Codec.PCMU)
    assert 0.8 < len(payloads) * 0.02 < 9
    assert prompt.clip_payloads(clip, language + "-XX", Codec.PCMU) == payloads


async def test_a_notice_lasts_as_long_as_it_is_and_stops_when_cancelled(ports: list[RtpPort]) -> None:
    link(ports[0], ports[1], Codec.PCMU)
    ear = Ear(ports[1])
    loop = asyncio.get_running_loop()
    began = loop.time()
    await prompt.say(ports[0], "recording-stopped", "en")
    frames = len(prompt.clip_payloads("recording-stopped", "en", Codec.PCMU))
    assert abs(loop.time() - began - frames * 0.02) < 0.3
    await until(lambda: len(ear.frames) == frames)
    ringing = asyncio.ensure_future(prompt.ringback(ports[0]))
    await until(lambda: ear.hears(425))
    ringing.cancel()
    await asyncio.sleep(0.05)
    heard = len(ear.frames)
    await asyncio.sleep(0.1)
    assert len(ear.frames) == heard
