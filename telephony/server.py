"""The running telephony program around its carriers: recovery first, then doors, outbox and uploads."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from contract import wire
from contract.calls import CallId, RecordingRule
from contract.route_plan import RoutePlan, RouteRequest
from contract.uploads import UploadGrant
from telephony.addon_client import AddonAway, AddonClient, UnknownToAddon
from telephony.api import Api, RouteLog, SpentNonces, build
from telephony.api_phone import PhoneDoor
from telephony.calls import uploads
from telephony.calls.call import BrowserLeg, Call, Clock
from telephony.calls.kit import Kit, Lines, Media
from telephony.calls.phones import Phones
from telephony.calls.recovery import recover, say_byes
from telephony.calls.switchboard import Switchboard
from telephony.calls.uploads import Rendered, Uploader
from telephony.config import Config
from telephony.durable import held
from telephony.journal import Journal
from telephony.memory import Collector
from telephony.metrics import Meters, serve_metrics
from telephony.outbox import Outbox
from telephony.sealed import SealedCache

BEAT_SECONDS, SWEEP_SECONDS = 1.0, 86400.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Carriers:
    """The concrete SIP, WebRTC and media parts; `bye` ends a journaled dialog, `run` works until cancelled."""

    lines: Lines
    media: Media
    browser_leg: Callable[[Call], BrowserLeg]
    bye: Callable[[dict[str, Any]], Awaitable[None]]
    render: Callable[[CallId], Awaitable[Rendered]]
    upload: Callable[[Path, UploadGrant], Awaitable[None]]
    forget: Callable[[CallId], None]
    recorded: Callable[[], set[CallId]]
    run: Callable[[Switchboard], Coroutine[Any, Any, None]]
    close: Callable[[], None]


def _unrecorded(plan: RoutePlan) -> RoutePlan:
    if not plan.recording.record:
        return plan
    return replace(plan, recording=replace(plan.recording, record=False, rule=RecordingRule.CONSENT_UNKNOWN))


@dataclass(slots=True)
class CachedRoutes:
    """The add-on's plan, or the last one for the same extension while it is away: that one never records.

    A consent that cannot be looked up may have been withdrawn since.
    """

    addon: AddonClient
    cache: SealedCache

    async def route(self, asked: RouteRequest) -> RoutePlan | None:
        """The plan; None when the add-on knows no such extension."""
        name = f"plan/{asked.tenant}/{asked.line}/{asked.called}"
        try:
            plan = await self.addon.route(asked)
        except UnknownToAddon:
            return None
        except AddonAway:
            kept = await asyncio.to_thread(self.cache.get, name)
            return _unrecorded(wire.loads(kept, RoutePlan)) if kept else None
        if not plan.blocked:
            try:
                await asyncio.to_thread(self.cache.put, name, wire.dumps(plan))
            except OSError as error:
                log.error("a plan is not kept for when the add-on is away", extra={"error": type(error).__name__})
        return plan


async def serve(
    config: Config,
    carriers: Callable[[AddonClient], Carriers],
    stop: asyncio.Event,
    ready: Callable[[Switchboard, int], None] = lambda _board, _port: None,
) -> None:
    """Run until `stop`; live calls are hung up and reported before this returns. Raises FolderInUse."""
    with held(config.data_dir / "telephony.lock"):
        await _serve(config, carriers, stop, ready)


def _collector(board: Switchboard, meters: Meters) -> Collector:
    """Counts every call that is over, with the meters."""
    collector = Collector(lambda: len(board.live))

    def over(call: Call) -> None:
        meters.ended(call)
        collector.call_ended()

    board.on_over = over
    return collector


async def _serve(
    config: Config,
    carriers: Callable[[AddonClient], Carriers],
    stop: asyncio.Event,
    ready: Callable[[Switchboard, int], None],
) -> None:
    journal = Journal(config.data_dir / "journal" / "log")
    cache = SealedCache(config.data_dir / "sealed", config.keys["lines"])
    async with aiohttp.ClientSession() as session:
        addon = AddonClient(session, config.addon_url, config.keys["telephony-to-addon"], time.time)
        parts = carriers(addon)
        routes = CachedRoutes(addon, cache)
        clock = Clock(time.time, time.monotonic)
        kit = Kit(parts.media, parts.lines, routes, journal, clock, parts.browser_leg)
        board = Switchboard(kit, Phones(time.monotonic))
        box = Outbox(journal, addon.send_event)
        uploader = Uploader(
            journal, addon, parts.render, parts.upload, parts.forget, lambda call: call in board.live, box.wake
        )

        def ended() -> None:
            box.wake()
            uploader.wake()

        board.on_ended = ended
        meters = Meters(board, box.waiting, lambda: len(journal.items(uploads.PREFIX)))
        collector = _collector(board, meters)
        board.remember(CallId(key.removeprefix("call/")) for key in journal.items("call/"))
        recover(journal, now=journal.alive_at or time.time())
        runner = web.AppRunner(
            _application(config, board, box, meters), handler_cancellation=True, access_log_class=RouteLog
        )
        await runner.setup()
        site = web.TCPSite(runner, config.bind, config.port)
        await site.start()
        watched = await serve_metrics(meters, config.metrics_port) if config.metrics_port else None
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work)
                for work in (
                    parts.run(board),
                    box.run(),
                    uploader.run(),
                    board.measure_lag(),
                    collector.run(),
                    say_byes(journal, parts.bye),
                    _beat(board, journal),
                    _sweep(journal, parts),
                )
            ]
            ready(board, runner.addresses[0][1])
            await stop.wait()
            await board.close()
            await runner.cleanup()
            if watched is not None:
                await watched.cleanup()
            for task in tasks:
                task.cancel()
        await asyncio.to_thread(parts.close)
    journal.close()


async def _beat(board: Switchboard, journal: Journal) -> None:
    """While calls live, leave a sign of it every second: after a kill that is when they ended."""
    while True:
        if board.live:
            try:
                await asyncio.to_thread(journal.touch)
            except OSError as error:
                log.warning("no sign of life can be left", extra={"error": type(error).__name__})
                return
        await asyncio.sleep(BEAT_SECONDS)


async def _sweep(journal: Journal, parts: Carriers) -> None:
    """Delete what no call keeps: the strays of a kill."""
    while True:
        try:
            there = await asyncio.to_thread(parts.recorded)
            strays = there - {CallId(key.removeprefix(uploads.PREFIX)) for key in journal.items(uploads.PREFIX)}
            for call in strays:
                await asyncio.to_thread(parts.forget, call)
        except OSError as error:
            log.error("the recordings' folder cannot be swept", extra={"error": type(error).__name__})
        else:
            if strays:
                log.info("recordings of %d calls that nobody keeps are deleted", len(strays))
        await asyncio.sleep(SWEEP_SECONDS)


def _application(config: Config, board: Switchboard, box: Outbox, meters: Meters) -> web.Application:
    nonces, tickets = SpentNonces(), SpentNonces()
    api = Api(
        board, config.keys["addon-to-telephony"], lambda: _parts(board, box), nonces=nonces, on_command=meters.commanded
    )
    door = PhoneDoor(board, config.keys["tickets"], config.allowed_origin, tickets.spend, time.time, time.monotonic)
    return build(api, door)


def _parts(board: Switchboard, box: Outbox) -> dict[str, str]:
    return {
        "calls": str(len(board.live)),
        "lag_ms": f"{board.lag_seconds * 1000:.1f}",
        "events_waiting": str(box.waiting()),
        "lines": board.kit.lines.health(),
    }
