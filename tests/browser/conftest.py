"""A real Chromium, and the workbench with a small stand-in for the add-on."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Playwright

from workbench.server import Bench, make_app
from workbench.tokens import Issuer, private_key_pem

FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
FLAGS += ["--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"]


@dataclass
class Stand:
    """The stand-in: `answers` by path, `delays` in seconds, `seen` requests; at `away_url` nobody answers."""

    url: str = ""
    away_url: str = ""
    base: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    seen: list[tuple[str, Any]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """The entry points that were asked, in order."""
        return [path for path, _ in self.seen]

    def scopes(self) -> list[str]:
        """Short names of the permissions in the last event."""
        granted = self.seen[-1][1]["authorizationEventObject"].get("authorizedScopes", [])
        return [scope.rsplit("/", 1)[1] for scope in granted]

    async def addon(self, request: web.Request) -> web.Response:
        """Answer as told."""
        body = await request.json()
        self.seen.append((request.path, body))
        await asyncio.sleep(self.delays.get(request.path, 0))
        found = self.answers.get(request.path, {})
        return web.json_response(found(body) if callable(found) else found)


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


async def _listen(app: web.Application) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


@pytest.fixture(scope="session")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    found, loop = Stand(), asyncio.new_event_loop()
    issuer = Issuer(private_key_pem(tmp_path_factory.mktemp("keys") / "issuer.pem"))

    async def up() -> None:
        app = web.Application()
        app.router.add_post("/{tail:.*}", found.addon)
        _, port = await _listen(app)
        found.answers["base"] = found.base = f"http://127.0.0.1:{port}"
        _, port = await _listen(make_app(Bench(issuer, found.base, "s", lambda body, wrapped: [])))
        found.url = f"http://127.0.0.1:{port}"
        _, port = await _listen(make_app(Bench(issuer, "http://127.0.0.1:9", "s", lambda body, wrapped: [])))
        found.away_url = f"http://127.0.0.1:{port}"

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(up(), loop).result(20)
    yield found
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shots")
