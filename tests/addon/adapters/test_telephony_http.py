"""A command that certainly did not arrive is told apart from one that may have been obeyed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from addon.adapters.telephony_http import TelephonyHttp
from addon.ports.telephony import TelephonyAway
from contract import wire
from contract.calls import CallId
from contract.commands import HangUp
from contract.numbers import TenantId, UserId

pytestmark = pytest.mark.loopback
KEYS = wire.Keys({"k1": b"k" * 32})
COMMAND = HangUp(CallId("c1"), TenantId("acme"), UserId("alice"))


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Something that listens, reads a request and hangs up without a word."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)

    threading.Thread(target=serve, daemon=True).start()
    yield server
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def sent(port: int) -> TelephonyAway:
    port_of = TelephonyHttp(f"http://127.0.0.1:{port}", KEYS, lambda: 1.0)
    with pytest.raises(TelephonyAway) as raised:
        port_of.send(COMMAND)
    return raised.value


def test_nobody_listens_so_nothing_was_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not sent(port).maybe_done


def test_a_connection_that_breaks_after_the_request_may_have_been_obeyed(silent: socket.socket) -> None:
    assert sent(silent.getsockname()[1]).maybe_done
