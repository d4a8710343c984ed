"""The whole product as a person uses it: from a mail to a consented, recorded conversation over the demo PBX."""

from __future__ import annotations

import io
import os
import signal
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.people import MIC_HZ, Person, Phone, soon
from tests.e2e.product import Product, chromium_missing
from tests.tone import hears

OUTSIDE = "022551234"  # hums 650 Hz as long as the call lasts
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(chromium_missing()), reason=chromium_missing())]


@pytest.fixture
def alice(product: Product, browser: Browser) -> Iterator[Person]:
    person = Person(product, browser.new_context())
    yield person
    person.context.close()
    assert person.errors == []


@pytest.fixture
def bob(product: Product, browser: Browser) -> Iterator[Person]:
    """A second person, because one may place six calls a minute."""
    person = Person(product, browser.new_context(), "bob")
    yield person
    person.context.close()
    assert person.errors == []


@pytest.fixture
def charlie(product: Product, browser: Browser) -> Iterator[Person]:
    """Somebody of another company, in another country."""
    person = Person(product, browser.new_context(), "charlie")
    yield person
    person.context.close()
    assert person.errors == []


def shot(page: object, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"first-call-{name}.png")  # type: ignore[attr-defined]


def open_phone(person: Person) -> Phone:
    phone = Phone(person.clicks_and_gets("Open phone"))
    expect(phone.page.get_by_text("Ready")).to_be_visible()
    return phone


def test_a_click_beside_a_mail_is_a_conversation(alice: Person) -> None:
    alice.opens("Cotización de 40 auriculares")
    expect(alice.sidebar.get_by_text("+593 99 123 4567")).to_be_visible()
    expect(alice.sidebar.get_by_text("Not recorded").first).to_be_visible()
    shot(alice.mail, "card")
    phone = Phone(alice.clicks_and_gets("Call +593 99 123 4567"))
    phone.says("Connected")
    assert "ticket" not in phone.page.url
    phone.hears(650)
    shot(phone.page, "phone")
    phone.press("Hold")
    phone.says("On hold")
    phone.hears_nothing()
    phone.press("Hold")
    phone.hears(650)
    phone.hang_up()
    alice.mail.get_by_role("button", name="Reload the card").click()
    expect(alice.sidebar.get_by_text("Outgoing call")).to_be_visible()


def test_the_open_phone_dials_what_a_card_clicks_and_digits_and_echo_come_back(bob: Person) -> None:
    phone = open_phone(bob)
    bob.home()
    bob.sidebar.get_by_label("Call a number").fill("605")
    pages = len(bob.context.pages)
    bob.clicks("Call")
    phone.says("Connected")
    assert len(bob.context.pages) == pages
    phone.press("Keypad")
    phone.page.keyboard.press("7")
    phone.hears(400 + 50 * 7, 6)
    for digit in "1234#":
        phone.page.get_by_role("button", name=digit, exact=False).locator("visible=true").first.focus()
        phone.page.keyboard.press(digit)
    phone.hears(300, 8)
    phone.hang_up()
    phone.dial("600")
    phone.says("Connected")
    phone.hears(MIC_HZ)
    phone.press("Mute")
    phone.hears_nothing()
    phone.press("Mute")
    phone.hears(MIC_HZ)
    phone.hang_up()


def test_early_media_is_heard_before_the_answer_and_an_old_codec_still_connects(alice: Person) -> None:
    phone = open_phone(alice)
    phone.dial("604")
    phone.hears(440)
    phone.says("Connected", 15)
    phone.hears(650)
    phone.hang_up()
    phone.dial("607")
    phone.says("Ringing")
    phone.says("Connected", 15)
    phone.hears(650)
    phone.hang_up()
    phone.dial("603")
    expect(phone.page.get_by_text("Busy")).to_be_visible()


def test_a_reload_and_a_second_window_keep_the_call(bob: Person) -> None:
    phone = open_phone(bob)
    phone.dial(OUTSIDE)
    phone.says("Connected")
    phone.hears(650)
    time.sleep(2)
    before, at = phone.seconds_shown(), time.monotonic()
    phone.page.reload()
    phone.says("Connected")
    phone.hears(650, 8)
    assert abs(phone.seconds_shown() - before - (time.monotonic() - at)) < 2
    second = Phone(bob.clicks_and_gets("Open phone"))
    second.says("Connected")
    second.press("Use this window")
    second.hears(650, 8)
    expect(phone.page.get_by_role("button", name="Use this window")).to_be_visible()
    phone.press("Hang up")
    expect(second.page.get_by_role("button", name="Close")).to_be_visible()


def test_windows_that_cards_open_leave_the_open_phone_working(bob: Person) -> None:
    phone = open_phone(bob)
    other = bob.clicks_and_gets("Open phone")
    expect(other.get_by_role("button", name="Use this window")).to_be_visible()
    other.close()
    phone.dial("600")
    phone.says("Connected")
    phone.hears(MIC_HZ)
    phone.hang_up()


def test_an_inbound_call_rings_with_the_callers_name_and_is_answered_or_declined(alice: Person) -> None:
    alice.opens("Cotización de 40 auriculares")
    expect(alice.sidebar.get_by_text("+593 99 123 4567")).to_be_visible()
    phone = open_phone(alice)
    for answer in (True, False):
        phone.dial("606")
        phone.says("Connected")
        phone.hears(480)
        phone.hang_up()
        expect(phone.page.get_by_role("alert").get_by_text("Ana Lucía Paredes")).to_be_visible(timeout=15000)
        shot(phone.page, "incoming")
        phone.press("Answer" if answer else "Decline")
        if answer:
            phone.says("Connected")
            phone.hears(480)
            phone.hang_up()
        else:
            expect(phone.page.get_by_role("button", name="Close")).to_be_visible()
            phone.press("Close")


def test_a_second_call_holds_the_first_and_one_can_go_back(charlie: Person) -> None:
    phone = open_phone(charlie)
    phone.dial("606")
    phone.says("Connected")
    phone.hang_up()
    phone.dial("+12125550142")
    phone.says("Connected")
    phone.hears(650)
    expect(phone.page.get_by_text("Another call is in progress")).to_be_visible(timeout=20000)
    phone.press("Answer")
    expect(phone.page.locator("h2.who")).to_have_text("+593 99 123 4567")
    phone.hears(480)
    shot(phone.page, "two-calls")
    phone.press("Switch")
    phone.hears(650)
    phone.press("Hang up")
    phone.says("On hold")
    phone.press("Hold")
    phone.says("Connected")
    phone.hears(480)
    phone.hang_up()


def test_my_desk_phone_rings_first_and_no_window_opens(bob: Person) -> None:
    bob.home()
    bob.clicks("Change")
    expect(bob.sidebar.get_by_text("Saved", exact=True)).to_be_visible()
    pages = len(bob.context.pages)
    bob.sidebar.get_by_label("Call a number").fill(OUTSIDE)
    bob.clicks("Call")
    expect(bob.sidebar.get_by_role("button", name="Hang up")).to_be_visible()
    soon(lambda: bob.home() or bob.sidebar.get_by_text("Connected").is_visible(), 20)
    assert len(bob.context.pages) == pages
    log = (bob.product.data / "data/logs/pbx.log").read_text()
    assert log.index("1002 calls 2002") < log.rindex("1002 calls +59322551234")
    bob.clicks("Hang up")
    soon(lambda: "1002 to 2002: over" in (bob.product.data / "data/logs/pbx.log").read_text())
    bob.home()
    bob.clicks("Change")
    expect(bob.sidebar.get_by_text("Saved", exact=True)).to_be_visible()


def test_recording_is_consented_announced_two_channelled_played_and_deleted(charlie: Person, bob: Person) -> None:
    charlie.home()
    charlie.clicks("Settings")
    charlie.sidebar.get_by_role("switch").click()
    charlie.clicks("Save")
    expect(charlie.sidebar.get_by_text("Saved", exact=True)).to_be_visible()
    charlie.home()
    phone = open_phone(charlie)
    phone.dial("(212) 555-0142")
    phone.press("Agree and record")
    phone.says("Connected")
    expect(phone.page.locator("#rec")).to_have_text("Recording notice is playing")
    expect(phone.page.locator("#rec")).to_have_text("Recording", timeout=30000)
    shot(phone.page, "recording")
    phone.hears(650, 15)
    time.sleep(3)
    phone.hang_up()
    row = charlie.sidebar.get_by_text("Deleted on").first

    def listed() -> bool:
        charlie.home()
        charlie.clicks("All calls")
        charlie.mail.wait_for_timeout(800)
        return bool(row.is_visible())

    soon(listed, 30)
    shot(charlie.mail, "recent")
    row.click()
    expect(charlie.sidebar.get_by_text("Deleted on")).to_be_visible()
    player = charlie.clicks_and_gets("Play")
    player.get_by_role("button", name="Play").click()
    soon(lambda: player.evaluate("document.querySelector('audio').currentTime") > 0.3)
    shot(player, "player")
    sound = player.evaluate(
        "async () => Array.from(new Uint8Array(await (await fetch(document.querySelector('audio').src)).arrayBuffer()))"
    )
    user, peer, rate = two_channels(bytes(sound))
    assert hears(user[rate : 2 * rate], MIC_HZ, rate) and hears(peer[rate : 2 * rate], 650, rate)
    source = player.locator("audio").get_attribute("src")
    assert open_phone(bob).page.evaluate("(url) => fetch(url).then(r => r.status)", source) == 404
    bob.errors.clear()
    player.get_by_role("button", name="Delete now").click()
    player.get_by_role("group").get_by_role("button", name="Delete now").click()
    expect(player.get_by_text("The recording was deleted")).to_be_visible()


def two_channels(sound: bytes) -> tuple[np.ndarray, np.ndarray, int]:
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getnchannels() == 2
        both = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
        return both[:, 0], both[:, 1], file.getframerate()


def test_a_bookmark_signs_in_with_google_and_settings_change_the_language(alice: Person) -> None:
    page = alice.context.new_page()
    page.goto(alice.product.base + "/phone")
    page.get_by_role("link", name="Sign in with Google").click()
    expect(page.get_by_text("Choose an account")).to_be_visible()
    page.get_by_role("link", name="Alice Andrade").click()
    expect(page.get_by_text("Ready")).to_be_visible()
    assert page.url == alice.product.base + "/phone"
    page.goto(alice.product.base + "/settings")
    page.get_by_label("Language").select_option("es")
    expect(page.get_by_role("status")).to_have_text("Guardado")
    page.reload()
    expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
    page.get_by_label("Idioma").select_option("")
    expect(page.get_by_role("status")).to_have_text("Saved")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Google")).to_be_visible()
    alice.errors[:] = [error for error in alice.errors if "401" not in error]


def test_a_killed_telephony_comes_back_says_bye_and_the_record_says_our_error(bob: Person) -> None:
    phone = open_phone(bob)
    phone.dial("602")
    phone.says("Ringing")
    phone.press("Hang up")
    phone.press("Close")
    phone.dial(OUTSIDE)
    phone.says("Connected")
    log = bob.product.data / "data/logs/pbx.log"
    before = log.read_text().count("1002 to +59322551234: over")
    os.kill(bob.product.pid_of("-m telephony"), signal.SIGKILL)
    soon(lambda: log.read_text().count("1002 to +59322551234: over") == before + 1, 30)
    expect(phone.page.get_by_text("Our service failed and the call was ended.")).to_be_visible(timeout=30000)
    expect(phone.page.get_by_role("button", name="Call again")).to_be_visible()
    shot(phone.page, "service-killed")
    phone.press("Close")
    expect(phone.page.get_by_text("Ready")).to_be_visible(timeout=30000)
    phone.page.get_by_role("navigation").get_by_role("button", name="Recents").click()
    expect(phone.page.get_by_text("Something went wrong on our side")).to_have_count(1, timeout=20000)
    bob.errors.clear()
