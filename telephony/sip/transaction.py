"""Client and server transactions (RFC 3261 section 17 with RFC 6026): no sockets, timers are handed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Protocol

from telephony.sip.message import Message

T1_SECONDS, T2_SECONDS, T4_SECONDS = 0.5, 4.0, 5.0
TIMEOUT_SECONDS = 64 * T1_SECONDS
LATE_SECONDS = 32.0


class Handle(Protocol):
    """A timer that can be stopped."""

    def cancel(self) -> None:
        """Stop it."""
        ...


Later = Callable[[float, Callable[[], None]], Handle]
Send = Callable[[Message], None]


class State(Enum):
    """RFC 3261 figures 5 to 8; ACCEPTED is RFC 6026's."""

    CALLING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


# What a response class (1, 2, or 3 for final failures) does to a client transaction.
CLIENT_INVITE = {
    State.CALLING: {1: State.PROCEEDING, 2: State.ACCEPTED, 3: State.COMPLETED},
    State.PROCEEDING: {1: State.PROCEEDING, 2: State.ACCEPTED, 3: State.COMPLETED},
    State.ACCEPTED: {2: State.ACCEPTED},
    State.COMPLETED: {3: State.COMPLETED},
}
CLIENT_OTHER = {
    State.CALLING: {1: State.PROCEEDING, 2: State.COMPLETED, 3: State.COMPLETED},
    State.PROCEEDING: {1: State.PROCEEDING, 2: State.COMPLETED, 3: State.COMPLETED},
    State.COMPLETED: {},
}
# What our own response does to a server transaction.
SERVER_INVITE = {
    State.PROCEEDING: {1: State.PROCEEDING, 2: State.ACCEPTED, 3: State.COMPLETED},
    State.ACCEPTED: {2: State.ACCEPTED},
}
SERVER_OTHER = {State.PROCEEDING: {1: State.PROCEEDING, 2: State.COMPLETED, 3: State.COMPLETED}}


def kind_of(status: int) -> int:
    """1 provisional, 2 success, 3 any other final response."""
    return min(status // 100, 3)


def ack_of(request: Message, response: Message) -> Message:
    """The ACK of a failure: same branch, To of the response (RFC 3261 section 17.1.1.3)."""
    kept = [(k, v) for k, v in request.headers if k.lower() in {"route", "max-forwards"}]
    headers = (
        ("Via", request.all("Via")[0]), ("From", request.get("From")), ("To", response.get("To")),
        ("Call-ID", request.call_id), ("CSeq", f"{request.cseq[0]} ACK"), *kept,
    )  # fmt: skip
    return Message(method="ACK", uri=request.uri, headers=headers)


@dataclass(slots=True)
class Timers:
    """Named timers of one transaction."""

    later: Later
    running: dict[str, Handle] = field(default_factory=dict)

    def start(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        """Start or restart."""
        self.stop(name)
        self.running[name] = self.later(seconds, work)

    def stop(self, *names: str) -> None:
        """Stop those, or all without names."""
        for name in names or tuple(self.running):
            handle = self.running.pop(name, None)
            if handle:
                handle.cancel()


@dataclass(slots=True)
class ClientTransaction:
    """One request of ours until its final response; over UDP it is repeated until something comes back.

    A `reliable` transport repeats nothing and waits for no stray response (timers A, D, E and K).
    """

    request: Message
    send: Send
    later: Later
    on_response: Callable[[Message], None]
    on_timeout: Callable[[], None]
    on_end: Callable[[], None]
    reliable: bool = False
    state: State = State.CALLING
    timers: Timers = field(init=False)
    ack: Message | None = None

    def __post_init__(self) -> None:
        self.timers = Timers(self.later)

    @property
    def is_invite(self) -> bool:
        """INVITE has its own machine."""
        return self.request.method == "INVITE"

    def start(self) -> None:
        """Send the request the first time."""
        self.send(self.request)
        if not self.reliable:
            self.timers.start("repeat", T1_SECONDS, lambda: self._repeat(2 * T1_SECONDS))
        self.timers.start("give up", TIMEOUT_SECONDS, self._give_up)

    def _repeat(self, wait: float) -> None:
        self.send(self.request)
        if not self.is_invite:
            wait = min(wait, T2_SECONDS)
        self.timers.start("repeat", wait, lambda: self._repeat(wait * 2))

    def stop_repeating(self) -> None:
        """Ask no more; what comes of what was sent is still heard until the transaction times out."""
        self.timers.stop("repeat")

    def failed(self) -> None:
        """The way to the far end is gone: no response will come (section 17.1.4)."""
        if self.state in {State.CALLING, State.PROCEEDING}:
            self._give_up()

    def _give_up(self) -> None:
        self._end()
        self.on_timeout()

    def _end(self) -> None:
        self.state = State.TERMINATED
        self.timers.stop()
        self.on_end()

    def receive(self, response: Message) -> None:
        """A response with our branch."""
        kind = kind_of(response.status)
        table = CLIENT_INVITE if self.is_invite else CLIENT_OTHER
        following = table.get(self.state, {}).get(kind)
        if following is None:
            return
        first = self.state is not following or kind < 3
        self.state = following
        if kind == 1:
            self.timers.stop(*(("repeat", "give up") if self.is_invite else ()))
        elif first:
            self._final(kind)
        if kind == 3 and self.is_invite:
            self.ack = ack_of(self.request, response)
            self.send(self.ack)
        if first:
            self.on_response(response)

    def _final(self, kind: int) -> None:
        self.timers.stop()
        if self.is_invite and kind == 2:
            wait = TIMEOUT_SECONDS
        elif self.reliable:
            wait = 0.0
        else:
            wait = LATE_SECONDS if self.is_invite else T4_SECONDS
        self.timers.start("end", wait, self._end)


@dataclass(slots=True)
class ServerTransaction:
    """One request from the peer until our final response was taken.

    A `reliable` transport repeats no failure and waits for no stray request (timers G, I and J); a 2xx is repeated
    all the same, since it may have unreliable hops before it (RFC 3261 section 13.3.1.4).
    """

    request: Message
    send: Send
    later: Later
    on_timeout: Callable[[], None]
    on_end: Callable[[], None]
    reliable: bool = False
    state: State = State.PROCEEDING
    last: Message | None = None
    timers: Timers = field(init=False)

    def __post_init__(self) -> None:
        self.timers = Timers(self.later)

    @property
    def is_invite(self) -> bool:
        """INVITE has its own machine."""
        return self.request.method == "INVITE"

    def respond(self, response: Message) -> bool:
        """Send our response; False when the state no longer takes one."""
        kind = kind_of(response.status)
        table = SERVER_INVITE if self.is_invite else SERVER_OTHER
        following = table.get(self.state, {}).get(kind)
        if following is None:
            return False
        first = following is not self.state
        self.state, self.last = following, response
        self.send(response)
        if kind > 1 and first:
            self._final(kind)
        return True

    def _final(self, kind: int) -> None:
        if not self.is_invite:
            self.timers.start("end", 0.0 if self.reliable else TIMEOUT_SECONDS, self._end)
            return
        if kind == 2 or not self.reliable:
            self.timers.start("repeat", T1_SECONDS, lambda: self._repeat(2 * T1_SECONDS))
        self.timers.start("give up", TIMEOUT_SECONDS, self._give_up)

    def _repeat(self, wait: float) -> None:
        if self.last is not None:
            self.send(self.last)
        wait = min(wait, T2_SECONDS)
        self.timers.start("repeat", wait, lambda: self._repeat(wait * 2))

    def _give_up(self) -> None:
        self.on_timeout()
        self._end()

    def _end(self) -> None:
        self.state = State.TERMINATED
        self.timers.stop()
        self.on_end()

    def repeated(self) -> None:
        """The same request again: say the same again (RFC 3261 section 17.2)."""
        if self.last is not None and self.state in {State.PROCEEDING, State.COMPLETED}:
            self.send(self.last)

    def acknowledged(self) -> None:
        """The ACK of our final response."""
        self.timers.stop("repeat", "give up")
        if self.state in {State.ACCEPTED, State.COMPLETED}:
            self.state = State.CONFIRMED
            self.timers.start("end", 0.0 if self.reliable else T4_SECONDS, self._end)


def with_branch(request: Message, via: str) -> Message:
    """The request with our Via on top."""
    return replace(request, headers=(("Via", via), *request.headers))
