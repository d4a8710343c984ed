"""The workbench behaves as Google's hosts do: stack, waiting, windows, permissions, drafts, and its own developer view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from cards.surface import SCOPES
from tests.browser.watch import Watch
from workbench.pbx.extensions import NUMBERS

pytestmark = pytest.mark.browser
TEXTS = Path(__file__).parents[2] / "web/workbench/texts"
CONTACTS, DIRECTORY = (next(s.url for s in SCOPES if s.feature == f) for f in ("contacts", "directory"))
HOSTILE_DRAFT = (
    "<p onclick='alert(1)'>Hello <b>you</b><script>alert(2)</script><img src=x onerror=alert(3)>"
    "<a href='javascript:alert(4)'>x</a><style>body{display:none}</style><iframe src='data:text/html,y'></iframe></p>"
)


def do(stand: Any, action: str, /, **parameters: str) -> dict[str, Any]:
    listed = [{"key": key, "value": value} for key, value in parameters.items()]
    return {"action": {"function": f"{stand.base}/do/{action}", "parameters": listed}}


def button(text: str, click: dict[str, Any]) -> dict[str, Any]:
    return {"buttonList": {"buttons": [{"text": text, "onClick": click}]}}


def push(title: str, *widgets: dict[str, Any], **more: Any) -> dict[str, Any]:
    shown = {"name": title.lower(), "header": {"title": title}, "sections": [{"widgets": list(widgets)}], **more}
    return {"action": {"navigations": [{"pushCard": shown}]}}


def wrapped(answer: dict[str, Any]) -> dict[str, Any]:
    return {"renderActions": answer}


@pytest.fixture
def page(chromium: Browser, stand: Any) -> Iterator[Page]:
    stand.seen.clear()
    stand.delays.clear()
    for path in [p for p in stand.answers if p.startswith("/")]:
        del stand.answers[path]
    stand.answers["/on/gmail.homepage"] = push("Home")
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(8000)
    found = context.new_page()
    watch = Watch(found)
    yield found
    assert watch.dialogs == [] and watch.reports == []
    context.close()


def opened(page: Page, stand: Any, *widgets: dict[str, Any], **more: Any) -> None:
    stand.answers["/on/gmail.homepage"] = push("Home", *widgets, **more)
    page.goto(stand.url + "/")
    expect(page.locator("#sidebar").get_by_role("heading", name="Home")).to_be_visible()


def test_the_first_visit_says_what_to_do_and_a_message_opens_from_the_keyboard(page: Page, stand: Any) -> None:
    stand.answers["/on/gmail.message"] = push("Ana")
    opened(page, stand)
    expect(page.locator("#empty")).to_contain_text("press Call beside a number")
    assert page.locator("#numbers dt").all_inner_texts() == list(NUMBERS)
    page.locator("#mails button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#subject")).to_have_text("Re: Reunión en Bogotá")
    expect(page.locator("#announce")).to_have_text("Message from Juan Camilo Restrepo opened")
    expect(page.locator("#sidebar .gc-live")).to_have_text("Ana")
    expect(page.locator("#mails button").nth(1)).to_be_focused()
    page.get_by_role("button", name="Home").click()
    expect(page.locator("#empty")).to_be_visible()


def test_back_returns_to_the_card_as_it_was_left(page: Page, stand: Any) -> None:
    rows = [{"textParagraph": {"text": f"line {n}"}} for n in range(60)]
    field = {"textInput": {"name": "to", "label": "Number"}}
    stand.answers["/do/person.show"] = wrapped(push("Person"))
    opened(page, stand, *rows, field, button("More", do(stand, "person.show")), *rows)
    page.get_by_label("Number").fill("1002")
    scroll = "node => { node.scrollTop += 150; return node.scrollTop; }"
    before = page.locator("#sidebar .gc-scroll").evaluate(scroll)
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.locator("#sidebar").get_by_role("heading", name="Person")).to_be_visible()
    expect(page.get_by_role("region", name="Person")).to_be_focused()
    expect(page.locator("#stack li")).to_have_count(2)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("button", name="More", exact=True)).to_be_focused()
    expect(page.get_by_label("Number")).to_have_value("1002")
    assert abs(page.locator("#sidebar .gc-scroll").evaluate("node => node.scrollTop") - before) < 2 and before > 500


def test_the_pressed_control_waits_and_a_second_press_does_nothing(page: Page, stand: Any) -> None:
    stand.answers["/do/call.place"] = wrapped({"action": {"notification": {"text": "Placed"}}})
    stand.delays["/do/call.place"] = 1.0
    opened(page, stand, button("Call", do(stand, "call.place", to="1002")))
    call = page.locator("#sidebar").get_by_role("button", name="Call")
    before = call.bounding_box()
    call.focus()
    page.keyboard.press("Enter")
    expect(call).to_have_class("gc-button gc-outlined gc-waiting")
    expect(page.locator("#sidebar")).to_have_attribute("aria-busy", "true")
    assert call.bounding_box() == before
    page.keyboard.press("Enter")
    expect(page.locator("#sidebar .gc-snack")).to_have_text("Placed")
    expect(call).not_to_have_class("gc-button gc-outlined gc-waiting")
    assert stand.paths().count("/do/call.place") == 1


def test_an_add_on_that_is_away_is_said_with_the_way_out(page: Page, stand: Any) -> None:
    page.goto(stand.away_url + "/")
    expect(page.get_by_role("heading", name="The add-on does not answer")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="The add-on does not answer")).to_be_visible()
    expect(page.locator("#exchanges li")).to_have_count(2)
    opened(page, stand, button("Call", do(stand, "call.place")))
    page.route("**/api/event", lambda route: route.abort())
    page.locator("#sidebar").get_by_role("button", name="Call").click()
    expect(page.locator("#sidebar .gc-snack")).to_have_text(
        "The add-on does not answer. Nothing was changed; try again."
    )
    expect(page.locator("#sidebar").get_by_role("heading", name="Home")).to_be_visible()


def test_an_overlay_holds_the_card_and_its_end_reloads_it(page: Page, stand: Any) -> None:
    link = {"openLink": {"url": stand.url + "/healthz", "openAs": "OVERLAY", "onClose": "RELOAD"}}
    opened(page, stand, button("Sign in", link))
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Sign in").click()
    assert popup.value.viewport_size is None or popup.value.evaluate("innerWidth") <= 500
    expect(page.get_by_text("Continue in the window that opened")).to_be_visible()
    assert page.locator("#sidebar .gc-stack").evaluate("node => node.inert")
    popup.value.close()
    expect(page.get_by_text("Continue in the window that opened")).to_have_count(0)
    expect(page.locator("#sidebar").get_by_role("heading", name="Home")).to_be_visible()
    assert stand.paths().count("/on/gmail.homepage") == 2


def test_a_dynamic_link_opens_at_the_click_and_a_blocked_window_is_said(page: Page, stand: Any) -> None:
    link = {"action": {"link": {"url": stand.url + "/healthz"}}}
    stand.answers["/do/phone.open"] = wrapped(link)
    stand.delays["/do/phone.open"] = 0.5
    dynamic = {"openDynamicLinkAction": do(stand, "phone.open")["action"]}
    opened(page, stand, button("Open phone", dynamic))
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Open phone").click()
    assert popup.value.url == "about:blank"
    popup.value.wait_for_url("**/healthz")
    page.evaluate("window.open = () => null")
    page.get_by_role("button", name="Open phone").click()
    expect(page.locator("#sidebar .gc-snack")).to_contain_text("blocked a new window")
    assert stand.paths().count("/do/phone.open") == 1


def test_a_window_closes_when_the_answer_has_no_link(page: Page, stand: Any) -> None:
    stand.answers["/do/phone.open"] = wrapped(push("No line"))
    opened(page, stand, button("Open phone", {"openDynamicLinkAction": do(stand, "phone.open")["action"]}))
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Open phone").click()
    expect(page.locator("#sidebar").get_by_role("heading", name="No line")).to_be_visible()
    assert popup.value.is_closed()


def asks(*scopes: str) -> dict[str, Any]:
    return {"requesting_google_scopes": {"scopes": list(scopes)}}


def test_single_permissions_are_ticked_and_the_trigger_is_repeated(page: Page, stand: Any) -> None:
    opened(page, stand)
    page.get_by_role("button", name="Permissions").click()
    for name in ("Your contacts", "The company directory"):
        page.get_by_label(name).uncheck()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#exchanges li")).to_have_count(2)
    assert "contacts" not in stand.scopes() and "directory.readonly" not in stand.scopes()

    def answer(body: Any) -> Any:
        has = CONTACTS in body["authorizationEventObject"]["authorizedScopes"]
        return push("Ana") if has else asks(CONTACTS, DIRECTORY)

    stand.answers["/on/gmail.message"] = answer
    page.locator("#mails button").first.click()
    page.get_by_role("button", name="Review access").click()
    page.get_by_role("dialog").get_by_label("The company directory").uncheck()
    page.get_by_role("button", name="Allow").click()
    expect(page.locator("#sidebar").get_by_role("heading", name="Ana")).to_be_visible()
    assert "contacts" in stand.scopes() and "directory.readonly" not in stand.scopes()


def test_a_click_that_needs_a_permission_is_repeated_once_or_not_at_all(page: Page, stand: Any) -> None:
    def answer(body: Any) -> Any:
        has = CONTACTS in body["authorizationEventObject"]["authorizedScopes"]
        return wrapped({"action": {"notification": {"text": "Added"}}}) if has else asks(CONTACTS)

    stand.answers["/do/contact.add"] = answer
    opened(page, stand, button("Add", do(stand, "contact.add", name="Ana")))
    page.get_by_role("button", name="Permissions").click()
    page.get_by_label("Your contacts").uncheck()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#exchanges li")).to_have_count(2)
    add = page.get_by_role("button", name="Add", exact=True)
    add.click()
    expect(page.get_by_role("button", name="Allow")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar .gc-snack")).to_have_text("Without that permission nothing was done")
    expect(add).to_be_focused()
    add.click()
    page.get_by_role("button", name="Allow").click()
    expect(page.locator("#sidebar .gc-snack")).to_have_text("Added")
    parameters = [body["commonEventObject"]["parameters"] for path, body in stand.seen if path == "/do/contact.add"]
    assert parameters == [{"name": "Ana"}] * 3


def test_tel_and_mailto_go_to_the_phone_app_and_to_a_draft(page: Page, stand: Any) -> None:
    opened(
        page,
        stand,
        button("Mail", {"openLink": {"url": "mailto:ana@quitotech.example"}}),
        button("Dial", {"openLink": {"url": "tel:+59322551234"}}),
    )
    page.get_by_role("button", name="Dial").click()
    expect(page.locator("#sidebar .gc-snack")).to_contain_text("+59322551234")
    page.get_by_role("button", name="Mail", exact=True).click()
    expect(page.locator("#to")).to_have_value("ana@quitotech.example")
    expect(page.locator("#draft-text")).to_be_focused()


def test_the_compose_trigger_inserts_html_that_cannot_do_anything(page: Page, stand: Any) -> None:
    stand.answers["/on/gmail.compose"] = push("Insert", button("Insert", do(stand, "compose.insert")))
    markup = {
        "updateBody": {"type": "IN_PLACE_INSERT", "insertContents": [{"content": HOSTILE_DRAFT}]},
        "updateSubject": {"subject": "Numbers"},
    }
    stand.answers["/do/compose.insert"] = wrapped(
        {"hostAppAction": {"gmailAction": {"updateDraftActionMarkup": markup}}}
    )
    opened(page, stand)
    page.locator("#compose").click()
    page.locator("#to").fill("ana@quitotech.example, bob@acme.example")
    page.locator("#draft-text").fill("Before ")
    page.get_by_role("button", name="Open CTiContRol for this draft").click()
    page.locator("#draft-view").get_by_role("button", name="Insert").click()
    expect(page.locator("#draft-text")).to_be_focused()
    assert page.locator("#draft-text").inner_text().split() == ["Before", "Hello", "youx"]
    assert page.locator("#draft-text b").inner_text() == "you"
    assert page.locator("#draft-text :is(script, img, style, iframe, a, [onclick])").count() == 0
    expect(page.locator("#draft-subject")).to_have_value("Numbers")
    gmail = next(body["gmail"] for path, body in stand.seen if path == "/on/gmail.compose")
    assert gmail["toRecipients"] == ["ana@quitotech.example", "bob@acme.example"]
    page.keyboard.press("Escape")
    expect(page.locator("#draft")).to_be_hidden()
    expect(page.locator("#compose")).to_be_focused()


def test_the_developer_view_hides_tokens_and_keeps_the_last_exchanges(page: Page, stand: Any) -> None:
    link = {"url": stand.url + "/healthz?ticket=verysecretticket&x=1"}
    stand.answers["/do/phone.open"] = wrapped({"action": {"link": link}})
    opened(page, stand, button("Open", do(stand, "phone.open")))
    with page.expect_popup():
        page.get_by_role("button", name="Open", exact=True).click()
    page.locator("#drawer summary").click()
    expect(page.locator("#response")).to_contain_text("ticket=…&x=1")
    assert "verysecretticket" not in page.content()
    sent = stand.seen[-1][1]["authorizationEventObject"]
    shown = page.locator("#request").inner_text()
    assert "systemIdToken" in shown
    assert [name for name, value in sent.items() if name.endswith("Token") and value in shown] == []
    page.locator("#exchanges button").nth(1).click()
    expect(page.locator("#request")).to_contain_text("/on/gmail.homepage")
    expect(page.locator("#timing")).to_contain_text("ms")


def test_the_switches_are_in_the_next_event_and_are_kept(page: Page, stand: Any) -> None:
    opened(page, stand)
    for name, value in (
        ("zone", "Europe/Berlin"),
        ("locale", "pt"),
        ("theme", "dark"),
        ("width", "480"),
        ("player", "bob"),
    ):
        page.locator(f"#{name}").select_option(value)
    expect(page.locator("#exchanges li")).to_have_count(4)
    common = stand.seen[-1][1]["commonEventObject"]
    assert common["userLocale"] == "pt" and common["timeZone"]["id"] == "Europe/Berlin"
    assert common["timeZone"]["offset"] in {3_600_000, 7_200_000}
    page.reload()
    expect(page.locator("#compose")).to_have_text("Escrever")
    assert page.locator("#side-pane").bounding_box()["width"] == 480  # type: ignore[index]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(27, 27, 27)"


def test_the_languages_of_the_page_hold_the_same_words() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in TEXTS.glob("*.json")}
    assert set(found) == {"en", "es", "pt"}
    assert {f"number.{number}" for number in NUMBERS} <= set(found["en"])
    assert {f"scope.{scope.feature}" for scope in SCOPES} <= set(found["en"])
    for words in found.values():
        assert words.keys() == found["en"].keys() and all(words.values())


@pytest.mark.parametrize("locale", ["en", "es", "pt"])
def test_the_page_is_light_and_quiet(chromium: Browser, stand: Any, locale: str) -> None:
    stand.answers |= {"/on/gmail.homepage": push("Home"), "/on/gmail.message": push("Ana")}
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    watch = Watch(page)
    page.goto(stand.url + "/")
    page.locator("#locale").select_option(locale)
    for row in page.locator("#mails button").all():
        row.click()
        expect(page.locator("#sidebar").get_by_role("heading", name="Ana")).to_be_visible()
    ours = {url: size for url, size in watch.weights.items() if "/mail/" not in url and "/api/event" not in url}
    print(f"\nworkbench: {sum(ours.values())} bytes in {len(ours)} files")
    assert len(ours) > 12 and sum(ours.values()) < 150_000
    assert watch.dialogs == [] and watch.reports == []
    blocked = [e for e in watch.errors if "sandboxed" not in e and "Content Security Policy" not in e]
    assert blocked == []
    context.close()
