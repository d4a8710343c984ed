"""A person at a browser: the mail client with our sidebar, the phone window that a card opens, ears and a microphone."""

from __future__ import annotations

import math
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, expect

from tests.e2e.product import CHROMIUM, FLAGS, Product

MIC_HZ = 1000.0
PLAIN_MIC = """if (navigator.mediaDevices) { const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = () => real({audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}}); }"""
LOUDEST = """async () => { const stream = document.getElementById('remote').srcObject; if (!stream) return [0, -200];
 const c = new AudioContext(); await c.resume(); const a = c.createAnalyser(); a.fftSize = 16384; a.smoothingTimeConstant = 0;
 c.createMediaStreamSource(stream).connect(a); await new Promise(r => setTimeout(r, 700));
 const b = new Float32Array(a.frequencyBinCount); a.getFloatFrequencyData(b); let k = 0; b.forEach((v, i) => { if (v > b[k]) k = i; });
 const found = [k * c.sampleRate / a.fftSize, Math.max(b[k], -200)]; await c.close(); return found; }"""


def make_mic(path: Path) -> Path:
    """A microphone in front of which somebody hums 1000 Hz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", ""))
        hum = np.sin(2 * np.pi * MIC_HZ * np.arange(96000) / 48000) * 12000
        file.writeframes(hum.astype(np.int16).tobytes())
    return path


def launch(playwright: Playwright, mic: Path) -> Browser:
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-audio-capture={mic}"]
    )


def soon(check: Callable[[], Any], seconds: float = 12.0, what: str = "did not happen") -> Any:
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, what
        time.sleep(0.1)
    return found


@dataclass
class Phone:
    """The phone window."""

    page: Page

    def loudest(self) -> tuple[float, float]:
        """Frequency in Hz and level in dB of what is heard."""
        hz, level = self.page.evaluate(LOUDEST)
        return float(hz), float(level)

    def hears(self, hz: float, seconds: float = 10.0) -> None:
        heard: list[tuple[float, float]] = []

        def check() -> bool:
            heard.append(self.loudest())
            return math.isclose(heard[-1][0], hz, abs_tol=9) and heard[-1][1] > -80

        soon(check, seconds, f"{hz} Hz was not heard")

    def hears_nothing(self, seconds: float = 10.0) -> None:
        soon(lambda: self.loudest()[1] < -80, seconds, "it is not silent")

    def says(self, word: str, seconds: float = 12.0) -> None:
        expect(self.page.locator("#word")).to_have_text(word, timeout=seconds * 1000)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def dial(self, number: str) -> None:
        field_ = self.page.locator("#number")
        field_.fill(number)
        self.press("Call")

    def hang_up(self) -> None:
        self.press("Hang up")
        expect(self.page.get_by_role("button", name="Close")).to_be_visible()
        self.press("Close")

    def seconds_shown(self) -> int:
        minutes, seconds = self.page.locator("#timer").inner_text().split(":")
        return int(minutes) * 60 + int(seconds)


@dataclass
class Person:
    """Somebody at the mail client; `errors` holds what any of their pages complained about."""

    product: Product
    context: BrowserContext
    player: str = "alice"
    errors: list[str] = field(default_factory=list)
    mail: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context.add_init_script(PLAIN_MIC)
        self.context.set_default_timeout(10000)
        self.context.on("page", self._watch)
        self.mail = self.context.new_page()
        self.mail.set_viewport_size({"width": 1280, "height": 800})
        self.mail.goto(self.product.bench + "/")
        if self.player != "alice":
            self.mail.locator("#player").select_option(self.player)
        expect(self.sidebar.get_by_role("heading", name="Hello,")).to_be_visible()

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.errors.append(f"pageerror {error}"))
        page.on("console", self._complained)

    def _complained(self, message: ConsoleMessage) -> None:
        asked_first = "409 (CONFLICT)" in message.text and message.location["url"].endswith("/api/calls")
        if message.type == "error" and not asked_first:
            self.errors.append(f"{message.text} {message.location['url']}")

    @property
    def sidebar(self) -> Any:
        return self.mail.locator("#sidebar")

    def opens(self, subject: str) -> None:
        self.mail.get_by_text(subject).first.click()

    def home(self) -> None:
        self.mail.get_by_role("button", name="Home", exact=True).click()
        expect(self.sidebar.get_by_role("heading", name="Hello,")).to_be_visible()

    def clicks(self, name: str, place: int = 0) -> None:
        self.sidebar.get_by_role("button", name=name, exact=True).nth(place).click()

    def clicks_and_gets(self, name: str, place: int = 0) -> Page:
        """A button that opens a window."""
        with self.context.expect_page() as opened:
            self.clicks(name, place)
        page = opened.value
        page.set_viewport_size({"width": 360, "height": 640})
        return page
