"""Settings, recording and phone pages fit every width in light and dark, pass axe, and do what they say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.phone_stand_in import PhoneStand, running

pytestmark = pytest.mark.browser
axe = pytest.importorskip("axe_playwright_python.base", reason="pip install axe-playwright-python")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[PhoneStand]:
    with running() as stand:
        yield stand


@pytest.fixture
def page(chromium: Browser, stand_in: PhoneStand) -> Iterator[Page]:
    stand_in.reset()
    context = chromium.new_context()
    context.set_default_timeout(6000)
    yield context.new_page()
    context.close()


def check(page: Page, name: str) -> None:
    for width in (320, 360, 768, 1440):
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": 640 if width < 700 else 900})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, (name, width)
            if width in (320, 768):
                page.evaluate(axe.AXE_FILE_PATH.read_text())
                found = page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes[0].html]))")
                assert found == [], (name, width, scheme)
            if (folder := os.environ.get("SHOTS")) and width in (360, 1440):
                page.screenshot(path=Path(folder) / f"phone-{name}-{width}-{scheme}.png")


@pytest.mark.parametrize("tab", ["Keypad", "Recents", "Settings"])
def test_the_phone_fits_and_is_accessible(page: Page, stand_in: PhoneStand, tab: str) -> None:
    page.goto(stand_in.url + "/phone")
    expect(page.get_by_text("Ready")).to_be_visible()
    page.get_by_role("navigation").get_by_role("button", name=tab).click()
    if tab == "Recents":
        expect(page.get_by_role("button", name="Call Ada Lovelace").first).to_be_visible()
    check(page, tab.lower())


@pytest.mark.parametrize("state", ["active", "ringing"])
def test_a_call_fits_and_is_accessible(page: Page, stand_in: PhoneStand, state: str) -> None:
    page.goto(f"{stand_in.url}/phone?hl=pt")
    expect(page.get_by_text("Pronto")).to_be_visible()
    direction = "inbound" if state == "ringing" else "outbound"
    stand_in.do(
        stand_in.change(
            "a1", state=state, direction=direction, recording="on", answered_at=1.0 if state == "active" else None
        )
    )
    expect(page.get_by_text("Ada Lovelace")).to_be_visible()
    check(page, state)


def test_settings_fit_and_recording_needs_a_consent(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/settings")
    page.get_by_label("Record my calls").click()
    page.get_by_role("button", name="Agree and record").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    assert stand_in.settings["record_calls"] is True
    page.get_by_label("Keep recordings for").select_option("90")
    expect(page.get_by_text("deleted 90 days after")).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Consent withdrawn")).to_be_visible()
    check(page, "settings-page")
    page.get_by_role("button", name="Delete now").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("The recording was deleted")).to_be_visible()
    assert "DELETE /api/recordings/p2" in stand_in.methods()


def test_the_player_shows_when_the_recording_is_deleted(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/recordings/p2")
    expect(page.get_by_text("Deleted on")).to_be_visible()
    check(page, "recording")
    page.get_by_role("button", name="Delete now").click()
    page.get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("The recording was deleted")).to_be_visible()
