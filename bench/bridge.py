"""Our plane against stock aiortc tracks, interleaved in one run: CPU per call and added delay.

Each call is a browser (ICE, DTLS-SRTP, PCMU, 50 packets a second each way) bridged to a plain RTP party.
Run: `python -m bench.bridge --calls 8 --seconds 4 --rounds 2`.
"""

from __future__ import annotations

import argparse
import asyncio
import fractions
import json
import resource
import statistics
import sys
import time
from typing import Any

import aiortc.codecs.g711
import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from contract.calls import Codec, Party
from telephony.media.frame import Frame
from telephony.media.plane import Plane
from telephony.media.rtp_port import RtpPort, open_rtp_port
from telephony.webrtc import guard
from telephony.webrtc.endpoint import WebRtcEndpoint
from telephony.webrtc.leg import WebRtcLeg, WebRtcNetwork
from telephony.webrtc.negotiation import allows_any

HOST = "127.0.0.1"
QUIET, LOUD = b"\xff" * 160, b"\x00\x80" * 80
PULSE_EVERY = 25
guard.use_addresses([HOST])


class FromTrunk(MediaStreamTrack):
    """Stock way in: RTP payloads decoded to frames that a sender encodes again."""

    kind = "audio"

    def __init__(self, port: RtpPort) -> None:
        super().__init__()
        self._decoder, self._frames = aiortc.codecs.g711.PcmuDecoder(), asyncio.Queue[Frame](100)
        port.on_frame = lambda frame: None if self._frames.full() else self._frames.put_nowait(frame)

    async def recv(self) -> av.AudioFrame:
        frame = await self._frames.get()
        jitter = aiortc.jitterbuffer.JitterFrame(frame.payload, frame.timestamp)
        made = self._decoder.decode(jitter)[0]
        made.pts, made.time_base = frame.timestamp, fractions.Fraction(1, 8000)
        return made


async def to_trunk(track: MediaStreamTrack, port: RtpPort) -> None:
    """Stock way out: decoded frames encoded again."""
    encoder, sequence = aiortc.codecs.g711.PcmuEncoder(), 0
    try:
        while True:
            payloads, timestamp = encoder.encode(await track.recv())
            for payload in payloads:
                port.send(Frame(payload, timestamp, sequence))
                sequence = sequence + 1 & 0xFFFF
    except MediaStreamError:
        return


class Server:
    """One of the two bridges; answers one JSON line with one JSON line."""

    def __init__(self, mode: str) -> None:
        self.mode, self.kept = mode, []

    async def call(self, sdp: str, far_port: int) -> dict[str, Any]:
        port = await open_rtp_port(HOST)
        port.connect(HOST, far_port, Codec.PCMU, 0, None)
        answer = await (self._ours(sdp, port) if self.mode == "ours" else self._stock(sdp, port))
        return {"sdp": answer, "port": port.local_port}

    async def _ours(self, sdp: str, port: RtpPort) -> str:
        leg = WebRtcLeg(Party("1"), WebRtcNetwork(allows=allows_any))
        await leg.settle(Codec.PCMU)
        assert leg.endpoint is not None
        self.kept.append((leg, Plane(leg.endpoint, port)))
        return await leg.take_offer(sdp)

    async def _stock(self, sdp: str, port: RtpPort) -> str:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", lambda track: self.kept.append(asyncio.ensure_future(to_trunk(track, port))))
        peer.addTrack(FromTrunk(port))
        self.kept.append(peer)
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return str(peer.localDescription.sdp)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = json.loads(line)
            used = resource.getrusage(resource.RUSAGE_SELF)
            answer = {"cpu": used.ru_utime + used.ru_stime}
            if "sdp" in asked:
                answer = await self.call(asked["sdp"], asked["port"])
            print(json.dumps(answer), flush=True)


class Pulses:
    """Sends at an endpoint and hears at another: silence, and a loud frame now and then."""

    def __init__(self, source: Any, sink: Any) -> None:
        self.source, self.sent_at, self.delays_ms, self.received = source, 0.0, [], 0
        sink.on_frame = self._hear

    def _hear(self, frame: Frame) -> None:
        self.received += 1
        if self.sent_at and frame.payload and any(byte & 0x7F < 0x40 for byte in frame.payload[:160:8]):
            self.delays_ms.append((time.monotonic() - self.sent_at) * 1000)
            self.sent_at = 0.0

    async def run(self) -> None:
        due, count = time.monotonic(), 0
        while True:
            loud = count % PULSE_EVERY == PULSE_EVERY - 1
            if loud:
                self.sent_at = time.monotonic()
            self.source.send(Frame(LOUD if loud else QUIET, count * 160, count & 0xFFFF))
            count, due = count + 1, due + 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _never(_parameters: Any) -> None:
    """The generator's browser has no tracks either."""


async def browser(ask: Any, far: RtpPort) -> tuple[RTCPeerConnection, WebRtcEndpoint, int]:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transceiver = peer.addTransceiver("audio", direction="sendrecv")
    known = [codec for codec in aiortc.RTCRtpSender.getCapabilities("audio").codecs if codec.mimeType == "audio/PCMU"]
    transceiver.setCodecPreferences(known)
    transceiver.receiver.receive = transceiver.sender.send = _never
    loop, up = asyncio.get_running_loop(), asyncio.Event()
    endpoint, dtls = WebRtcEndpoint(Codec.PCMU, loop.time), transceiver.receiver.transport

    def changed() -> None:
        if dtls.state == "connected":
            endpoint.attach(dtls.transport._connection, dtls, transceiver.sender._ssrc, 0, None)
            up.set()

    dtls.on("statechange", changed)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await ask({"sdp": peer.localDescription.sdp, "port": far.local_port})
    await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    await asyncio.wait_for(up.wait(), 20)
    return peer, endpoint, answer["port"]


async def measure(mode: str, calls: int, seconds: float) -> tuple[float, list[float], float]:
    """CPU ms per call and second, delays in ms, share of packets lost."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.bridge",
        "--serve",
        mode,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )

    async def ask(what: dict[str, Any]) -> dict[str, Any]:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(what).encode() + b"\n")
        return json.loads(await server.stdout.readline())

    ways: list[Pulses] = []
    peers, tasks = [], []
    for _ in range(calls):
        far = await open_rtp_port(HOST)
        peer, endpoint, port = await browser(ask, far)
        far.connect(HOST, port, Codec.PCMU, 0, None)
        peers.append(peer)
        ways += [Pulses(endpoint, far), Pulses(far, endpoint)]
    for way in ways:
        await asyncio.sleep(0.02 / len(ways))
        tasks.append(asyncio.ensure_future(way.run()))
    await asyncio.sleep(1.0)
    for way in ways:
        way.delays_ms.clear()
    before, began, heard = (await ask({}))["cpu"], time.monotonic(), sum(way.received for way in ways)
    await asyncio.sleep(seconds)
    cpu, lasted = (await ask({}))["cpu"] - before, time.monotonic() - began
    lost = 1 - (sum(way.received for way in ways) - heard) / (len(ways) * lasted * 50)
    for task in tasks:
        task.cancel()
    for peer in peers:
        await peer.close()
    assert server.stdin is not None
    server.stdin.close()
    server.kill()
    await server.wait()
    return cpu * 1000 / calls / lasted, [delay for way in ways for delay in way.delays_ms], lost


async def compare(calls: int, seconds: float, rounds: int) -> None:
    found: dict[str, list[tuple[float, list[float], float]]] = {"ours": [], "stock": []}
    for _ in range(rounds):
        for mode, results in found.items():
            results.append(await measure(mode, calls, seconds))
    middle = {}
    for mode, results in found.items():
        middle[mode] = statistics.median(cpu for cpu, _, _ in results)
        delays = sorted(delay for _, these, _ in results for delay in these)
        p50, p99 = delays[len(delays) // 2], delays[min(len(delays) - 1, int(len(delays) * 0.99))]
        lost = max(share for _, _, share in results)
        print(
            f"{mode:6} {middle[mode]:6.2f} ms CPU per call and second, delay p50 {p50:6.2f} p99 {p99:6.2f} ms "
            f"({len(delays)} pulses, {calls} calls, {rounds} rounds), lost {max(0.0, lost) * 100:.1f} %"
        )
    print(f"stock / ours = {middle['stock'] / middle['ours']:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--serve", choices=("ours", "stock"))
    given = parser.parse_args()
    if given.serve:
        asyncio.run(Server(given.serve).run())
    else:
        asyncio.run(compare(given.calls, given.seconds, given.rounds))


if __name__ == "__main__":
    main()
