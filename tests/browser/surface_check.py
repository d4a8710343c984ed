"""Looks at one surface in every width and theme: axe-core, sizes of what can be pressed, nothing beyond the edge."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page

WIDTHS = (320, 360, 768, 1440)
THEMES = ("light", "dark")
NARROW = 700
SMALLEST_PX, CALL_KEY_PX = 24, 44
CALL_KEYS = ".digit, .control, .call, .hangup, .foot button, .phone .tabs button"

# The second theme changes colours alone, so only contrast can differ there.
_AXE = """async (first) => (await axe.run({resultTypes: ['violations'], iframes: false, ...(first ? {} : {runOnly: ['color-contrast']})})).violations
  .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 160), v.nodes[0].any.map(a => a.message).slice(0, 1)])"""

# A box inside a label is as big as the label; a link inside a sentence is exempt (WCAG 2.2, 2.5.8).
_TARGETS = """([keys, small, big]) => {
  const seen = node => node.checkVisibility({visibilityProperty: true}) && !node.closest('[inert], [aria-hidden=true], .hidden, .skip');
  const found = [];
  let count = 0;
  for (const node of document.querySelectorAll('button, a[href], input, select, textarea, summary, [contenteditable]')) {
    if (!seen(node) || (node.tagName === 'A' && node.closest('p'))) continue;
    const box = (node.closest('label') ?? node).getBoundingClientRect();
    const least = node.matches(keys) ? big : small;
    count += 1;
    if (box.width < least - 0.5 || box.height < least - 0.5) found.push(`${node.outerHTML.slice(0, 90)} ${box.width}x${box.height}`);
  }
  return [count, found];
}"""

_BEYOND = """() => {
  const inside = node => { for (let up = node.parentElement; up && up !== document.body; up = up.parentElement)
    if (getComputedStyle(up).overflowX !== 'visible') return true; return false; };
  const out = [];
  if (document.documentElement.scrollWidth > innerWidth) out.push(`page ${document.documentElement.scrollWidth}`);
  for (const node of document.querySelectorAll('body *')) {
    if (!node.checkVisibility({visibilityProperty: true}) || node.closest('.hidden, .skip, .gc-live, svg, option')) continue;
    const box = node.getBoundingClientRect();
    if (box.width && (box.right > innerWidth + 1 || box.left < -1) && !inside(node)) out.push(`${node.outerHTML.slice(0, 90)} ${box.left}..${box.right}`);
  }
  return out;
}"""


@dataclass
class Tally:
    """What was looked at; a run that looks at too little fails."""

    seen: Counter[str] = field(default_factory=Counter)

    def look(self, page: Page, surface: str, kind: str, height: int = 900) -> None:
        """Every width and theme of the page as it is now; raises AssertionError with what is wrong."""
        page.evaluate(AXE_FILE_PATH.read_text())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 640 if width < NARROW else height})
            for theme in THEMES:
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
                page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
                self._one(page, f"{surface} {width} {theme}", kind, first=theme == THEMES[0])
                _shot(page, f"{surface}-{width}-{theme}")

    def _one(self, page: Page, where: str, kind: str, *, first: bool) -> None:
        wrong: dict[str, Any] = {"axe": page.evaluate(_AXE, first)}
        targets = 0
        if first:
            wrong["beyond"] = page.evaluate(_BEYOND)
            targets, wrong["small"] = page.evaluate(_TARGETS, [CALL_KEYS, SMALLEST_PX, CALL_KEY_PX])
        problems = {name: found for name, found in wrong.items() if found}
        assert not problems, f"{where}: {problems}"
        self.seen[kind] += 1
        self.seen[f"{kind} targets"] += targets


def _shot(page: Page, name: str) -> None:
    folder = os.environ.get("SHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
