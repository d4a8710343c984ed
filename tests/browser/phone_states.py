"""Everything that the webphone, the settings page and the player can show, each reached as a person would."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.phone_stand_in import PhoneStand

REFUSE_MIC = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', '%s'); };"
STATISTICS = """let received = 0; RTCPeerConnection.prototype.getStats = async () =>
  new Map([['i', {type: 'inbound-rtp', jitter: %s, packetsReceived: received += %s, packetsLost: 0}]]);"""
Reach = Callable[[Page, PhoneStand], None]


def phone(page: Page, stand: PhoneStand, language: str = "en") -> None:
    """The open phone."""
    page.goto(f"{stand.url}/phone?hl={language}")
    expect(page.locator("#phone")).to_be_visible()


def live(page: Page, stand: PhoneStand, **values: Any) -> None:
    """The phone with one call."""
    phone(page, stand)
    expect(page.locator(".status.good")).to_be_visible()
    if "direction" not in values and values.get("state") in {"active", "held"}:
        values = {"answered_at": time.time() - 83} | values
    stand.do(stand.change("a1", **values))
    expect(page.locator(".who")).to_be_visible()


def tab(name: str) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        phone(page, stand)
        expect(page.locator(".status.good")).to_be_visible()
        page.locator(f'nav [data-arg="{name}"]').click()
        expect(page.locator(f'nav [data-arg="{name}"][aria-current="page"]')).to_be_visible()

    return reach


def call(**values: Any) -> Reach:
    return lambda page, stand: live(page, stand, **values)


def panel(name: str, **values: Any) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        live(page, stand, state="active", **values)
        page.locator(f'[data-do="panel"][data-arg="{name}"]').click()
        expect(page.locator(f"#panel-{name}")).to_be_visible()

    return reach


def measured(word: str, jitter_seconds: float, packets: int = 100) -> Reach:
    """A call with real media whose statistics are bent."""

    def reach(page: Page, stand: PhoneStand) -> None:
        page.add_init_script(STATISTICS % (jitter_seconds, packets))
        typed(True)(page, stand)
        page.locator('[data-do="call"]').click()
        expect(page.locator(f"#quality.{word}")).to_be_visible(timeout=15000)

    return reach


def typed(may_call: bool) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        if not may_call:
            words = "Your company does not allow calls to this country (Germany). Your administrator can allow it."
            stand.plan = {"may_call": False, "shown": "+49 30 901820", "lines": [words]}
        phone(page, stand)
        expect(page.locator(".status.good")).to_be_visible()
        page.locator("#number").fill("022345678")
        expect(page.locator("#plan strong")).to_be_visible()

    return reach


def recents(page: Page, stand: PhoneStand) -> None:
    tab("recents")(page, stand)
    expect(page.locator(".list li").first).to_be_visible()


def no_recents(page: Page, stand: PhoneStand) -> None:
    stand.has_history = False
    tab("recents")(page, stand)


def missed_badge(page: Page, stand: PhoneStand) -> None:
    phone(page, stand)
    expect(page.locator(".badge")).to_be_visible()


def ended(outcome: str) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        answered = {"answered_at": time.time() - 42} if outcome == "completed" else {}
        live(page, stand, state="active" if answered else "ringing", **answered)
        stand.do(stand.change("a1", state="ended", outcome=outcome))
        expect(page.locator('[data-do="close-ended"]')).to_be_visible()

    return reach


def lost_call(new_run: bool) -> Reach:
    """The window comes back to a service that does not know its call any more."""

    def reach(page: Page, stand: PhoneStand) -> None:
        live(page, stand, state="active")
        stand.do(stand.fails(new_run=new_run))
        expect(page.locator('[data-do="close-ended"]')).to_be_visible()

    return reach


def nothing_typed(page: Page, stand: PhoneStand) -> None:
    phone(page, stand)
    page.locator('[data-do="call"]').click()
    expect(page.locator("#plan.bad")).to_be_visible()


def frozen(part: str, link: str) -> Reach:
    """Half of the product stands still when the window opens."""

    def reach(page: Page, stand: PhoneStand) -> None:
        stand.frozen.add(part)
        phone(page, stand)
        expect(page.locator(f'[data-key="{link}"]')).to_be_visible(timeout=15000)
        stand.frozen.clear()

    return reach


def unanswered(page: Page, stand: PhoneStand) -> None:
    """The service goes away within a recorded call."""
    live(page, stand, state="active", recording="on", recording_rule="recorded")
    stand.refuse_ticket = True
    stand.do(stand.drop())
    expect(page.locator("#unknown")).to_be_visible()


def recents_failed(page: Page, stand: PhoneStand) -> None:
    stand.frozen.add("/api/calls")
    tab("recents")(page, stand)
    expect(page.locator('[data-do="recents-again"]')).to_be_visible(timeout=15000)
    stand.frozen.clear()


def unsure(page: Page, stand: PhoneStand) -> None:
    typed(True)(page, stand)
    stand.frozen.add("/api/calls")
    page.locator('[data-do="call"]').click()
    expect(page.locator('[data-do="place-again"]')).to_be_visible(timeout=15000)
    stand.frozen.clear()


def incoming(page: Page, stand: PhoneStand) -> None:
    live(page, stand, direction="inbound", state="ringing")
    expect(page.locator('[data-do="answer"]')).to_be_visible()


def second_call(page: Page, stand: PhoneStand) -> None:
    live(page, stand, state="active")
    stand.do(stand.change("b2", direction="inbound", state="ringing"))
    expect(page.locator('[data-do="answer"]')).to_be_visible()


def withheld(page: Page, stand: PhoneStand) -> None:
    stand.peer = {"address": "", "name": "", "shown": ""}
    incoming(page, stand)


def consent(page: Page, stand: PhoneStand) -> None:
    stand.consented = False
    typed(True)(page, stand)
    page.locator('[data-do="call"]').click()
    expect(page.locator('[data-do="consent-yes"]')).to_be_visible()


def refused(page: Page, stand: PhoneStand) -> None:
    stand.refusal = {"kind": "too-many-calls", "text": "Too many calls in the last minute. Wait and try again."}
    typed(True)(page, stand)
    page.locator('[data-do="call"]').click()
    expect(page.get_by_role("alert")).to_contain_text("Too many calls")


def remote(page: Page, stand: PhoneStand) -> None:
    other = page.context.new_page()
    other.goto(stand.url + "/phone")
    expect(other.locator(".status.good")).to_be_visible()
    phone(page, stand)
    expect(page.locator('[data-do="take"]')).to_be_visible()


def microphone(problem: str) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        page.add_init_script(REFUSE_MIC % problem)
        typed(True)(page, stand)
        page.locator('[data-do="call"]').click()
        expect(page.locator('[data-do="try-mic"]').first).to_be_visible()

    return reach


def lost(page: Page, stand: PhoneStand) -> None:
    phone(page, stand)
    expect(page.locator(".status.good")).to_be_visible()
    stand.refuse_ticket = True
    stand.do(stand.drop())
    expect(page.locator(".status.bad")).to_be_visible()


def replaced(page: Page, stand: PhoneStand) -> None:
    phone(page, stand)
    expect(page.locator(".status.good")).to_be_visible()
    stand.do(stand.tell("session.replaced", {}))
    stand.do(stand.drop())
    expect(page.locator('[data-do="reopen"]')).to_be_visible()


def signed_out(page: Page, stand: PhoneStand) -> None:
    stand.signed_in = False
    phone(page, stand)
    expect(page.locator('a[href^="/login"]')).to_be_visible()


def line_problem(problem: str) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        stand.line = {"registered": False, "problem": problem}
        phone(page, stand)
        expect(page.locator(".status.warn")).to_be_visible()

    return reach


PHONE: dict[str, Reach] = {
    "keypad": tab("keypad"),
    "keypad-badge": missed_badge,
    "keypad-plan": typed(True),
    "keypad-refused": typed(False),
    "recents": recents,
    "recents-empty": no_recents,
    "settings": tab("settings"),
    "dialing": call(state="dialing"),
    "dialing-silent": call(state="dialing", pbx_silent=True),
    "ringing": call(state="ringing"),
    "early": call(state="early"),
    "active": call(state="active"),
    "muted": call(state="active", muted=True),
    "held": call(state="held", held=True),
    "announcing": call(state="active", recording="announcing", recording_rule="recorded"),
    "recording": call(state="active", recording="on", recording_rule="recorded"),
    "stopped": call(state="active", recording="stopped", recording_rule="party-objected"),
    "quality-good": measured("good", 0.001),
    "quality-fair": measured("fair", 0.025),
    "quality-poor": measured("poor", 0.09),
    "quality-none": measured("none", 0.0, packets=0),
    "state-unknown": unanswered,
    "in-call-keypad": panel("keypad"),
    "in-call-devices": panel("devices", recording="on", recording_rule="recorded"),
    "incoming": incoming,
    "incoming-withheld": withheld,
    "incoming-second": second_call,
    "ended": ended("completed"),
    "ended-busy": ended("busy"),
    "ended-our-error": ended("our-error"),
    "ended-pbx-unreachable": ended("pbx-unreachable"),
    "ended-lost": lost_call(True),
    "ended-away": lost_call(False),
    "number-missing": nothing_typed,
    "silent": frozen("telephony", "silent"),
    "away": frozen("addon", "away"),
    "recents-failed": recents_failed,
    "call-unsure": unsure,
    "consent": consent,
    "call-refused": refused,
    "remote": remote,
    "microphone-blocked": microphone("NotAllowedError"),
    "microphone-missing": microphone("NotFoundError"),
    "lost": lost,
    "replaced": replaced,
    "signed-out": signed_out,
    "line-password": line_problem("wrong-password"),
    "line-unreachable": line_problem("unreachable"),
}


def settings_page(**changed: Any) -> Reach:
    def reach(page: Page, stand: PhoneStand) -> None:
        stand.settings |= changed
        page.goto(stand.url + "/settings")
        expect(page.locator("#retention_days")).to_be_visible()

    return reach


def settings_empty(page: Page, stand: PhoneStand) -> None:
    stand.has_history = False
    settings_page(consent=None, has_desk=False)(page, stand)


def settings_question(page: Page, stand: PhoneStand) -> None:
    settings_page()(page, stand)
    page.locator("#record_calls").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def settings_delete(page: Page, stand: PhoneStand) -> None:
    settings_page()(page, stand)
    page.locator('[data-do="erase"]').first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def player(page: Page, stand: PhoneStand) -> None:
    page.goto(stand.url + "/recordings/p2")
    expect(page.locator('[data-do="play"]')).to_be_visible()


def player_question(page: Page, stand: PhoneStand) -> None:
    player(page, stand)
    page.locator('[data-do="ask"]').click()
    expect(page.get_by_role("group")).to_be_visible()


def no_recording(page: Page, stand: PhoneStand) -> None:
    page.goto(stand.url + "/recordings/nothing")
    expect(page.locator("main p").first).to_be_visible()


PAGES: dict[str, Reach] = {
    "settings-page": settings_page(record_calls=True, consent={"granted": True, "at": 1.7955e9, "version": "2026-12"}),
    "settings-page-empty": settings_empty,
    "settings-page-company-off": settings_page(may_record=False),
    "settings-page-consent": settings_question,
    "settings-page-delete": settings_delete,
    "player": player,
    "player-delete": player_question,
    "player-missing": no_recording,
}
