"""Presence goes over a kept connection and survives its end; a command is sent once; whatever else is TelephonyAway."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from addon.adapters.telephony_http import TelephonyHttp
from addon.domain.presence import Presence
from addon.ports.telephony import LinesDown, TelephonyAway
from contract import wire
from contract.calls import CallId
from contract.commands import CommandResult, HangUp
from contract.numbers import TenantId, UserId
from tests.addon.app import test_following

pytestmark = pytest.mark.loopback
KEYS = wire.Keys({"k1": b"1" * 32})
ACME, ALICE = TenantId("acme"), UserId("alice")
HERE = json.dumps({"webphone": True, "registered": True, "calls": [], "problem": ""}).encode()
COMMAND = HangUp(CallId("c1"), ACME, ALICE)


class Peer:
    """A telephony service that counts connections and requests; `answer` makes the bytes of the n-th request."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.answer: Callable[[int], bytes | None] = lambda _n: ok(HERE)
        self.connections = 0
        self.requests: list[bytes] = []
        self.live: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.live.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            held = b""
            while True:
                while b"\r\n\r\n" not in held:
                    if not (data := connection.recv(65536)):
                        return
                    held += data
                self.requests.append(held)
                held = b""
                said = self.answer(len(self.requests))
                if said is None:
                    return
                connection.sendall(said)
                if b"Connection: close" in said:
                    return


def ok(body: bytes, more: str = "", status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@pytest.fixture
def peer() -> Iterator[Peer]:
    found = Peer()
    yield found
    found.close()


@pytest.fixture
def telephony(peer: Peer) -> TelephonyHttp:
    return TelephonyHttp(peer.url, KEYS, time.time)


def test_presence_keeps_its_connection_and_signs_each_request(peer: Peer, telephony: TelephonyHttp) -> None:
    for _ in range(5):
        assert telephony.presence(ACME, ALICE) == Presence(True, True)
    assert peer.connections == 1 and len({_nonce(r) for r in peer.requests}) == 5
    for request in peer.requests:
        head, *lines = request.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        assert head == "GET /presence/acme/alice HTTP/1.1"
        wire.verify_request(KEYS, "telephony", "GET", "/presence/acme/alice", b"", headers, now=time.time())


def _nonce(request: bytes) -> str:
    return next(line for line in request.decode().split("\r\n") if line.startswith("X-CTC-Nonce"))


def test_a_connection_that_was_closed_meanwhile_is_made_again(peer: Peer, telephony: TelephonyHttp) -> None:
    peer.answer = lambda n: None if n == 2 else ok(HERE)
    assert [telephony.presence(ACME, ALICE).webphone for _ in range(3)] == [True] * 3
    assert peer.connections == 2 and len(peer.requests) == 4
    peer.answer = lambda _n: ok(HERE, "Connection: close\r\n")
    assert [telephony.presence(ACME, ALICE).webphone for _ in range(3)] == [True] * 3


def test_a_command_is_sent_once_whatever_happens(peer: Peer, telephony: TelephonyHttp) -> None:
    telephony.presence(ACME, ALICE)
    peer.answer = lambda _n: None
    with pytest.raises(TelephonyAway):
        telephony.send(COMMAND)
    assert [r.split(b" ")[0] for r in peer.requests] == [b"GET", b"POST"] and peer.connections == 2
    peer.answer = lambda _n: ok(b'{"accepted": false, "reason": "no-line"}')
    assert telephony.send(COMMAND) == CommandResult(False, "no-line")


def test_how_a_call_went_comes_with_the_answer_and_nonsense_is_no_answer(peer: Peer, telephony: TelephonyHttp) -> None:
    ended = test_following.ended("c1")
    peer.answer = lambda _n: ok(json.dumps({"accepted": True, "ended": wire.dumps(ended).decode()}).encode())
    assert telephony.send(COMMAND) == CommandResult(True, "", ended)
    for nonsense in (b'{"accepted": true, "ended": "x"}', b'{"accepted": true, "ended": 7}', b"{}", b"[]", b"7"):
        peer.answer = lambda _n, said=nonsense: ok(said)
        with pytest.raises(TelephonyAway):
            telephony.send(COMMAND)


def test_a_command_that_certainly_did_not_arrive_is_told_apart(peer: Peer, telephony: TelephonyHttp) -> None:
    peer.answer = lambda _n: None
    with pytest.raises(TelephonyAway) as raised:
        telephony.send(COMMAND)
    assert raised.value.maybe_done
    peer.close()
    with pytest.raises(TelephonyAway) as raised:
        telephony.send(COMMAND)
    assert not raised.value.maybe_done


@pytest.mark.parametrize(
    "said",
    [
        ok(b"", status="401 Unauthorized"), ok(b"", "Location: http://127.0.0.1:9/\r\n", "302 Found"), ok(b"{"), ok(b"[]"), ok(b"{}"),
        ok(HERE + b" " * wire.MAX_BODY_BYTES), b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}",
        ok(b'{"webphone":1,"registered":1,"calls":[{}]}'), ok(HERE, "Transfer-Encoding: chunked\r\n"), ok(HERE) + b" ",
        b"HTTP/1.1 200 OK\r\n\r\n" + HERE, ok(HERE, "X-Long: " + "x" * 20_000 + "\r\n"), ok(HERE).replace(b"HTTP/1.1", b"HTTP/3"),
        ok(HERE).replace(b"Content-Length: ", b"Content-Length: -"), None,
    ],
)  # fmt: skip
def test_what_is_no_answer_is_away_and_the_next_one_counts(
    peer: Peer, telephony: TelephonyHttp, said: bytes | None
) -> None:
    peer.answer = lambda _n: said
    with pytest.raises(TelephonyAway):
        telephony.presence(ACME, ALICE)
    peer.answer = lambda _n: ok(HERE)
    assert telephony.presence(ACME, ALICE).webphone
    telephony.ping()


@pytest.mark.parametrize("wrong", ["here", "", "http://127.0.0.1:port", "http://"])
def test_nobody_there_or_a_nonsense_address_is_away(peer: Peer, wrong: str) -> None:
    telephony = TelephonyHttp(peer.url if wrong == "here" else wrong, KEYS, time.time)
    peer.close()
    for act in (telephony.ping, lambda: telephony.presence(ACME, ALICE), lambda: telephony.send(COMMAND)):
        with pytest.raises(TelephonyAway):
            act()


def test_an_answer_may_come_in_any_pieces(peer: Peer, telephony: TelephonyHttp) -> None:
    def split(_n: int) -> bytes:
        for byte in ok(HERE, "content-LENGTHY: 5\r\n")[:-1]:
            peer.live[-1].sendall(bytes([byte]))
        return ok(HERE)[-1:]

    peer.answer = split
    assert [telephony.presence(ACME, ALICE).webphone for _ in range(3)] == [True] * 3 and peer.connections == 1


def test_a_slow_answer_is_away(peer: Peer, telephony: TelephonyHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("addon.adapters.telephony_http.TIMEOUT_SECONDS", 0.2)
    peer.answer = lambda _n: (time.sleep(1.0), ok(HERE))[1]
    with pytest.raises(TelephonyAway):
        telephony.presence(ACME, ALICE)


def test_each_thread_has_its_own_connection(peer: Peer, telephony: TelephonyHttp) -> None:
    found: list[bool] = []
    runners = [
        threading.Thread(target=lambda: found.extend(telephony.presence(ACME, ALICE).webphone for _ in range(20)))
        for _ in range(4)
    ]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(20)
    assert found == [True] * 80 and peer.connections == 4


@pytest.mark.parametrize("said,reason", [("ok", ""), ("unreachable", "unreachable"), ("CANARY", "unknown")])
def test_what_the_lines_do_is_one_of_a_few_words(peer: Peer, telephony: TelephonyHttp, said: str, reason: str) -> None:
    peer.answer = lambda _n: ok(json.dumps({"status": "ok", "parts": {"lines": said}}).encode())
    if not reason:
        telephony.ping_lines()
        return
    with pytest.raises(LinesDown) as raised:
        telephony.ping_lines()
    assert raised.value.reason == reason


def test_health_that_does_not_name_the_lines_is_no_answer(peer: Peer, telephony: TelephonyHttp) -> None:
    for nonsense in (b"{}", b'{"parts": 7}', b"[]"):
        peer.answer = lambda _n, said=nonsense: ok(said)
        with pytest.raises(TelephonyAway):
            telephony.ping_lines()
