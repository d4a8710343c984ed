"""Recording of one call: the notice to both parties in full, and only then the first byte."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from contract.calls import RecordingRule
from telephony.calls.call import Call
from telephony.calls.kit import Kit, Tape
from telephony.media.frame import Endpoint, Frame

log = logging.getLogger(__name__)


class Recording:
    """What is written of a call and who may stop it."""

    def __init__(self, kit: Kit, call: Call, ends: tuple[Endpoint, Endpoint], quiet: Callable[[bool], None]) -> None:
        self._kit = kit
        self._call = call
        self._ends = ends
        self._quiet = quiet
        self._tape: Tape | None = None
        self._stopped = self._missed = False
        self._all_hear = asyncio.Event()
        self._all_hear.set()

    async def run(self) -> None:
        """Speak the notice to both, mark its end, open the tape."""
        if self._stopped:
            return
        self._call.changed(recording="announcing")
        await self._announce()
        if self._stopped:
            return
        marker = self._kit.clock.wall()
        pending = {"facts": self._call.facts(), "notice_ended_at": marker}
        try:
            await self._kit.journal.keep({f"tape/{self._call.id}": pending})
        except OSError as error:  # what a kill would lose is not begun; the call goes on
            log.error("a recording cannot begin", extra={"call": self._call.id, "error": type(error).__name__})
            self.stop()
            return
        if self._stopped:
            await self._kit.journal.keep(None, [f"tape/{self._call.id}"])
            return
        self._tape = self._kit.media.tape(self._call.id, self._ends[0].codec, self._ends[1].codec, marker)
        self._call.changed(recording="on")

    async def _announce(self) -> None:
        """Speak until everybody heard it whole: again after a hold or a reload in the middle."""
        language = self._call.recording_plan.notice_language
        while not self._stopped:
            await self._all_hear.wait()
            self._missed = False
            self._quiet(True)
            try:
                async with asyncio.TaskGroup() as group:
                    for end in self._ends:
                        group.create_task(self._kit.media.say(end, "recording-notice", language))
            finally:
                self._quiet(False)
            if not self._missed:
                return

    def heard_by_all(self, heard: bool) -> None:
        """A party holds us, so that it does not hear a notice; or all hear again."""
        if heard:
            self._all_hear.set()
        else:
            self._missed = True
            self._all_hear.clear()

    def moved(self, ends: tuple[Endpoint, Endpoint]) -> None:
        """A party goes on at another endpoint: a notice under way begins again there."""
        self._ends, self._missed = ends, True

    def frame(self, side: str, frame: Frame) -> None:
        """Write one frame, if the tape runs."""
        if self._tape is not None and not self._stopped:
            self._tape.write(side, frame)

    def digit(self, side: str, digit: str) -> None:
        """The objection digit of either party stops the recording, also while the notice is spoken."""
        if self._call.recording in {"announcing", "on"} and digit == self._call.recording_plan.objection_digit:
            self._call.recording_rule = RecordingRule.PARTY_OBJECTED
            self.stop()
            self._commit({f"call/{self._call.id}": self._call.facts()}, [])

    def stop(self, discard: bool = False) -> None:
        """No byte is recorded after this; with `discard` nothing is kept."""
        if self._stopped:
            return
        self._stopped = True
        if self._tape is not None:
            if discard:
                # Forgotten first: a kill in between leaves a stray that the next start deletes, not one it uploads.
                self._commit(None, [f"tape/{self._call.id}"])
                self._tape.discard()
            else:
                self._tape.close()
        self._call.changed(recording="stopped")

    def _commit(self, put: dict[str, Any] | None, drop: list[str]) -> None:
        """At once, so that the end of the call cannot overtake it; a full disk does not keep a recording running."""
        try:
            self._kit.journal.commit(put, drop)
        except OSError as error:
            log.error(
                "the end of a recording is not noted", extra={"call": self._call.id, "error": type(error).__name__}
            )

    def close(self) -> None:
        """The call is over."""
        if self._tape is not None and not self._stopped:
            self._stopped = True
            self._tape.close()
