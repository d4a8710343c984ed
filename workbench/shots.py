"""`python -m workbench shots DIR`: pictures of every card in three languages, light and dark, at the sidebar's width."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from cards.text import LANGUAGES
from workbench import gallery
from workbench.supervisor import CannotRun

THEMES = ("light", "dark")
SHEET_WIDTH = 1640


async def take(folder: Path, locales: Sequence[str], themes: Sequence[str], say: Callable[[str], None]) -> int:
    """Write LANGUAGE-THEME.png sheets and one picture per card below them; the number of cards pictured."""
    try:
        from playwright.async_api import async_playwright
    except ImportError as error:
        raise CannotRun("pictures need Playwright: pip install playwright") from error
    chromium = shutil.which("chromium")
    if chromium is None:
        raise CannotRun("pictures need Chromium: apt-get install chromium fonts-roboto")
    app = web.Application()
    app.add_routes(gallery.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    taken = 0
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}/gallery"
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for locale in locales:
                for theme in themes:
                    page = await browser.new_page(viewport={"width": SHEET_WIDTH, "height": 1000})
                    await page.goto(f"{base}?locale={locale}&theme={theme}&unfold=1")
                    await page.wait_for_selector("body[data-ready]")
                    sheet = folder / f"{locale}-{theme}"
                    sheet.mkdir(parents=True, exist_ok=True)
                    await page.screenshot(path=folder / f"{sheet.name}.png", full_page=True)
                    for figure in await page.locator("figure").all():
                        await figure.screenshot(path=sheet / f"{await figure.get_attribute('id')}.png")
                        taken += 1
                    await page.close()
                    say(f"  {sheet}.png")
            await browser.close()
    finally:
        await runner.cleanup()
    return taken


def main(folder: Path, locale: str = "", theme: str = "") -> int:
    """Take them all, or those of one language or theme, and say how many; the exit status."""
    locales, themes = [locale] if locale else LANGUAGES, [theme] if theme else THEMES
    taken = asyncio.run(take(folder, locales, themes, lambda line: print(line, flush=True)))
    print(f"{taken} pictures of cards in {folder}")
    return 0
