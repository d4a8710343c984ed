"""Google's keys are cached by us: an outage of theirs, a flood of unknown key ids and many threads cost at most two fetches an hour."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from addon.adapters.google_keys import COLD_SECONDS, REFETCH_SECONDS, GoogleKeys
from addon.ports.google import GoogleAway
from tests.cast import ISSUER

pytestmark = pytest.mark.loopback
KID = ISSUER.kid()
HOUR = 3600.0


@dataclass
class CertsHost:
    """The certificates' host: counts requests, can fail, be slow or talk nonsense."""

    status: int = 200
    body: bytes = field(default_factory=lambda: json.dumps(ISSUER.jwks()).encode())
    cache_control: str = "public, max-age=21600"
    slow_seconds: float = 0.0
    fetches: int = 0
    url: str = ""


@pytest.fixture
def host() -> Iterator[CertsHost]:
    state = CertsHost()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.fetches += 1
            time.sleep(state.slow_seconds)
            self.send_response(state.status)
            self.send_header("Cache-Control", state.cache_control)
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/certs"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()


@dataclass
class Now:
    """A clock that is set by hand."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


def test_the_keys_of_the_host_are_found_and_kept(host: CertsHost, now: Now) -> None:
    keys = GoogleKeys(host.url, now)
    assert [bool(keys.get(KID)) for _ in range(100)] == [True] * 100 and host.fetches == 1


def test_a_day_of_steady_use_costs_at_most_two_fetches_an_hour(host: CertsHost, now: Now) -> None:
    for cache_control in ("max-age=0", "no-store", "", "public, max-age=21600", "max-age=999999999999"):
        host.cache_control, host.fetches = cache_control, 0
        keys = GoogleKeys(host.url, now)
        for minute in range(24 * 60):
            now.at += 60
            assert keys.get(KID) and keys.get(f"stranger-{minute}") is None
        assert 1 <= host.fetches <= 48, cache_control


def test_six_hours_without_the_host_refuse_no_genuine_key_and_a_thousand_unknown_ids_cost_two_fetches(
    host: CertsHost, now: Now, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = GoogleKeys(host.url, now)
    assert keys.get(KID)
    for status, body in ((503, b""), (200, b"<html>"), (200, b"[]"), (200, b'{"keys":[{"kty":"RSA"}]}'), (302, b"")):
        host.status, host.body = status, body
        now.at += 6 * HOUR
        host.fetches = 0
        assert [keys.get(f"kid-{n}") for n in range(1000)] == [None] * 1000
        assert host.fetches <= 2
        for _ in range(6 * 12):
            now.at += HOUR / 12
            assert keys.get(KID)
        with capsys.disabled():
            print(f"\ncerts host away 6 h ({status}): 1000 unknown ids, {host.fetches} fetches in all")
        assert host.fetches <= 1 + 2 * 6


def test_an_unreachable_host_at_the_start_is_asked_again_soon_and_never_per_request(host: CertsHost, now: Now) -> None:
    host.status = 503
    keys = GoogleKeys(host.url, now)
    assert [keys.get(f"kid-{n}") for n in range(1000)] == [None] * 1000 and host.fetches == 1
    host.status = 200
    assert keys.get(KID) is None
    now.at += COLD_SECONDS
    assert keys.get(KID) and host.fetches == 2


def test_a_rotated_key_is_found_within_half_an_hour_however_many_strangers_asked_before(
    host: CertsHost, now: Now
) -> None:
    host.body = json.dumps({"keys": [{**ISSUER.jwks()["keys"][0], "kid": "old"}]}).encode()
    keys = GoogleKeys(host.url, now)
    assert keys.get("old")
    now.at += REFETCH_SECONDS
    assert keys.get("stranger") is None
    host.body = json.dumps(ISSUER.jwks()).encode()
    now.at += REFETCH_SECONDS
    assert keys.get(KID) and keys.get("old") is None


def in_threads(count: int, work: Callable[[int], object]) -> list[object]:
    barrier = threading.Barrier(count)

    def together(number: int) -> object:
        barrier.wait(20)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(together, range(count)))


def test_sixteen_threads_at_the_first_request_all_get_the_key_for_one_fetch(host: CertsHost, now: Now) -> None:
    host.slow_seconds = 0.3
    keys = GoogleKeys(host.url, now)
    assert all(in_threads(16, lambda _: keys.get(KID))) and host.fetches == 1


def test_a_known_key_does_not_wait_for_a_slow_host(host: CertsHost, now: Now) -> None:
    keys = GoogleKeys(host.url, now)
    assert keys.get(KID)
    now.at += 24 * HOUR
    release = threading.Event()
    host.slow_seconds, host.fetches = 1.5, 0
    slow = threading.Thread(target=lambda: (keys.get("stranger"), release.set()))
    slow.start()
    while host.fetches == 0:
        time.sleep(0.01)
    assert all(keys.get(KID) for _ in range(1000)) and not release.is_set()
    slow.join(10)
    assert host.fetches == 1


@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "PS512"}, {"alg": "RSA-OAEP"}, {"key_ops": ["encrypt"]}, {"kty": "EC"}]
)
def test_a_key_made_for_something_else_verifies_nothing(host: CertsHost, now: Now, change: dict[str, object]) -> None:
    good = ISSUER.jwks()["keys"][0]
    host.body = json.dumps({"keys": [{**good, "kid": "other", **change}, good]}).encode()
    keys = GoogleKeys(host.url, now)
    assert keys.get("other") is None and keys.get(KID)


def test_a_ping_knows_whether_any_token_can_be_proven(host: CertsHost, now: Now) -> None:
    keys, eager = GoogleKeys(host.url, now), GoogleKeys(host.url, now, asks_at_ping=True)
    keys.ping()
    eager.ping()
    host.status = 503
    keys.ping()
    for silent in (eager, GoogleKeys(host.url, now)):
        with pytest.raises(GoogleAway):
            silent.ping()
    fetches = host.fetches
    for _ in range(100):
        keys.ping()
    assert host.fetches == fetches
