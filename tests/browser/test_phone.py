"""A real Chromium dials, hears, is heard, holds, rings, reloads and reconnects against an aiortc peer."""

from __future__ import annotations

import os
import shutil
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.phone_stand_in import PhoneStand, running
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser
FFT = """async () => { const c = new AudioContext(); await c.resume(); const a = c.createAnalyser(); a.fftSize = 16384;
 c.createMediaStreamSource(document.getElementById('remote').srcObject).connect(a); await new Promise(r => setTimeout(r, 900));
 const b = new Float32Array(a.frequencyBinCount); a.getFloatFrequencyData(b); let k = 0; b.forEach((v, i) => { if (v > b[k]) k = i; });
 return k * c.sampleRate / a.fftSize; }"""


@pytest.fixture(scope="module")
def phone_stand() -> Iterator[PhoneStand]:
    with running() as stand:
        yield stand


@pytest.fixture(scope="module")
def talker(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path = tmp_path_factory.mktemp("mic") / "mic.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        file.writeframes((np.sin(2 * np.pi * 1000 * np.arange(96000) / 48000) * 12000).astype(np.int16).tobytes())
    browser = chromium.browser_type.launch(
        executable_path=shutil.which("chromium"),
        args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
              f"--use-file-for-fake-audio-capture={path}", "--autoplay-policy=no-user-gesture-required",
              "--allow-loopback-in-peer-connection"],
    )  # fmt: skip
    yield browser
    browser.close()


PLAIN_MIC = """const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = () => real({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});"""


@pytest.fixture
def context(talker: Browser, phone_stand: PhoneStand) -> Iterator[BrowserContext]:
    phone_stand.reset()
    made = talker.new_context(viewport={"width": 360, "height": 640})
    made.add_init_script(PLAIN_MIC)
    made.set_default_timeout(8000)
    yield made
    made.close()


def opened(context: BrowserContext, stand: PhoneStand, path: str = "/phone") -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: print("pageerror", error))
    page.goto(stand.url + path)
    return page


def soon(check: Callable[[], bool]) -> None:
    end = time.monotonic() + 6
    while not check():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.05)


def dial(page: Page) -> None:
    expect(page.get_by_text("Ready")).to_be_visible()
    page.keyboard.type("600")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#word")).to_have_text("Connected")


def shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"phone-{name}.png")


def test_a_call_is_heard_both_ways_and_controlled(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    dial(page)
    assert abs(page.evaluate(FFT) - 650) < 10
    soon(lambda: len(phone_stand.heard) > 60)
    assert abs(phone_stand.tone_heard_hz() - 1000) < 10
    page.get_by_role("button", name="Mute").click()
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Control+Shift+H")
    expect(page.locator("#word")).to_have_text("On hold")
    page.get_by_role("button", name="Keypad").click()
    page.keyboard.type("5")
    page.get_by_role("button", name="6 MNO").click()
    soon(lambda: [p["digits"] for m, p in phone_stand.asked if m == "call.dtmf"] == ["5", "6"])
    shot(page, "keypad-in-call")
    page.get_by_role("button", name="Hang up").click()
    expect(page.get_by_text("Call ended")).to_be_visible()
    shot(page, "ended")


def test_a_reload_attaches_again_with_the_same_timer_and_poor_quality_shows(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    dial(page)
    answered = next(iter(phone_stand.calls.values()))["answered_at"]
    time.sleep(1.2)
    page.reload()
    soon(lambda: "reconnect" in [p.get("reason") for m, p in phone_stand.asked if m == "media.offer"])
    page.wait_for_function("document.getElementById('remote').srcObject")
    assert abs(page.evaluate(FFT) - 650) < 10
    minutes, seconds = page.locator("#timer").inner_text().split(":")
    assert abs(int(minutes) * 60 + int(seconds) - (time.time() - answered)) < 1.6
    page.evaluate("""() => { let n = 0; RTCPeerConnection.prototype.getStats = async () => new Map([['i', {type: 'inbound-rtp',
      jitter: 0.01, packetsReceived: (n += 50), packetsLost: n / 2}]]); }""")
    expect(page.locator("#quality")).to_have_text("Poor connection", timeout=14000)
    phone_stand.do(phone_stand.change(next(iter(phone_stand.calls)), recording="on"))
    expect(page.locator("#rec")).to_have_text("Recording")
    shot(page, "call")


def test_an_incoming_call_is_answered_or_declined(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.do(phone_stand.change("in1", direction="inbound", state="ringing"))
    expect(page.get_by_role("button", name="Answer")).not_to_be_focused()
    shot(page, "incoming")
    page.get_by_role("button", name="Answer").click()
    expect(page.locator("#word")).to_have_text("Connected")
    page.keyboard.press("Control+Shift+X")
    expect(page.get_by_text("Call ended")).to_be_visible()
    phone_stand.do(phone_stand.change("in2", direction="inbound", state="ringing"))
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Declined")).to_be_visible()


def test_a_second_window_is_remote_until_it_takes_over(context: BrowserContext, phone_stand: PhoneStand) -> None:
    first = opened(context, phone_stand)
    expect(first.get_by_text("Ready")).to_be_visible()
    second = opened(context, phone_stand)
    second.get_by_role("button", name="Use this window").click()
    expect(first.get_by_role("button", name="Use this window")).to_be_visible()
    expect(second.get_by_role("button", name="Use this window")).to_have_count(0)


def test_a_lost_line_shows_and_returns(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.refuse_ticket = True
    phone_stand.do(phone_stand.drop())
    expect(page.get_by_text("Reconnecting…")).to_be_visible()
    phone_stand.refuse_ticket = False
    expect(page.get_by_text("Ready")).to_be_visible()


def test_a_refused_microphone_is_explained(context: BrowserContext, phone_stand: PhoneStand) -> None:
    context.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };"
    )
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    page.keyboard.type("600")
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("allow the microphone")


def test_a_ticket_leaves_the_address_and_dials_after_the_consent_is_asked(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    phone_stand.consented = False
    page = opened(context, phone_stand, "/phone?ticket=abc")
    expect(page.get_by_role("button", name="Agree and record")).to_be_visible()
    assert "ticket" not in page.url
    page.get_by_role("button", name="Agree and record").click()
    expect(page.locator("#word")).to_have_text("Connected")


def test_nobody_signed_in_gets_the_way_in(context: BrowserContext, phone_stand: PhoneStand) -> None:
    phone_stand.signed_in = False
    page = opened(context, phone_stand)
    expect(page.get_by_role("link", name="Sign in with Google")).to_have_attribute("href", "/login?next=/phone")


def test_the_text_that_is_agreed_to_is_the_one_in_force(context: BrowserContext, phone_stand: PhoneStand) -> None:
    phone_stand.consented = False
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    page.keyboard.type("600")
    expect(page.locator("#plan strong")).to_be_visible()
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_text(f"Text version {phone_stand.settings['consent_version']}")).to_be_visible()
    expect(page.get_by_text("After your answer, +593 2 234 5678 is called.")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_role("button", name="Do not record").click()
    expect(page.locator("#word")).to_have_text("Connected")
    assert ("POST /api/consents", {"kind": "recording", "granted": False}) in phone_stand.asked


def test_a_lost_or_replaced_session_has_a_way_back(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.do(phone_stand.tell("session.replaced", {}))
    phone_stand.do(phone_stand.drop())
    page.get_by_role("button", name="Connect here").click()
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.refuse_ticket = True
    phone_stand.do(phone_stand.drop())
    expect(page.get_by_role("alert")).to_contain_text("No connection")
    page.clock.install()
    phone_stand.refuse_ticket = False
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("Ready")).to_be_visible()


def test_devices_are_chosen_in_a_call_with_a_level(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    dial(page)
    page.get_by_role("button", name="Devices").click()
    meter = page.get_by_role("meter", name="Microphone level")
    soon(lambda: int(meter.get_attribute("aria-valuenow") or 0) > 3)
    microphone = page.get_by_label("Microphone", exact=True)
    assert microphone.locator("option").count() > 1
    microphone.select_option(index=1)
    soon(lambda: abs(phone_stand.tone_heard_hz() - 1000) < 10 if len(phone_stand.heard) > 60 else False)
    assert page.get_by_role("link").count() == 0, "nothing in a call leads away from it"
    page.get_by_role("button", name="Mute").click()
    soon(lambda: meter.get_attribute("aria-valuenow") == "0")


def test_a_silent_microphone_is_named(context: BrowserContext, phone_stand: PhoneStand) -> None:
    context.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => {
          const c = new AudioContext(); return c.createMediaStreamDestination().stream; };"""
    )
    page = opened(context, phone_stand)
    page.get_by_role("navigation").get_by_role("button", name="Settings").click()
    page.get_by_role("button", name="Test microphone").click()
    expect(page.get_by_text("This microphone is silent")).to_be_visible(timeout=9000)


def test_each_page_is_light_and_quiet(talker: Browser, phone_stand: PhoneStand) -> None:
    total = {}
    phone_stand.reset()
    for path in ("/phone", "/settings", "/recordings/p2"):
        page = talker.new_context().new_page()
        watch = Watch(page)
        page.goto(phone_stand.url + path)
        expect(page.locator("main")).to_be_visible()
        page.wait_for_load_state("networkidle")
        total[path] = sum(watch.weights.values())
        watch.assert_quiet()
        page.context.close()
    print("\nbytes:", total)
    assert all(10_000 < size < 150_000 for size in total.values())


def test_two_calls_the_one_that_is_heard_is_shown_and_the_other_can_be_gone_back_to(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    dial(page)
    first = next(iter(phone_stand.calls))
    phone_stand.do(
        phone_stand.change(
            "b2", direction="inbound", state="ringing", peer={"address": "+1", "name": "Bela", "shown": "+1"}
        )
    )
    expect(page.get_by_text("Another call is in progress")).to_be_visible()
    phone_stand.do(phone_stand.change(first, state="held", held=True))
    phone_stand.do(phone_stand.change("b2", state="active", answered_at=time.time()))
    expect(page.get_by_role("heading", name="Bela")).to_be_visible()
    expect(page.locator("#word")).to_have_text("Connected")
    shot(page, "two-calls")
    page.get_by_role("button", name="Switch").click()
    soon(lambda: ("call.hold", {"call": first, "held": False}) in phone_stand.asked)
    phone_stand.do(phone_stand.change("b2", state="held", held=True))
    expect(page.get_by_text("Bela is on hold")).to_be_visible()
    page.get_by_role("button", name="Hang up").click()
    soon(lambda: ("call.hangup", {"call": first}) in phone_stand.asked)
