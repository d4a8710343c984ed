"""The whole product with one of its programs standing still: the phone says within seconds what is away and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.people import Person
from tests.e2e.product import Product, chromium_missing, frozen
from tests.e2e.test_first_call import open_phone, shot

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(chromium_missing()), reason=chromium_missing())]


@pytest.fixture
def alice(product: Product, browser: Browser) -> Iterator[Person]:
    person = Person(product, browser.new_context())
    yield person
    person.context.close()


def test_a_dead_pbx_is_named_given_up_and_then_not_called_until_it_is_back(alice: Person, product: Product) -> None:
    phone = open_phone(alice)
    with frozen(product, "-m workbench pbx"):
        began = time.monotonic()
        phone.dial("600")
        phone.says("Your telephone system has not answered yet…")
        assert time.monotonic() - began < 15
        shot(phone.page, "away-pbx-silent")
        expect(phone.page.get_by_text("Your telephone system did not answer, so the call was given up.")).to_be_visible(
            timeout=30000
        )
        assert time.monotonic() - began < 28  # well before the 32 s of timer B
        expect(phone.page.get_by_text("The PBX cannot be reached.")).to_be_visible()
        expect(phone.page.get_by_text("The audio could not be connected")).to_have_count(0)
        shot(phone.page, "away-pbx-gave-up")
        phone.press("Close")
        phone.dial("600")
        expect(phone.page.get_by_role("alert")).to_contain_text("No call was placed, because your line is down.")
        shot(phone.page, "away-pbx-line-down")
    expect(phone.page.get_by_text("Ready")).to_be_visible(timeout=40000)
    phone.page.get_by_role("navigation").get_by_role("button", name="Recents").click()
    expect(phone.page.get_by_text("Your telephone system did not answer")).to_have_count(1)
    phone.page.get_by_role("navigation").get_by_role("button", name="Keypad").click()
    phone.dial("600")
    phone.says("Connected")
    phone.hang_up()


def test_a_frozen_telephony_is_named_and_the_typed_number_is_called_by_a_click_later(
    alice: Person, product: Product
) -> None:
    page = open_phone(alice).page
    with frozen(product, "-m telephony"):
        page.reload()
        page.locator("#number").fill("600")
        expect(page.get_by_text("Your phone service does not answer yet.")).to_be_visible(timeout=15000)
        shot(page, "away-telephony")
    expect(page.get_by_text("Ready")).to_be_visible(timeout=30000)
    expect(page.locator("#number")).to_have_value("600")
    page.wait_for_timeout(5000)  # a service that stood still takes no call before its own lateness has passed
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.locator("#word")).to_have_text("Connected", timeout=12000)
    page.get_by_role("button", name="Hang up").click()


def test_a_frozen_add_on_is_named_where_it_is_asked(alice: Person, product: Product) -> None:
    page = open_phone(alice).page
    with frozen(product, "gunicorn"):
        page.get_by_role("navigation").get_by_role("button", name="Recents").click()
        expect(page.get_by_text("Your calls could not be loaded.")).to_be_visible(timeout=15000)
        shot(page, "away-addon-recents")
        page.get_by_role("navigation").get_by_role("button", name="Keypad").click()
        page.locator("#number").fill("600")
        page.get_by_role("button", name="Call", exact=True).click()
        expect(page.get_by_text("Trying again never calls twice.")).to_be_visible(timeout=15000)
        shot(page, "away-addon-call")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#word")).to_have_text("Connected", timeout=20000)
    page.get_by_role("button", name="Hang up").click()


def test_the_cards_call_button_without_a_number_opens_nothing(alice: Person) -> None:
    alice.home()
    pages = len(alice.context.pages)
    alice.clicks("Call")
    expect(alice.sidebar.get_by_text("Type a number first")).to_be_visible()
    shot(alice.mail, "away-no-number")
    alice.mail.wait_for_timeout(500)
    assert len(alice.context.pages) == pages
