"""Answered calls of the product in one process: browser leg, SIP leg by INVITE, bridge; as `telephony` runs them.

`python -m bench.load.answered CODEC [recorded]` takes JSON lines: `{"id": 1, "call": k, "sdp": offer, "pbx": port}` dials
`load<k>` at the PBX on 127.0.0.1 and answers `{"id": 1, "sdp": answer}`; `{"id": 2, "hang_up": k}` answers `{"id": 2}`;
`{"id": 3, "pauses": true}` answers how long collections stopped the process since the last time, in ms.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from contract.calls import CallId, CallState, Codec, Device, Direction, Outcome, Party, RecordingPlan, RecordingRule
from contract.numbers import LineId, TenantId, UserId
from telephony.__main__ import new_runner
from telephony.calls.bridge import Bridge
from telephony.calls.call import Call, CallOver, Clock
from telephony.calls.kit import Kit
from telephony.leg import Signal
from telephony.media.rtp_port import open_rtp_port
from telephony.media.studio import Studio
from telephony.memory import Collector
from telephony.sip.leg import Identity, SipLeg
from telephony.sip.useragent import UserAgent
from telephony.webrtc import guard
from telephony.webrtc.leg import WebRtcLeg, WebRtcNetwork
from telephony.webrtc.negotiation import allows_any

HOST = "127.0.0.1"
PLAN = RecordingPlan(False, RecordingRule.RECORDED, "en")
CODECS = {"pcmu": Codec.PCMU, "opus": Codec.OPUS}


class Office:
    """One PBX's calls; nothing of the add-on is there."""

    def __init__(self, agent: UserAgent, codec: Codec, spool: Path | None) -> None:
        nothing: Any = SimpleNamespace()
        self._agent, self._codec, self._recorded = agent, codec, spool is not None
        self._studio = Studio(spool or Path("/nonexistent"), time.monotonic)
        self._kit = Kit(self._studio, nothing, nothing, nothing, Clock(time.time, time.monotonic), nothing)
        self._talks: dict[int, asyncio.Task[None]] = {}
        self._collector = Collector(lambda: len(self._talks))
        self._collecting = asyncio.ensure_future(self._collector.run())

    async def call(self, number: int, offer: str, pbx: int) -> str:
        """The answer for the browser, once the PBX's party has answered."""
        user = WebRtcLeg(Party("1"), WebRtcNetwork(allows=allows_any))
        answering = asyncio.ensure_future(user.take_offer(offer))
        identity = Identity(f"<sip:c{number}@{HOST}>", f"c{number}", None, (HOST, pbx))
        uri = f"sip:load{number}@{HOST}:{pbx}"
        peer = SipLeg(self._agent, identity, Party("2"), lambda: open_rtp_port(HOST), (self._codec,), uri)
        call = self._dialing(number)
        await peer.ring()
        while (event := await peer.events.next()).signal is not Signal.ANSWERED:
            if event.signal is Signal.ENDED:
                raise RuntimeError(f"the PBX refused: {event.sip_status}")
        assert peer.endpoint is not None
        await user.settle(peer.endpoint.codec)
        answer = await answering
        call.to(CallState.ACTIVE)
        bridge = Bridge(self._kit, call, user, peer)
        if self._recorded:  # without the seconds of the notice
            bridge._plane.on_frame = bridge._saw
            bridge.recording._tape = self._studio.tape(call.id, self._codec, self._codec, 0.0)
        self._talks[number] = asyncio.ensure_future(self._talk(bridge))
        return answer

    def _dialing(self, number: int) -> Call:
        who = (CallId(f"c{number}-{time.monotonic_ns()}"), TenantId("t"), UserId("u"), LineId("l"))
        call = Call(*who, Direction.OUTBOUND, Device.BROWSER, Party("2"), PLAN, self._kit.clock)
        call.to(CallState.DIALING)
        return call

    async def _talk(self, bridge: Bridge) -> None:
        try:
            with suppress(CallOver, BaseExceptionGroup):
                await bridge.run()
        finally:
            bridge.close()
            self._studio.forget(bridge.call.id)
            await asyncio.gather(*(leg.hang_up(Outcome.COMPLETED) for leg in (bridge.user, bridge.peer)))

    async def hang_up(self, number: int) -> None:
        """End a call at both sides."""
        talk = self._talks.pop(number)
        self._collector.call_ended()
        talk.cancel()
        with suppress(asyncio.CancelledError):
            await talk


class Pauses:
    """How long the collector held everything up."""

    def __init__(self) -> None:
        self._began, self._ms = 0, [0.0]
        gc.callbacks.append(self._told)

    def _told(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter_ns()
        else:
            self._ms.append((time.perf_counter_ns() - self._began) / 1e6)

    def taken(self) -> list[float]:
        """Since the last time."""
        taken, self._ms = self._ms, [0.0]
        return taken


async def _serve(codec: Codec, recorded: bool) -> None:
    loop, pauses = asyncio.get_running_loop(), Pauses()
    guard.use_addresses([HOST])
    agent = await UserAgent.open(HOST, 0, lambda ip: True, lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        office = Office(agent, codec, Path(folder) if recorded else None)
        reader = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        doing: set[asyncio.Task[None]] = set()
        while line := await reader.readline():
            task = asyncio.ensure_future(_answer(office, pauses, json.loads(line)))
            doing.add(task)
            task.add_done_callback(doing.discard)


async def _answer(office: Office, pauses: Pauses, asked: dict[str, Any]) -> None:
    told: dict[str, Any] = {"id": asked["id"]}
    try:
        if "pauses" in asked:
            told["pauses"] = pauses.taken()
        elif "hang_up" in asked:
            await office.hang_up(asked["hang_up"])
        else:
            told["sdp"] = await office.call(asked["call"], asked["sdp"], asked["pbx"])
    except Exception as error:  # the bench counts it
        told["error"] = f"{type(error).__name__}: {error}"
    print(json.dumps(told), flush=True)


def main() -> None:
    """On the loop and with the memory settings of production."""
    with new_runner() as runner:
        runner.run(_serve(CODECS[sys.argv[1]], "recorded" in sys.argv[2:]))


if __name__ == "__main__":
    main()
