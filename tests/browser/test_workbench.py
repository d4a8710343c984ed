"""Cards drawn in real Chromium: inert text, navigation, form inputs, and no axe finding in any size and theme."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
XSS = [
    "<img src=x onerror=window.owned=1>",
    "<script>window.owned=1</script>",
    '<a href="javascript:window.owned=1">x</a>',
    "<svg onload=window.owned=1>",
    '"><iframe src=javascript:window.owned=1>',
    '<b onclick="window.owned=1">bold</b>',
    '<font color="red;background:url(x)">f</font>',
    "&lt;img src=x onerror=window.owned=1&gt;",
    '<a href="data:text/html,<script>window.owned=1</script>">d</a>',
]


def click(function: str, **parameters: str) -> dict[str, Any]:
    return {"action": {"function": function, "parameters": [{"key": k, "value": v} for k, v in parameters.items()]}}


def card(base: str) -> dict[str, Any]:
    call = {
        "text": "Call",
        "color": {"red": 0.043, "green": 0.341, "blue": 0.816},
        "onClick": click(base + "/do/call.place", to="+593991234567"),
    }
    return {
        "header": {"title": "Ana Lucía Paredes", "subtitle": "QuitoTech · Gerente de compras"},
        "sections": [
            {
                "widgets": [
                    {
                        "decoratedText": {
                            "startIcon": {"knownIcon": "PHONE"},
                            "topLabel": "Mobile · Ecuador",
                            "text": "<b>099 123 4567</b>",
                            "bottomLabel": "Recorded. Both sides hear a notice. Kept 90 days.",
                            "button": call,
                        }
                    },
                    {
                        "decoratedText": {
                            "startIcon": {"knownIcon": "STORE"},
                            "topLabel": "Office",
                            "text": "02 255 1234 ext. 12",
                            "bottomLabel": "Not recorded",
                            "button": {"text": "Call", "onClick": click(base + "/do/call.place", to="+59322551234")},
                        }
                    },
                    {"divider": {}},
                    {
                        "textParagraph": {
                            "text": 'Numbers come from <i>your contacts</i> and this message.<br><font color="#b3261e">International rates may apply.</font>'
                        }
                    },
                ]
            },
            {
                "header": "Settings",
                "collapsible": True,
                "uncollapsibleWidgetsCount": 2,
                "widgets": [
                    {
                        "decoratedText": {
                            "text": "Record my calls",
                            "bottomLabel": "Each party hears the notice first",
                            "wrapText": True,
                            "switchControl": {"name": "record", "value": "yes", "selected": True},
                        }
                    },
                    {
                        "selectionInput": {
                            "name": "days",
                            "label": "Keep recordings",
                            "type": "DROPDOWN",
                            "items": [
                                {"text": "30 days", "value": "30"},
                                {"text": "90 days", "value": "90", "selected": True},
                            ],
                        }
                    },
                    {
                        "selectionInput": {
                            "name": "device",
                            "label": "Ring on",
                            "type": "RADIO_BUTTON",
                            "items": [
                                {"text": "This browser", "value": "browser", "selected": True},
                                {"text": "Desk phone 2001", "value": "desk"},
                            ],
                        }
                    },
                    {"textInput": {"name": "note", "label": "Note", "hintText": "Only you see it"}},
                    {
                        "buttonList": {
                            "buttons": [
                                {
                                    "text": "Save",
                                    "type": "FILLED_TONAL",
                                    "onClick": {
                                        "action": {"function": base + "/do/settings.save", "requiredWidgets": ["note"]}
                                    },
                                },
                                {"text": "Cancel"},
                            ]
                        }
                    },
                ],
            },
        ],
        "fixedFooter": {
            "primaryButton": {
                "text": "Open phone",
                "onClick": {"openDynamicLinkAction": {"function": base + "/do/phone.open"}},
            }
        },
        "cardActions": [{"actionLabel": "My data", "onClick": click(base + "/do/data.show")}],
    }


def push(content: dict[str, Any]) -> dict[str, Any]:
    return {"action": {"navigations": [{"pushCard": content}]}}


@pytest.fixture
def page(chromium: Browser, stand: Any) -> Any:
    base = stand.answers["base"]
    stand.seen.clear()
    stand.answers |= {"/on/gmail.homepage": push(card(base)), "/on/gmail.message": push(card(base))}
    stand.answers["/do/phone.open"] = {"renderActions": {"action": {"link": {"url": stand.url + "/healthz"}}}}
    stand.answers["/do/call.place"] = {
        "renderActions": {
            "action": {
                "navigations": [{"pushCard": {"header": {"title": "Calling"}, "sections": []}}],
                "notification": {"text": "Calling <b>Ana</b>"},
            }
        }
    }
    stand.answers["/do/settings.save"] = {"renderActions": {"action": {"navigations": [{"updateCard": card(base)}]}}}
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    found = context.new_page()
    found.goto(stand.url + "/")
    expect(found.get_by_role("heading", name="Ana Lucía Paredes")).to_be_visible()
    yield found
    context.close()


def test_hostile_text_stays_text(page: Page, stand: Any) -> None:
    widgets = [{"textParagraph": {"text": text}} for text in XSS]
    widgets += [
        {
            "decoratedText": {
                "text": text,
                "topLabel": text,
                "bottomLabel": text,
                "button": {"text": text, "onClick": {"openLink": {"url": "javascript:window.owned=1"}}},
            }
        }
        for text in XSS
    ]
    stand.answers["/on/gmail.message"] = push({"header": {"title": XSS[0]}, "sections": [{"widgets": widgets}]})
    page.locator("#mails button").first.click()
    expect(page.locator("#sidebar h2")).to_have_text(XSS[0])
    for each in page.locator("#sidebar .gc-button").all():
        each.click()
    assert page.evaluate("window.owned") is None
    assert (
        page.locator(
            "#sidebar :is(script, iframe, img, svg[onload], a[href^=javascript], a[href^=data], [onclick])"
        ).count()
        == 0
    )


def test_a_click_carries_parameters_and_inputs_then_back_returns(page: Page, stand: Any) -> None:
    page.get_by_role("button", name="Call", exact=True).first.click()
    expect(page.get_by_role("heading", name="Calling")).to_be_visible()
    path, event = stand.seen[-1]
    assert path == "/do/call.place"
    assert event["commonEventObject"]["parameters"] == {"to": "+593991234567"}
    assert event["commonEventObject"]["formInputs"]["days"] == {"stringInputs": {"value": ["90"]}}
    expect(page.locator(".gc-snack")).to_have_text("Calling <b>Ana</b>")
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", name="Ana Lucía Paredes")).to_be_visible()


def test_a_required_field_stops_the_click_and_focus_stays_after_an_update(page: Page, stand: Any) -> None:
    page.get_by_role("button", name="Show more").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Note")).to_be_focused()
    assert [path for path, _ in stand.seen if path == "/do/settings.save"] == []
    page.get_by_label("Note").fill("hello")
    page.get_by_role("switch").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#sidebar")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    expect(page.get_by_role("switch")).to_be_checked()
    inputs = stand.seen[-1][1]["commonEventObject"]["formInputs"]
    assert inputs["note"] == {"stringInputs": {"value": ["hello"]}}
    assert "record" not in inputs


def test_a_dynamic_link_opens_at_the_click(page: Page, stand: Any) -> None:
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Open phone").click()
    popup.value.wait_for_url("**/healthz")


def test_the_mail_beside_the_card(page: Page, stand: Any, shots: Path) -> None:
    page.locator("#mails button").nth(8).click()
    expect(page.frame_locator("#frame").locator("table")).to_be_visible()
    page.screenshot(path=str(shots / "mail.png"))
    assert stand.seen[-1][1]["gmail"]["messageId"].startswith("msg-f:")
    page.locator("#locale").select_option("es")
    expect(page.locator("#compose")).to_contain_text("Redactar")
