"""Everything that call scripts ask of media: joining, speaking, ringing, recording, rendering, forgetting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from contract.calls import CallId, Codec
from telephony.errors import MediaError
from telephony.media import prompt
from telephony.media.frame import Endpoint
from telephony.media.plane import Plane
from telephony.media.render import NothingRecorded, render
from telephony.media.spool import SpoolTape, Syncer, spool_path

_WRITTEN_SECONDS = 10.0


class Studio:
    """One per process; recordings lie under `directory` until they are forgotten."""

    def __init__(self, directory: Path, monotonic: Callable[[], float]) -> None:
        self._directory, self._monotonic = directory, monotonic
        self._syncer = Syncer()
        self._tapes: dict[CallId, SpoolTape] = {}

    def join(self, user: Endpoint, peer: Endpoint) -> Plane:
        """Forward frames between two endpoints."""
        return Plane(user, peer)

    async def say(self, endpoint: Endpoint, clip: str, language: str) -> None:
        """Speak a notice to its end."""
        await prompt.say(endpoint, clip, language)

    async def ringback(self, endpoint: Endpoint) -> None:
        """The ringing tone, until cancelled."""
        await prompt.ringback(endpoint)

    def tape(self, call: CallId, user: Codec, peer: Codec, notice_ended_at: float) -> SpoolTape:
        """Begin a recording on disk; each side is written in the codec that it sends."""
        codecs = {"user": user.value, "peer": peer.value}
        header = {"version": 1, "call": call, "codecs": codecs, "notice_ended_at": notice_ended_at}
        made = SpoolTape(spool_path(self._directory, call), header, self._monotonic, self._syncer)
        self._tapes[call] = made
        return made

    async def render(self, call: CallId) -> tuple[Path, float]:
        """The recording as a stereo WAV file and its seconds; raises MediaError when there is none."""
        tape = self._tapes.get(call)
        if tape is not None and not await asyncio.to_thread(tape.wait, _WRITTEN_SECONDS):
            raise MediaError("the recording is not on disk yet")
        spool = spool_path(self._directory, call)
        if not spool.exists():
            raise NothingRecorded("there is no recording")
        wav = spool.with_suffix(".wav")
        return wav, await render(spool, wav)

    def forget(self, call: CallId) -> None:
        """Delete what is here of a call."""
        self._tapes.pop(call, None)
        spool = spool_path(self._directory, call)
        for path in (spool, spool.with_suffix(".wav"), spool.with_suffix(".part")):
            path.unlink(missing_ok=True)

    def recorded(self) -> set[CallId]:
        """Calls of which something is here."""
        return {CallId(path.stem) for path in self._directory.glob("*")}

    def close(self) -> None:
        """Write what is left."""
        self._syncer.stop()
