"""The two bridges between a browser and a plain RTP party: ours, and stock aiortc tracks; one process each.

`python -m bench.load.bridges MODE` answers one JSON line with one JSON line of the same `id`: an offer with an answer,
anything else with the CPU seconds used so far. `recorded` is ours with both sides written to a spool on disk.
"""

from __future__ import annotations

import asyncio
import fractions
import gc
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HOST = "127.0.0.1"


class Ours:
    """The product's legs and bridge, as an answered call uses them."""

    def __init__(self, recorded: bool) -> None:
        from telephony.calls.call import Clock
        from telephony.calls.kit import Kit
        from telephony.media.studio import Studio
        from telephony.webrtc import guard

        guard.use_addresses([HOST])
        self._recorded = recorded
        self._kept: list[Any] = []
        self._folder = tempfile.TemporaryDirectory()
        self._studio = Studio(Path(self._folder.name), time.monotonic)
        nothing: Any = None
        self._kit = Kit(self._studio, nothing, nothing, nothing, Clock(time.time, time.monotonic), nothing)

    async def call(self, sdp: str, far_port: int) -> dict[str, Any]:
        """A call that is answered at once."""
        from contract.calls import Codec, Party
        from telephony.calls.bridge import Bridge
        from telephony.media.rtp_port import open_rtp_port
        from telephony.webrtc.leg import WebRtcLeg, WebRtcNetwork
        from telephony.webrtc.negotiation import allows_any

        port = await open_rtp_port(HOST)
        port.connect(HOST, far_port, Codec.PCMU, 0, None)
        leg = WebRtcLeg(Party("1"), WebRtcNetwork(allows=allows_any))
        await leg.settle(Codec.PCMU)
        call, far = self._answered(f"c{port.local_port}"), SimpleNamespace(endpoint=port)
        bridge = Bridge(self._kit, call, leg, far)  # type: ignore[arg-type] # only the endpoint is used
        if self._recorded:
            bridge.recording._tape = self._studio.tape(call.id, Codec.PCMU, Codec.PCMU, 0.0)
        self._kept.append(bridge)
        return {"sdp": await leg.take_offer(sdp), "port": port.local_port}

    def _answered(self, name: str) -> Any:
        from contract.calls import CallId, CallState, Device, Direction, Party, RecordingPlan, RecordingRule
        from contract.numbers import LineId, TenantId, UserId
        from telephony.calls.call import Call

        plan = RecordingPlan(self._recorded, RecordingRule.RECORDED, "en")
        who = (CallId(name), TenantId("t"), UserId("u"), LineId("l"))
        call = Call(*who, Direction.OUTBOUND, Device.BROWSER, Party("2"), plan, self._kit.clock)
        for state in (CallState.DIALING, CallState.ACTIVE):
            call.to(state)
        return call


class Stock:
    """aiortc's tracks: every payload is decoded to a frame and encoded again; nothing of ours is loaded."""

    def __init__(self) -> None:
        import aioice.ice

        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [HOST]
        self._kept: list[Any] = []

    async def call(self, sdp: str, far_port: int) -> dict[str, Any]:
        """The same call over tracks."""
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

        trunk = await _trunk(far_port)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.on("track", lambda track: self._kept.append(asyncio.ensure_future(_to_trunk(track, trunk))))
        peer.addTrack(_track(trunk))
        self._kept.append(peer)
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return {"sdp": str(peer.localDescription.sdp), "port": trunk.get_extra_info("sockname")[1]}


class _Arrivals(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.packets: asyncio.Queue[Any] = asyncio.Queue(100)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        from aiortc.rtp import RtpPacket

        if not self.packets.full():
            self.packets.put_nowait(RtpPacket.parse(data))


async def _trunk(far_port: int) -> asyncio.DatagramTransport:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        _Arrivals, local_addr=(HOST, 0), remote_addr=(HOST, far_port)
    )  # fmt: skip
    return transport


def _track(trunk: asyncio.DatagramTransport) -> Any:
    import aiortc.codecs.g711
    from aiortc import MediaStreamTrack
    from aiortc.jitterbuffer import JitterFrame

    class FromTrunk(MediaStreamTrack):
        kind = "audio"
        decoder = aiortc.codecs.g711.PcmuDecoder()

        async def recv(self) -> Any:
            packet = await trunk.get_protocol().packets.get()
            frame = self.decoder.decode(JitterFrame(packet.payload, packet.timestamp))[0]
            frame.pts, frame.time_base = packet.timestamp, fractions.Fraction(1, 8000)
            return frame

    return FromTrunk()


async def _to_trunk(track: Any, trunk: asyncio.DatagramTransport) -> None:
    from aiortc.codecs.g711 import PcmuEncoder
    from aiortc.mediastreams import MediaStreamError
    from aiortc.rtp import RtpPacket

    encoder, sequence = PcmuEncoder(), 0
    try:
        while True:
            payloads, timestamp = encoder.encode(await track.recv())
            for payload in payloads:
                packet = RtpPacket(payload_type=0, sequence_number=sequence, timestamp=timestamp & 0xFFFFFFFF, ssrc=7)
                packet.payload = payload
                trunk.sendto(packet.serialize())
                sequence = sequence + 1 & 0xFFFF
    except MediaStreamError:
        return


async def _serve(mode: str) -> None:
    bridge = Stock() if mode.startswith("stock") else Ours(mode == "recorded")
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        asked = json.loads(line)
        if "sdp" in asked:
            answer = await bridge.call(asked["sdp"], asked["port"])
        else:
            used = resource.getrusage(resource.RUSAGE_SELF)
            answer = {"cpu": used.ru_utime + used.ru_stime}
        print(json.dumps(answer | {"id": asked.get("id")}), flush=True)


def main() -> None:
    """Ours on the loop that production uses, stock on the default one or, as `stock-uvloop`, on the same as ours."""
    mode = sys.argv[1]
    try:
        import uvloop
    except ImportError:
        uvloop = None
    quick = uvloop is not None and mode != "stock"
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if quick else None) as runner:
        runner.run(_serve(mode))


if __name__ == "__main__":
    main()
