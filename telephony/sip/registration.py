"""Keeps one extension registered (RFC 3261 section 10, back-off of RFC 5626 section 4.5)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from telephony.errors import ParseError
from telephony.sip.digest import Challenge, Credentials, strongest
from telephony.sip.message import Message
from telephony.sip.next_hop import Hop, wait_after
from telephony.sip.tls import UNREACHABLE
from telephony.sip.uri import NameAddr
from telephony.sip.useragent import UserAgent, new_tag

WRONG_PASSWORD, REFUSED = "wrong-password", "refused"
# Every extension of a line learns at once that the PBX is back.
SPREAD_SECONDS = 0.5
# A request waits 32 s for an answer (timer F); with another server at hand that is too long.
PATIENCE_SECONDS = 8.0
OUT_OF_SERVICE = {408, 503}


def whole_number(text: str) -> int | None:
    """Seconds as a header says them; None for anything else than one to nine digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


@dataclass(slots=True)
class Registrar:
    """One extension at one registrar; `problem` is a code of LineStatus."""

    agent: UserAgent
    hop: Hop
    domain: str
    extension: str
    credentials: Credentials
    seconds: int
    on_change: Callable[[], None]
    route: str = ""
    registered: bool = False
    problem: str = ""
    _call_id: str = field(default_factory=lambda: secrets.token_hex(12))
    _tag: str = field(default_factory=new_tag)
    _cseq: int = 0
    _contact: str = ""
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Register and refresh until cancelled; leaving says so to the registrar."""
        failures = 0
        while True:
            self._moved.clear()
            if self.hop.address is None:
                await self._moved.wait()
                await asyncio.sleep(random.uniform(0, SPREAD_SECONDS) if self._contact else 0)
                continue
            granted = await self._register(self.seconds)
            failures = 0 if granted else failures + 1
            pause = granted * random.uniform(0.7, 0.9) if granted else wait_after(failures, random.random())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._moved.wait()

    def moved(self, problem: str) -> None:
        """The way to the PBX is another: register there at once; with a `problem` there is none."""
        if problem:
            self._became(False, problem)
        self._moved.set()

    def doubt(self) -> None:
        """The PBX left a call without any response: it counts as unreachable until it takes a REGISTER, sent at once."""
        self._became(False, UNREACHABLE)
        self._moved.set()

    def knock(self) -> None:
        """Somebody wants to call: a PBX that could not be reached is tried at once instead of at its next turn."""
        if self.problem == UNREACHABLE:
            self._moved.set()

    async def leave(self) -> None:
        """Unregister, if registered."""
        if self.registered:
            await self._register(0)

    async def _register(self, seconds: int) -> int:
        """Seconds granted, 0 on failure."""
        proof: tuple[str, str] | None = None
        challenge: Challenge | None = None
        for tries in range(3):
            answer = await self._ask(seconds, proof)
            if answer is None or answer.status in OUT_OF_SERVICE:
                self.hop.failed(answer is not None)
                return self._became(False, self.hop.problem or UNREACHABLE)
            if answer.status < 300:
                if challenge is not None:
                    self.credentials.proved(challenge)
                self._contact = self.agent.contact(self.extension)
                self._became(seconds > 0, "")
                return self._granted(answer, seconds)
            longer = whole_number(answer.get("Min-Expires"))
            if answer.status == 423 and longer is not None:
                seconds = min(3600, longer)
                continue
            challenge = strongest(answer.all("WWW-Authenticate") + answer.all("Proxy-Authenticate"))
            if answer.status not in {401, 407} or challenge is None:
                return self._became(False, WRONG_PASSWORD if answer.status == 403 and proof else REFUSED)
            if not self.credentials.may_answer(challenge):
                return self._became(False, REFUSED)
            if tries and not challenge.stale and proof is not None:
                return self._became(False, WRONG_PASSWORD)
            name = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            proof = name, self.credentials.answer(challenge, "REGISTER", self._uri(), secrets.token_hex(8))
        return self._became(False, WRONG_PASSWORD)

    def _uri(self) -> str:
        return f"sip:{self.domain}"

    def _contacts(self) -> list[tuple[str, str]]:
        """Ours, and the end of the one that we had before on another port (section 10.2.2)."""
        ours = self.agent.contact(self.extension)
        gone = [("Contact", f"{self._contact};expires=0")] if self._contact not in {"", ours} else []
        return [("Contact", ours), *gone]

    async def _ask(self, seconds: int, proof: tuple[str, str] | None) -> Message | None:
        if self.hop.address is None:
            return None
        self._cseq += 1
        address = f"<sip:{self.extension}@{self.domain}>"
        message = Message(
            method="REGISTER",
            uri=self._uri(),
            headers=(
                *((("Route", self.route),) if self.route else ()), ("Max-Forwards", "70"), ("From", f"{address};tag={self._tag}"), ("To", address), ("Call-ID", self._call_id),
                ("CSeq", f"{self._cseq} REGISTER"), *self._contacts(),
                ("Expires", str(seconds)), *([proof] if proof else []),
            ),
        )  # fmt: skip
        final: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def heard(answer: Message) -> None:
            if answer.status >= 200 and not final.done():
                final.set_result(answer)

        def late() -> None:
            if not final.done():
                final.set_result(None)

        asked = self.agent.request(message, self.hop.address, heard, late)
        try:
            return await asyncio.wait_for(final, PATIENCE_SECONDS if self.hop.several else None)
        except TimeoutError:
            asked.failed()
            return None

    def _granted(self, answer: Message, asked: int) -> int:
        """The registrar's word on how long, from our Contact or Expires."""
        said = whole_number(answer.get("Expires"))
        for value in answer.all("Contact"):
            try:
                contact = NameAddr.parse(value)
            except ParseError:
                continue
            expires = whole_number(contact.params.get("expires", ""))
            if contact.uri.port == self.agent.port and expires is not None:
                said = expires
        return asked if said is None else max(5, min(said, 3600))

    def _became(self, registered: bool, problem: str) -> int:
        if (registered, problem) != (self.registered, self.problem):
            self.registered, self.problem = registered, problem
            self.on_change()
        return 0
