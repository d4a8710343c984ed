"""Transactions under a fake clock keep RFC 3261's timers."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from telephony.sip.message import Message, parse, response
from telephony.sip.transaction import ClientTransaction, ServerTransaction, State
from tests.telephony.sip.test_message import INVITE

pytestmark = pytest.mark.pure


@dataclass
class Clock:
    """Timers that fire only when time is moved."""

    now: float = 0.0
    waiting: list[tuple[float, int, list[Callable[[], None]]]] = field(default_factory=list)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def later(self, seconds: float, work: Callable[[], None]) -> Timer:
        cell = [work]
        heapq.heappush(self.waiting, (self.now + seconds, next(self.numbers), cell))
        return Timer(cell)

    def run(self, until: float) -> None:
        while self.waiting and self.waiting[0][0] <= until:
            self.now, _, cell = heapq.heappop(self.waiting)
            for work in cell:
                work()
        self.now = until


@dataclass
class Timer:
    cell: list[Callable[[], None]]

    def cancel(self) -> None:
        self.cell.clear()


@dataclass
class Wire:
    """Everything sent, with its time, and what happened."""

    clock: Clock = field(default_factory=Clock)
    sent: list[tuple[float, Message]] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    reliable: bool = False

    def send(self, message: Message) -> None:
        self.sent.append((self.clock.now, message))

    def client(self, request: Message) -> ClientTransaction:
        made = ClientTransaction(
            request,
            self.send,
            self.clock.later,
            lambda m: self.heard.append(m.status),
            lambda: self.ends.append("timeout"),
            lambda: self.ends.append("end"),
            self.reliable,
        )
        made.start()
        return made

    def server(self, request: Message) -> ServerTransaction:
        return ServerTransaction(
            request, self.send, self.clock.later, lambda: self.ends.append("timeout"), lambda: self.ends.append("end"),
            self.reliable,
        )  # fmt: skip

    def times(self) -> list[float]:
        return [round(at, 2) for at, _ in self.sent]


INVITATION = parse(INVITE)
BYE = parse(INVITE.replace(b"INVITE", b"BYE"))


def test_an_invite_doubles_its_wait_and_gives_up_after_32_seconds() -> None:
    wire = Wire()
    wire.client(INVITATION)
    wire.clock.run(40)
    assert wire.times() == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5] and wire.ends == ["end", "timeout"]


def test_an_invite_that_is_given_up_is_not_repeated_but_still_heard() -> None:
    wire = Wire()
    client = wire.client(INVITATION)
    wire.clock.run(2)
    client.stop_repeating()
    wire.clock.run(30)
    client.receive(response(INVITATION, 200, "OK", "t"))
    assert wire.times() == [0, 0.5, 1.5] and wire.heard == [200]


def test_a_provisional_response_silences_an_invite_for_ever() -> None:
    wire = Wire()
    client = wire.client(INVITATION)
    client.receive(response(INVITATION, 180, "Ringing", "t"))
    wire.clock.run(400)
    assert wire.times() == [0] and client.state is State.PROCEEDING and wire.ends == []


def test_a_refused_invite_is_acknowledged_each_time_and_told_once() -> None:
    wire = Wire()
    client = wire.client(INVITATION)
    for _ in range(3):
        client.receive(response(INVITATION, 486, "Busy", "t"))
    acks = [m for _, m in wire.sent if m.method == "ACK"]
    assert wire.heard == [486] and len(acks) == 3
    assert acks[0].receiver.tag == "t" and acks[0].via.branch == INVITATION.via.branch and acks[0].cseq == (7, "ACK")
    wire.clock.run(40)
    assert wire.ends == ["end"]


def test_every_200_of_an_invite_reaches_its_owner() -> None:
    wire = Wire()
    client = wire.client(INVITATION)
    for tag in ("a", "a", "b"):
        client.receive(response(INVITATION, 200, "OK", tag))
    assert wire.heard == [200] * 3 and [m.method for _, m in wire.sent] == ["INVITE"]


def test_a_bye_repeats_at_most_every_four_seconds() -> None:
    wire = Wire()
    client = wire.client(BYE)
    wire.clock.run(12)
    assert wire.times() == [0, 0.5, 1.5, 3.5, 7.5, 11.5]
    client.receive(response(BYE, 200, "OK"))
    client.receive(response(BYE, 200, "OK"))
    wire.clock.run(60)
    assert wire.heard == [200] and wire.ends == ["end"]


def test_an_unacknowledged_200_is_repeated_then_given_up() -> None:
    wire = Wire()
    server = wire.server(INVITATION)
    assert server.respond(response(INVITATION, 200, "OK", "t"))
    wire.clock.run(40)
    assert wire.times()[:5] == [0, 0.5, 1.5, 3.5, 7.5] and wire.ends == ["timeout", "end"]


def test_an_ack_stops_the_repeats_and_a_late_response_is_refused() -> None:
    wire = Wire()
    server = wire.server(INVITATION)
    server.respond(response(INVITATION, 486, "Busy", "t"))
    server.acknowledged()
    assert not server.respond(response(INVITATION, 200, "OK", "t"))
    wire.clock.run(40)
    assert wire.times() == [0] and wire.ends == ["end"]


def test_a_repeated_request_gets_the_last_word_again() -> None:
    wire = Wire()
    server = wire.server(BYE)
    server.repeated()
    server.respond(response(BYE, 200, "OK"))
    server.repeated()
    assert [m.status for _, m in wire.sent] == [200, 200]


def test_over_a_reliable_transport_a_request_goes_once_and_still_gives_up() -> None:
    for request in (INVITATION, BYE):
        wire = Wire(reliable=True)
        wire.client(request)
        wire.clock.run(31.9)
        assert wire.times() == [0] and wire.ends == []
        wire.clock.run(33)
        assert wire.ends == ["end", "timeout"]


def test_over_a_reliable_transport_a_final_response_ends_a_client_at_once() -> None:
    for request, status, seconds in ((INVITATION, 486, 0), (BYE, 200, 0), (INVITATION, 200, 32)):
        wire = Wire(reliable=True)
        client = wire.client(request)
        client.receive(response(request, status, "x", "t"))
        assert wire.heard == [status]
        wire.clock.run(seconds - 0.1 if seconds else 0)
        assert wire.ends == ([] if seconds else ["end"])
        wire.clock.run(seconds)
        assert wire.ends == ["end"]


def test_over_a_reliable_transport_only_a_2xx_is_repeated() -> None:
    for request, status, times, ends in (
        (INVITATION, 486, [0], ["timeout", "end"]), (INVITATION, 200, [0, 0.5, 1.5, 3.5], ["timeout", "end"]), (BYE, 200, [0], ["end"]),
    ):  # fmt: skip
        wire = Wire(reliable=True)
        wire.server(request).respond(response(request, status, "x", "t"))
        wire.clock.run(7)
        assert wire.times() == times
        wire.clock.run(33)
        assert wire.ends == ends
    wire = Wire(reliable=True)
    server = wire.server(INVITATION)
    server.respond(response(INVITATION, 486, "Busy", "t"))
    server.acknowledged()
    wire.clock.run(0)
    assert wire.ends == ["end"]


def test_a_lost_connection_fails_what_waits_and_nothing_that_was_answered() -> None:
    wire = Wire(reliable=True)
    ringing, answered = wire.client(INVITATION), wire.client(INVITATION)
    ringing.receive(response(INVITATION, 180, "Ringing", "t"))
    answered.receive(response(INVITATION, 200, "OK", "t"))
    for client in (ringing, answered, ringing):
        client.failed()
    assert wire.ends == ["end", "timeout"]
