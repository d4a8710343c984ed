"""No axe-core finding, no small target and nothing beyond the edge: each surface in four widths, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from cards.text import LANGUAGES
from tests.browser.phone_stand_in import PhoneStand, running
from tests.browser.phone_states import PAGES, PHONE
from tests.browser.surface_check import THEMES, WIDTHS, Tally
from tests.browser.watch import Watch
from workbench.card_samples import all_cards

pytestmark = pytest.mark.browser
VIEWS = len(WIDTHS) * len(THEMES)
WORKBENCH = ["home", "message", "sidebar", "draft", "options", "permissions", "developer", "away"]


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    found = Tally()
    yield found
    print("\nsurfaces looked at:", ", ".join(f"{kind} {count}" for kind, count in sorted(found.seen.items())))


@pytest.fixture(scope="module")
def stand_in() -> Iterator[PhoneStand]:
    with running() as stand:
        yield stand


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(reduced_motion="reduce", viewport={"width": 360, "height": 640})
    context.set_default_timeout(8000)
    found = context.new_page()
    watch = Watch(found)
    yield found
    assert watch.dialogs == [] and watch.reports == []
    context.close()


def reach(page: Page, stand: Any, view: str) -> None:
    """The workbench in one of its states."""
    cards = {name: card for name, card in gallery(page, stand).items()}
    push = {name: {"action": {"navigations": [{"pushCard": card}]}} for name, card in cards.items()}
    stand.answers |= {"/on/gmail.homepage": push["home"], "/on/gmail.message": push["person"]}
    stand.answers["/on/gmail.compose"] = push["compose"]
    page.goto((stand.away_url if view == "away" else stand.url) + "/")
    expect(page.locator("#sidebar .gc-card")).to_be_attached()
    if view in {"message", "sidebar"}:
        page.locator("#mails button").nth(8).click()
        expect(page.locator("#sidebar .gc-live")).to_have_text("Ana Pérez")
    if view == "sidebar":
        page.locator("#see-side").click()
    if view in {"options", "permissions"}:
        page.locator("#options").click()
    if view == "permissions":
        page.locator("#access").click()
    if view == "draft":
        page.locator("#compose").click()
        page.locator("#draft-addon").click()
        expect(page.locator("#draft-view .gc-card")).to_be_visible()
    if view == "developer":
        page.locator("#drawer summary").click()


def gallery(page: Page, stand: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.request.get(stand.url + "/api/gallery").json()
    return found


@pytest.mark.parametrize("view", WORKBENCH)
def test_the_workbench(page: Page, stand: Any, tally: Tally, view: str) -> None:
    reach(page, stand, view)
    tally.look(page, f"workbench-{view}", "workbench")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_card(page: Page, stand: Any, tally: Tally, language: str) -> None:
    page.goto(f"{stand.url}/gallery?locale={language}&unfold=1")
    expect(page.locator("body[data-ready]")).to_be_attached()
    assert page.locator("figure").count() == len(all_cards(language)) >= 40
    tally.look(page, f"cards-{language}", "cards")


@pytest.mark.parametrize("state", PHONE)
def test_the_phone(page: Page, stand_in: PhoneStand, tally: Tally, state: str) -> None:
    stand_in.reset()
    PHONE[state](page, stand_in)
    tally.look(page, f"phone-{state}", "phone")


@pytest.mark.parametrize("state", PAGES)
def test_settings_and_player(page: Page, stand_in: PhoneStand, tally: Tally, state: str) -> None:
    stand_in.reset()
    PAGES[state](page, stand_in)
    tally.look(page, state, "pages")


def test_all_of_it_was_looked_at(tally: Tally) -> None:
    wanted = {"workbench": len(WORKBENCH), "cards": len(LANGUAGES), "phone": len(PHONE), "pages": len(PAGES)}
    assert {kind: tally.seen[kind] for kind in wanted} == {kind: count * VIEWS for kind, count in wanted.items()}
    assert len(PHONE) >= 30 and tally.seen["phone targets"] > 1000
