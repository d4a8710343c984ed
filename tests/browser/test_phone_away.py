"""What a person sees in the webphone while a part of the product is away: one true sentence, a way out, nothing lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.phone_stand_in import PhoneStand, running

pytestmark = pytest.mark.browser
SOON_MS = 12000
RECEIVED = """window.perReading = 100; let received = 0; RTCPeerConnection.prototype.getStats = async () =>
  new Map([['i', {type: 'inbound-rtp', jitter: 0.001, packetsReceived: received += window.perReading, packetsLost: 0}]]);"""


@pytest.fixture(scope="module")
def phone_stand() -> Iterator[PhoneStand]:
    with running() as stand:
        yield stand


@pytest.fixture
def context(chromium: Browser, phone_stand: PhoneStand) -> Iterator[BrowserContext]:
    phone_stand.reset()
    made = chromium.new_context(viewport={"width": 360, "height": 640})
    made.set_default_timeout(8000)
    yield made
    phone_stand.frozen.clear()
    made.close()


def opened(context: BrowserContext, stand: PhoneStand, path: str = "/phone") -> Page:
    page = context.new_page()
    page.goto(stand.url + path)
    return page


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"away-{name}.png")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def placed(stand: PhoneStand) -> list[str]:
    return [body["to"] for method, body in stand.asked if method == "POST /api/calls"]


def ids(stand: PhoneStand) -> set[str]:
    return {body["id"] for method, body in stand.asked if method == "POST /api/calls"}


def test_a_silent_pbx_is_named_and_the_end_has_one_sentence(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.do(phone_stand.change("a1", state="dialing", pbx_silent=True))
    expect(page.locator("#word")).to_have_text("Your telephone system has not answered yet…")
    shot(page, "pbx-silent")
    phone_stand.do(phone_stand.change("a1", pbx_silent=False))
    expect(page.locator("#word")).to_have_text("Dialing")
    phone_stand.do(phone_stand.change("a1", state="ended", outcome="pbx-unreachable", sip_status=408))
    expect(page.get_by_text("Your telephone system did not answer, so the call was given up.")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    shot(page, "pbx-gave-up")


def test_a_line_that_is_down_is_said_before_and_after_the_click(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    phone_stand.line = {"registered": False, "problem": "unreachable"}
    phone_stand.refusal = {"kind": "line-down", "text": "The home card says why."}
    page = opened(context, phone_stand)
    expect(page.get_by_text("The PBX cannot be reached.")).to_be_visible()
    page.keyboard.type("600")
    press(page, "Call")
    expect(page.get_by_role("alert")).to_contain_text("No call was placed, because your line is down.")
    shot(page, "line-down")


def test_a_frozen_service_is_named_and_the_number_is_kept_and_called_by_a_click(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    phone_stand.frozen.add("telephony")
    page = opened(context, phone_stand)
    expect(page.locator(".status")).to_have_text("Connecting…")
    page.keyboard.type("600")
    alert = page.locator('[data-key="silent"]')
    expect(alert).to_contain_text("Your phone service does not answer yet.", timeout=SOON_MS)
    shot(page, "telephony-frozen")
    press(page, "Call")
    expect(page.get_by_text("The phone is not connected yet. Your number stays here")).to_be_visible()
    expect(alert).to_be_visible(timeout=SOON_MS)
    press(page, "Try again")
    expect(page.locator(".status")).to_have_text("Connecting…")
    phone_stand.frozen.clear()
    expect(page.get_by_text("Ready")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#number")).to_have_value("600")
    assert placed(phone_stand) == [], "nothing is dialled without a click"
    press(page, "Call")
    expect(page.locator("#word")).to_be_visible()
    assert placed(phone_stand) == ["600"]


def test_a_click_on_a_card_that_finds_a_frozen_service_keeps_its_number(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    phone_stand.frozen.add("telephony")
    page = opened(context, phone_stand, "/phone?ticket=abc")
    expect(page.locator("#number")).to_have_value("600")
    expect(page.locator('[data-key="silent"]')).to_be_visible(timeout=SOON_MS)
    time.sleep(4)
    phone_stand.frozen.clear()
    expect(page.get_by_text("Ready")).to_be_visible(timeout=SOON_MS)
    time.sleep(0.5)
    assert placed(phone_stand) == []
    press(page, "Call")
    expect(page.locator("#word")).to_be_visible()


def test_a_service_that_freezes_under_an_open_window_is_noticed(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.frozen.add("telephony")
    expect(page.locator('[data-key="silent"]')).to_be_visible(timeout=25000)
    phone_stand.frozen.clear()
    expect(page.get_by_text("Ready")).to_be_visible(timeout=25000)


def test_a_frozen_add_on_is_named_and_the_ticket_is_spent_once(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    phone_stand.frozen.add("addon")
    page = opened(context, phone_stand, "/phone?ticket=abc")
    expect(page.locator('[data-key="away"]')).to_contain_text("Our server does not answer yet.", timeout=SOON_MS)
    shot(page, "addon-frozen")
    press(page, "Try again")
    expect(page.locator('[data-key="away"]')).to_have_count(0)
    expect(page.locator('[data-key="away"]')).to_be_visible(timeout=SOON_MS)
    phone_stand.frozen.clear()
    press(page, "Try again")
    expect(page.get_by_text("Ready")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#number")).to_have_value("600")
    assert phone_stand.methods().count("POST /session") == 1


def test_a_call_that_the_add_on_leaves_unanswered_is_tried_again_as_the_same_call(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    page.keyboard.type("600")
    phone_stand.frozen.add("/api/calls")
    press(page, "Call")
    expect(page.get_by_role("button", name="Starting")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Trying again never calls twice.", timeout=SOON_MS)
    shot(page, "call-unsure")
    press(page, "Try again")
    phone_stand.frozen.clear()
    expect(page.locator("#word")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(placed(phone_stand)) == 2 and len(ids(phone_stand)) == 1


def test_calls_that_do_not_load_say_so_and_load_at_a_click(context: BrowserContext, phone_stand: PhoneStand) -> None:
    phone_stand.frozen.add("/api/calls")
    page = opened(context, phone_stand)
    press(page, "Recents")
    expect(page.get_by_text("Your calls could not be loaded.")).to_be_visible(timeout=SOON_MS)
    shot(page, "recents-failed")
    phone_stand.frozen.clear()
    # At once: a list that comes by itself meanwhile takes the button away.
    page.evaluate("document.querySelector('[data-do=recents-again]')?.click()")
    expect(page.get_by_text("Ada Lovelace").first).to_be_visible()


@pytest.mark.parametrize("path", ["/settings", "/recordings/p2"])
def test_a_page_whose_values_do_not_come_says_so(context: BrowserContext, phone_stand: PhoneStand, path: str) -> None:
    phone_stand.frozen.add("addon")
    page = opened(context, phone_stand, path)
    expect(page.get_by_text("The server does not answer.")).to_be_visible(timeout=SOON_MS)
    phone_stand.frozen.clear()
    press(page, "Try again")
    expect(page.get_by_text("The server does not answer.")).to_have_count(0)
    expect(page.locator("main h1")).to_be_visible()


def test_a_page_whose_scripts_do_not_come_says_so_after_a_while(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = context.new_page()
    held = [True]
    page.route("**/web/i18n/*.json", lambda route: None if held[0] else route.continue_())
    page.goto(phone_stand.url + "/phone")
    late = page.locator("#late")
    expect(late).to_be_hidden()
    expect(late).to_be_visible(timeout=SOON_MS)
    shot(page, "page-late")
    held[0] = False
    late.get_by_role("link", name="Try again").click()
    expect(page.get_by_text("Ready")).to_be_visible(timeout=SOON_MS)
    expect(late).to_be_hidden()


def test_a_service_that_dies_in_a_call_says_that_it_failed_and_offers_to_call_again(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.do(phone_stand.change("a1", state="active", answered_at=time.time() - 5, recording="on"))
    expect(page.locator("#word")).to_have_text("Connected")
    phone_stand.do(phone_stand.fails())
    expect(page.get_by_text("Our service failed and the call was ended. You can call again.")).to_be_visible()
    shot(page, "service-died")
    press(page, "Call again")
    expect(page.locator("#word")).to_be_visible()
    assert placed(phone_stand) == ["+59322345678"]


def test_a_call_that_ended_while_the_window_was_away_says_only_that(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.do(phone_stand.change("a1", state="active", answered_at=time.time() - 5))
    expect(page.locator("#word")).to_have_text("Connected")
    phone_stand.do(phone_stand.fails(new_run=False))
    expect(page.get_by_text("The call ended while this window was not connected")).to_be_visible()


def test_calling_nobody_asks_for_a_number(context: BrowserContext, phone_stand: PhoneStand) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    press(page, "Call")
    expect(page.locator("#plan")).to_have_text("Type a number first")
    shot(page, "no-number")
    page.keyboard.type("6")
    expect(page.locator("#plan")).not_to_have_text("Type a number first")
    assert placed(phone_stand) == []


def talking(context: BrowserContext, stand: PhoneStand) -> tuple[Page, str]:
    """A window in a recorded call whose sound has been measured."""
    page = context.new_page()
    page.add_init_script(RECEIVED)
    page.goto(stand.url + "/phone")
    expect(page.get_by_text("Ready")).to_be_visible()
    page.keyboard.type("600")
    press(page, "Call")
    expect(page.locator("#word")).to_have_text("Connected")
    call = next(iter(stand.calls))
    stand.do(stand.change(call, recording="on", recording_rule="recorded"))
    expect(page.locator("#quality")).to_have_text("Good connection", timeout=SOON_MS)
    return page, call


def test_a_call_in_which_nothing_arrives_says_so_unless_it_is_held(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page, call = talking(context, phone_stand)
    page.evaluate("window.perReading = 0")
    expect(page.locator("#quality")).to_have_text("No sound arrives", timeout=9000)
    shot(page, "no-sound")
    for held in ({"peer_holds": True}, {"peer_holds": False, "held": True, "state": "held"}):
        phone_stand.do(phone_stand.change(call, **held))
        expect(page.locator("#quality")).to_have_count(0, timeout=6000)
        page.wait_for_timeout(5000)
        expect(page.locator("#quality")).to_have_count(0)
    phone_stand.do(phone_stand.change(call, held=False, state="active"))
    expect(page.get_by_text("No sound arrives")).to_be_visible(timeout=9000)
    page.evaluate("window.perReading = 100")
    expect(page.locator("#quality")).to_have_text("Good connection", timeout=SOON_MS)
    sent = [params["loss_percent"] for method, params in phone_stand.asked if method == "media.stats"]
    assert 100 in sent and sent[-1] == 0


def test_while_the_service_does_not_answer_no_state_of_the_call_is_claimed(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page, _ = talking(context, phone_stand)
    phone_stand.frozen.add("telephony")
    expect(page.locator("#unknown")).to_have_text(
        "State unknown: the phone service does not answer", timeout=SOON_MS + 8000
    )
    expect(page.locator("#rec, #quality")).to_have_count(0)
    shot(page, "state-unknown")
    phone_stand.frozen.clear()
    expect(page.locator("#rec")).to_have_text("Recording", timeout=SOON_MS * 2)
    expect(page.locator("#unknown")).to_have_count(0)
    expect(page.locator("#quality")).to_have_text("Good connection", timeout=SOON_MS)


def test_audio_lost_after_talk_is_told_from_audio_that_never_came(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    phone_stand.recent = {"outcome": "media-failed", "talk_seconds": 60}
    phone_stand.do(phone_stand.change("a1", state="active", answered_at=time.time() - 60))
    expect(page.locator("#word")).to_have_text("Connected")
    phone_stand.do(phone_stand.change("a1", state="ended", outcome="media-failed"))
    expect(page.locator(".lead")).to_have_text("The audio was lost during the call")
    shot(page, "audio-lost")
    press(page, "Close")
    page.locator('nav [data-arg="recents"]').click()
    expect(page.get_by_text("The audio was lost during the call · 01:00")).to_be_visible()
    shot(page, "audio-lost-recents")
    phone_stand.do(phone_stand.change("a2", state="dialing"))
    expect(page.locator("#word")).to_have_text("Dialing")
    phone_stand.do(phone_stand.change("a2", state="ended", outcome="media-failed"))
    expect(page.locator(".lead")).to_have_text("No audio connection")


def test_an_incoming_number_that_is_no_contact_is_written_for_people(
    context: BrowserContext, phone_stand: PhoneStand
) -> None:
    page = opened(context, phone_stand)
    expect(page.get_by_text("Ready")).to_be_visible()
    peer = {"address": "+593991234567", "name": "", "shown": "+593 99 123 4567"}
    phone_stand.do(phone_stand.change("in1", direction="inbound", state="ringing", peer=peer))
    expect(page.locator(".who")).to_have_text("+593 99 123 4567")
    shot(page, "incoming-number")
