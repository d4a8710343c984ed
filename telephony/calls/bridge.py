"""Two answered parties: audio, hold, mute, digits and the recording of both sides."""

from __future__ import annotations

import asyncio

from contract.calls import CallState, Outcome
from telephony.calls.call import BrowserLeg, Call, CallOver, answered_offer
from telephony.calls.kit import PEER, USER, Kit
from telephony.calls.recording import Recording
from telephony.leg import Leg, Signal
from telephony.media.frame import Endpoint, Frame

_DIGIT_GAP_SECONDS = 0.2
_DIGITS = frozenset("0123456789*#ABCD")


class Bridge:
    """A call's connection; `user` and `peer` must have their endpoints."""

    def __init__(self, kit: Kit, call: Call, user: Leg, peer: Leg) -> None:
        assert user.endpoint is not None and peer.endpoint is not None
        self.call = call
        self._kit = kit
        self._group: asyncio.TaskGroup | None = None
        self._running = asyncio.Event()
        self._user_watch: asyncio.Task[None] | None = None
        self.user, self.peer = user, peer
        self._ends: tuple[Endpoint, Endpoint] = (user.endpoint, peer.endpoint)
        self._plane = kit.media.join(user.endpoint, peer.endpoint)
        self._watch_frames()
        self._announcing = self._holding = False
        self._held_by: set[str] = set()
        self._digits: asyncio.Queue[str] = asyncio.Queue(64)
        self.recording = Recording(kit, call, self._ends, self._quiet)

    def _quiet(self, announcing: bool) -> None:
        self._announcing = announcing
        self._flow()

    def _flow(self) -> None:
        open_ = not self._announcing and not self._holding
        speaks = open_ and not self.call.muted and PEER not in self._held_by
        self._plane.flow(from_user=speaks, from_peer=open_ and USER not in self._held_by)

    def _watch_frames(self) -> None:
        """Frames and digits are looked at for the recording alone."""
        if self.call.recording_plan.record:
            self._plane.on_frame = self._saw

    def _saw(self, side: str, frame: Frame) -> None:
        if frame.digit:
            self.recording.digit(side, frame.digit)
        elif not self._holding and not self._held_by and not (side == USER and self.call.muted):
            self.recording.frame(side, frame)

    async def hold(self, held: bool) -> None:
        """Hold or resume the far party; from the wish to hold until it is resumed nothing is forwarded or recorded."""
        if held == (self.call.state is CallState.HELD):
            return
        if held:
            self._holding = True
            self._flow()
        try:
            await self.peer.hold(held)
            if self.call.state in {CallState.ACTIVE, CallState.HELD}:
                self.call.to(CallState.HELD if held else CallState.ACTIVE)
        finally:
            self._holding = self.call.state is CallState.HELD
            self._flow()

    def _held(self, side: str, held: bool) -> None:
        """A party holds us or takes us back: what it does not hear is not recorded."""
        self._held_by = self._held_by | {side} if held else self._held_by - {side}
        self.recording.heard_by_all(not self._held_by)
        self._flow()
        if self.call.peer_holds != (PEER in self._held_by):
            self.call.changed(peer_holds=PEER in self._held_by)

    def mute(self, muted: bool) -> None:
        """Stop or resume the user's voice."""
        self.call.changed(muted=muted)
        self._flow()

    def dial_digits(self, digits: str) -> None:
        """Send digits to the far party one after the other; unknown signs are left out, an objection is heeded."""
        for digit in digits:
            if digit in _DIGITS and not self._digits.full():
                self.recording.digit(USER, digit)
                self._digits.put_nowait(digit)

    async def replace_user(self, sdp: str) -> str:
        """A new leg for the page on the call's codec; the far party and the recording go on."""
        leg = self._kit.browser_leg(self.call)
        read = asyncio.Event()
        assert self.call.codec is not None
        codec = self.call.codec

        async def settled() -> None:
            await read.wait()
            await leg.settle(codec)

        settling = asyncio.ensure_future(settled())
        answering = asyncio.ensure_future(answered_offer(leg, sdp, read))
        try:
            await asyncio.wait({settling, answering}, return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                settling.result()
            answer = await answering
        except BaseException:
            await leg.hang_up()
            raise
        finally:
            settling.cancel()
            answering.cancel()
        await self._swap(leg)
        return answer

    async def _swap(self, leg: BrowserLeg) -> None:
        await self._running.wait()
        assert leg.endpoint is not None and self._group is not None
        old, self.user = self.user, leg
        if self._user_watch is not None:
            self._user_watch.cancel()
        self._user_watch = self._group.create_task(self.watch(leg, USER))
        self._plane.close()
        self._ends = (leg.endpoint, self._ends[1])
        self._held(USER, False)
        self.recording.moved(self._ends)
        self._plane = self._kit.media.join(*self._ends)
        self._watch_frames()
        self._flow()
        self.call.browser = leg
        self.call.legs.append(leg)
        self.call.changed(media="up")
        await old.hang_up()

    async def run(self) -> None:
        """Everything that goes on while two parties talk; leaves by CallOver."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._running.set()
            self._user_watch = group.create_task(self.watch(self.user, USER))
            group.create_task(self.watch(self.peer, PEER))
            group.create_task(self.send_digits())
            if self.call.recording_plan.record:
                group.create_task(self.recording.run())

    def stop_recording(self, discard: bool = False) -> None:
        """No byte is recorded after this."""
        self.recording.stop(discard)

    async def send_digits(self) -> None:
        """The digits' worker."""
        while True:
            self._ends[1].send_digit(await self._digits.get())
            await asyncio.sleep(_DIGIT_GAP_SECONDS)

    async def watch(self, leg: Leg, side: str) -> None:
        """Follow one party until it leaves."""
        while True:
            event = await leg.events.next()
            if event.signal in {Signal.HELD, Signal.RESUMED}:
                self._held(side, event.signal is Signal.HELD)
            if event.signal is Signal.ENDED:
                outcome = event.outcome if event.outcome is Outcome.MEDIA_FAILED else Outcome.COMPLETED
                raise CallOver(outcome, event.sip_status)

    def close(self) -> None:
        """Nothing flows and nothing is recorded any more."""
        self._plane.close()
        self.recording.close()


async def talk(kit: Kit, call: Call, bridge: Bridge) -> None:
    """From the answer to the end; always leaves by CallOver."""
    call.connection = bridge
    call.to(CallState.ACTIVE)
    try:
        await kit.note(call, {f"call/{call.id}": call.facts()})
        await bridge.run()
    finally:
        call.connection = None
        bridge.close()
