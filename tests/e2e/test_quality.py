"""The quality that the phone shows is measured: with 8 % of the packets lost it turns, and it turns back."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Playwright, expect

from tests.e2e.people import Person, Phone, launch, make_mic
from tests.e2e.product import chromium_missing, running

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(chromium_missing()), reason=chromium_missing())]
THROUGH_RELAY = r"""const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = async function (given) {
  let sdp = given.sdp;
  for (const [line, host, port] of given.sdp.matchAll(/a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gi)) {
    const relayed = await window.relayed(host, Number(port));
    sdp = sdp.replace(line, line.replace(` ${port} typ`, ` ${relayed} typ`));
  }
  return set.call(this, { type: given.type, sdp });
};
// The server must not find the way past the relay: it is told of a port where nobody listens.
const own = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, 'localDescription').get;
Object.defineProperty(RTCPeerConnection.prototype, 'localDescription', { get() {
  const found = own.call(this);
  return found && { type: found.type, sdp: found.sdp.replace(/(a=candidate:\S+ 1 udp \d+ \S+) \d+ typ/gi, '$1 9 typ') };
} });"""


@dataclass
class LossyRelay:
    """A UDP relay on loopback that loses a share of the RTP packets of both directions."""

    loss: float = 0.0
    dropped: int = 0
    passed: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    sockets: list[socket.socket] = field(default_factory=list)

    def towards(self, host: str, port: int) -> int:
        """The port to use instead of `host:port`."""
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ours.bind(("127.0.0.1", 0))
        self.sockets.append(ours)
        threading.Thread(target=self._carry, args=(ours, (host, port)), daemon=True).start()
        return int(ours.getsockname()[1])

    def _carry(self, ours: socket.socket, server: tuple[str, int]) -> None:
        browser: tuple[str, int] | None = None
        while True:
            try:
                data, source = ours.recvfrom(4096)
            except OSError:
                return
            if source != server:
                browser = source
            if data and 128 <= data[0] < 192 and self.dice.random() < self.loss:
                self.dropped += 1
                continue
            self.passed += 1
            if source != server:
                ours.sendto(data, server)
            elif browser is not None:
                ours.sendto(data, browser)

    def close(self) -> None:
        for each in self.sockets:
            each.close()


@pytest.fixture
def relay() -> Iterator[LossyRelay]:
    made = LossyRelay()
    yield made
    made.close()


def test_eight_percent_loss_turns_the_quality_and_its_end_turns_it_back(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, relay: LossyRelay
) -> None:
    folder = tmp_path_factory.mktemp("lossy")
    with running(folder) as product:
        browser = launch(playwright, make_mic(folder / "mic.wav"))
        context = browser.new_context()
        context.expose_function("relayed", relay.towards)
        context.add_init_script(THROUGH_RELAY)
        alice = Person(product, context)
        phone = Phone(alice.clicks_and_gets("Open phone"))
        phone.dial("022551234")
        phone.says("Connected")
        phone.hears(650)
        quality = phone.page.locator("#quality")
        expect(quality).to_have_text("Good connection", timeout=15000)
        relay.loss = 0.08
        expect(quality).to_have_text("Poor connection", timeout=40000)
        assert relay.dropped > 20
        phone.hears(650)
        relay.loss = 0.0
        expect(quality).to_have_text("Good connection", timeout=60000)
        browser.close()
