"""What others write - names, numbers, reasons, mails - is text and nothing else in cards, phone, settings and player."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.phone_stand_in import PEER, PhoneStand, running
from tests.browser.watch import Watch

pytestmark = pytest.mark.browser
LINES = Path(__file__).with_name("hostile.txt").read_text(encoding="utf-8").splitlines()


def spelled(line: str) -> str:
    """A line of the list with its escapes undone."""
    names = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\"}
    text, rest = "", line
    while rest:
        head, rest = rest[0], rest[1:]
        if head != "\\":
            text += head
        elif rest[0] == "u":
            text, rest = text + chr(int(rest[1:5], 16)), rest[5:]
        else:
            text, rest = text + names[rest[0]], rest[1:]
    return text


TEXTS = [spelled(line) for line in LINES]
BROKEN_OUT = [f"x'\"`>{text}" for text in TEXTS]
ENCODED = [html.escape(text) for text in TEXTS]

# Everything that our own drawing makes; a picture must be one of ours, a link must be what a card may hold.
FOREIGN = """(root) => {
  const ours = new Set(['DIV', 'SPAN', 'P', 'H1', 'H2', 'H3', 'B', 'STRONG', 'BR', 'SECTION', 'BUTTON', 'INPUT', 'LABEL', 'SELECT', 'OPTION',
    'FIELDSET', 'LEGEND', 'HR', 'svg', 'path', 'UL', 'LI', 'MAIN', 'NAV', 'HEADER', 'FOOTER', 'ASIDE', 'TIME', 'OUTPUT', 'FIGURE', 'FIGCAPTION',
    'DIALOG', 'FORM', 'AUDIO', 'IMG', 'A', 'TEXTAREA', 'DATALIST']);
  const wrong = [];
  for (const node of document.querySelectorAll(root + ' *')) {
    if (!ours.has(node.tagName)) wrong.push(node.tagName);
    for (const { name, value } of node.attributes) if (name.startsWith('on') || name === 'style' && node.closest('#root') || ['srcdoc', 'action', 'formaction', 'background', 'ping'].includes(name) || ['href', 'src', 'xlink:href'].includes(name) && /^\\s*(javascript|data|vbscript|blob):/i.test(value)) wrong.push(`${node.tagName} ${name}`);
    if (node.tagName === 'IMG' && !new URL(node.src).pathname.startsWith('/icons/')) wrong.push(node.src);
    if (node.tagName === 'A' && !/^\\/(recordings|settings|phone|login)/.test(node.getAttribute('href'))) wrong.push(node.outerHTML);
  }
  return [...wrong, ...(window.owned ? ['owned'] : [])];
}"""


# The renderer itself may make what Google's card text allows, and links to a few schemes.
UNSAFE = """() => [...document.querySelectorAll('#cards .raw *, #raw *')].filter(node =>
  /^(SCRIPT|IMG|SVG|IFRAME|OBJECT|EMBED|MATH|VIDEO|AUDIO|FORM|LINK|META|STYLE|BASE|INPUT|TEMPLATE|TABLE)$/i.test(node.tagName) && !node.closest('.gc-icon, .gc-collapse, .gc-header svg')
  || [...node.attributes].some(({ name }) => name.startsWith('on') || ['srcdoc', 'action', 'formaction', 'ping', 'xlink:href'].includes(name))
  || node.tagName === 'A' && !/^(https?|mailto|tel):/.test(node.href)).map(node => node.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def stand_in() -> Iterator[PhoneStand]:
    with running() as stand:
        yield stand


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 360, "height": 640}, reduced_motion="reduce")
    context.set_default_timeout(8000)
    found = context.new_page()
    watch = Watch(found)
    yield found
    assert watch.dialogs == [] and watch.reports == []
    assert found.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


def test_every_text_of_every_card_is_inert(page: Page, stand: Any) -> None:
    cards = 0
    page.goto(stand.url + "/gallery")
    expect(page.locator("body[data-ready]")).to_be_attached()
    for three in zip(TEXTS, BROKEN_OUT, ENCODED, strict=True):
        texts = dict(zip(("name", "number", "organisation"), three, strict=True))
        cards += page.evaluate("(texts) => window.drawCards(texts)", texts)
        assert page.evaluate(FOREIGN, "#cards") == [], three[0][:80]
    distinct = len({*TEXTS, *BROKEN_OUT, *ENCODED})
    print(f"\nhostile texts in cards: {distinct} texts, {cards} cards drawn")
    assert distinct >= 485 and cards >= 40 * len(TEXTS)


def test_the_renderer_makes_nothing_of_markup_that_nobody_escaped(page: Page, stand: Any) -> None:
    page.goto(stand.url + "/gallery")
    expect(page.locator("body[data-ready]")).to_be_attached()
    page.evaluate("document.getElementById('cards').replaceChildren()")
    raw = [*TEXTS, *BROKEN_OUT, *ENCODED]
    click = {"openLink": {"url": "javascript:window.owned=1"}}
    for start in range(0, len(raw), 40):
        texts = raw[start : start + 40]
        rows = [
            {"decoratedText": {"text": t, "topLabel": t, "bottomLabel": t, "button": {"text": t, "onClick": click}}}
            for t in texts
        ]
        rows += [{"textParagraph": {"text": t}} for t in texts]
        head = {"title": texts[0], "subtitle": texts[1]}
        card = {"header": head, "sections": [{"header": texts[2], "widgets": rows}]}
        page.evaluate("([name, card]) => window.drawCard(name, card)", ["raw", card])
        assert page.evaluate(UNSAFE) == []
    for control in page.locator("#cards .gc-button").all()[:80]:
        control.dispatch_event("click")
    assert page.evaluate("window.owned") is None
    assert page.locator("#cards .gc-row").count() == len(raw) >= 485


def test_a_live_call_shows_any_name_and_number_as_text(page: Page, stand_in: PhoneStand) -> None:
    stand_in.reset()
    page.goto(stand_in.url + "/phone")
    expect(page.locator(".status.good")).to_be_visible()
    for number, text in enumerate([*TEXTS, *BROKEN_OUT]):
        peer = {"address": text, "name": text}
        stand_in.do(stand_in.change(f"h{number}", state="ringing", direction="inbound", peer=peer))
        page.wait_for_function("(text) => document.querySelector('.who')?.textContent === text", arg=text)
        assert page.evaluate(FOREIGN, "#root") == [], text[:80]
        stand_in.do(stand_in.change(f"h{number}", state="ended", outcome="declined"))
        page.wait_for_function("() => document.querySelector('[data-do=close-ended]')")
    print(f"\nhostile texts in the phone: {2 * len(TEXTS)} callers")


def test_lists_plans_and_refusals_show_any_text_as_text(page: Page, stand_in: PhoneStand) -> None:
    stand_in.reset()
    stand_in.others = [PEER | {"name": text, "address": text, "shown": text} for text in TEXTS]
    stand_in.plan = {"may_call": True, "shown": TEXTS[0], "lines": TEXTS}
    stand_in.refusal = {"kind": "blocked", "text": "".join(TEXTS[:40])}
    page.goto(stand_in.url + "/phone")
    page.locator("#number").fill("+1 900 <b>x</b>")
    expect(page.locator("#plan span").first).to_be_visible()
    page.locator('[data-do="call"]').click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.evaluate(FOREIGN, "#root") == []
    page.locator('nav [data-arg="recents"]').click()
    expect(page.locator(".list li")).to_have_count(len(TEXTS))
    assert page.evaluate(FOREIGN, "#root") == []
    page.goto(stand_in.url + "/settings")
    expect(page.locator(".list li")).to_have_count(len(TEXTS))
    assert page.evaluate(FOREIGN, "#root") == []
    for text in TEXTS[::10]:
        stand_in.peer = PEER | {"name": text}
        page.goto(stand_in.url + "/recordings/p2")
        expect(page.locator('[data-do="play"]')).to_be_visible()
        assert page.evaluate(FOREIGN, "#root") == [], text[:80]
