"""The settings page and the player do what they say, and say what went wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.phone_stand_in import PhoneStand, running

pytestmark = pytest.mark.browser


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


def test_recording_needs_a_consent(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/settings")
    page.get_by_label("Record my calls").click()
    page.get_by_role("button", name="Agree and record").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    assert stand_in.settings["record_calls"] is True
    page.get_by_label("Keep recordings for").select_option("90")
    expect(page.get_by_text("deleted 90 days after")).to_be_visible()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("Consent withdrawn")).to_be_visible()
    page.get_by_role("button", name="Delete now").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("The recording was deleted")).to_be_visible()
    assert "DELETE /api/recordings/p2" in stand_in.methods()


def test_the_player_shows_when_the_recording_is_deleted(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/recordings/p2")
    expect(page.get_by_text("Deleted on")).to_be_visible()
    page.get_by_role("button", name="Delete now").click()
    page.get_by_role("button", name="Delete now").click()
    expect(page.get_by_text("The recording was deleted")).to_be_visible()


def test_the_language_changes_at_once(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/settings")
    page.get_by_label("Language").select_option("es")
    expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Guardado")
    assert page.evaluate("document.documentElement.lang") == "es"


@pytest.mark.parametrize(("path", "words"), [("/settings", "The server does not answer"), ("/recordings/p2", "busy")])
def test_a_page_that_cannot_load_says_why_and_the_way_out(
    page: Page, stand_in: PhoneStand, path: str, words: str
) -> None:
    if words == "busy":
        busy = '{"error": {"kind": "away", "text": "The service is busy."}}'
        page.route(
            "**/api/calls/p2", lambda route: route.fulfill(status=503, body=busy, content_type="application/json")
        )
    else:
        page.route("**/api/settings", lambda route: route.abort())
    page.goto(stand_in.url + path)
    expect(page.get_by_role("alert")).to_contain_text(words)
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_dialog_gives_the_focus_back(page: Page, stand_in: PhoneStand) -> None:
    page.goto(stand_in.url + "/settings")
    page.get_by_role("button", name="Delete now").first.click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete now").first).to_be_focused()
