"""Recording of one call: the notice to both parties in full, and only then the first byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from contract.calls import RecordingRule
from telephony.calls.call import Call
from telephony.calls.kit import Kit, Tape
from telephony.media.frame import Endpoint, Frame


class Recording:
    """What is written of a call and who may stop it."""

    def __init__(self, kit: Kit, call: Call, ends: tuple[Endpoint, Endpoint], quiet: Callable[[bool], None]) -> None:
        self._kit = kit
        self._call = call
        self._ends = ends
        self._quiet = quiet
        self._tape: Tape | None = None
        self._stopped = False

    async def run(self) -> None:
        """Speak the notice to both, mark its end, open the tape."""
        if self._stopped:
            return
        plan = self._call.recording_plan
        self._call.changed(recording="announcing")
        self._quiet(True)
        try:
            async with asyncio.TaskGroup() as group:
                for end in self._ends:
                    group.create_task(self._kit.media.say(end, "recording-notice", plan.notice_language))
        finally:
            self._quiet(False)
        if self._stopped:
            return
        marker = self._kit.clock.wall()
        pending = {"facts": self._call.facts(), "notice_ended_at": marker}
        await asyncio.to_thread(self._kit.journal.commit, {f"tape/{self._call.id}": pending})
        if self._stopped:
            await asyncio.to_thread(self._kit.journal.commit, None, [f"tape/{self._call.id}"])
            return
        self._tape = self._kit.media.tape(self._call.id, self._ends[0].codec, self._ends[1].codec, marker)
        self._call.changed(recording="on")

    def frame(self, side: str, frame: Frame) -> None:
        """Write one frame, if the tape runs."""
        if self._tape is not None and not self._stopped:
            self._tape.write(side, frame)

    def digit(self, side: str, digit: str) -> None:
        """The objection digit of either party stops the recording, also while the notice is spoken."""
        if self._call.recording in {"announcing", "on"} and digit == self._call.recording_plan.objection_digit:
            self._call.recording_rule = RecordingRule.PARTY_OBJECTED
            self.stop()
            self._kit.journal.commit({f"call/{self._call.id}": self._call.facts()})

    def stop(self, discard: bool = False) -> None:
        """No byte is recorded after this; with `discard` nothing is kept."""
        if self._stopped:
            return
        self._stopped = True
        if self._tape is not None:
            if discard:
                self._tape.discard()
                self._kit.journal.commit(None, [f"tape/{self._call.id}"])
            else:
                self._tape.close()
        self._call.changed(recording="stopped")

    def close(self) -> None:
        """The call is over."""
        if self._tape is not None and not self._stopped:
            self._stopped = True
            self._tape.close()
