"""What an operator watches of one telephony process, in Prometheus' text format; no tenant, person or number is a label."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from contract.commands import CommandResult
from telephony.calls.call import Call
from telephony.calls.switchboard import Switchboard

POST_DIAL_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)


class _Now(Collector):
    """What is read when it is asked for."""

    def __init__(self, board: Switchboard, events_waiting: Callable[[], int], tapes: Callable[[], int]) -> None:
        self._board, self._events_waiting, self._tapes = board, events_waiting, tapes

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Live calls by direction and state, webphones, and what waits."""
        calls = GaugeMetricFamily("cticontrol_calls", "Live calls.", labels=["direction", "state"])
        for (direction, state), count in Tally((c.direction.value, c.state.value) for c in self._board.live.values()).items():  # fmt: skip
            calls.add_metric([direction, state], count)
        yield calls
        for name, text, value in (
            ("cticontrol_webphones", "People with a webphone window.", len(self._board.phones.people())),
            ("cticontrol_event_loop_lag_seconds", "Lateness of the event loop, smoothed.", self._board.lag_seconds),
            ("cticontrol_events_waiting", "Events that the add-on has not taken yet.", self._events_waiting()),
            ("cticontrol_recordings_waiting", "Recordings that run or are not stored yet.", self._tapes()),
        ):
            yield GaugeMetricFamily(name, text, value=value)


class Meters:
    """One process's counters and their page."""

    def __init__(self, board: Switchboard, events_waiting: Callable[[], int], tapes: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        registry.register(_Now(board, events_waiting, tapes))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._commands = Counter(
            "cticontrol_commands", "Commands of the add-on.", ["command", "refused"], registry=registry
        )
        self._ended = Counter(
            "cticontrol_calls_ended", "Calls that ended.", ["direction", "device", "outcome"], registry=registry
        )
        self._talked = Counter("cticontrol_talk_seconds", "Seconds talked.", ["direction"], registry=registry)
        self._post_dial = Histogram(
            "cticontrol_post_dial_delay_seconds",
            "From the command to the first sign of the far party: ringing, early media or the answer.",
            ["device"], buckets=POST_DIAL_SECONDS, registry=registry,
        )  # fmt: skip

    def commanded(self, command: str, result: CommandResult) -> None:
        """Count one command; `refused` is the reason, empty when it was accepted."""
        self._commands.labels(command, result.reason).inc()

    def ended(self, call: Call) -> None:
        """Count a finished call."""
        assert call.outcome is not None
        self._ended.labels(call.direction.value, call.device.value, call.outcome.value).inc()
        self._talked.labels(call.direction.value).inc(call.talk_seconds)
        if call.direction.value == "outbound" and call.rang_after_seconds is not None:
            self._post_dial.labels(call.device.value).observe(call.rang_after_seconds)

    def page(self) -> bytes:
        """Everything in the text format (Prometheus exposition 0.0.4)."""
        return generate_latest(self._registry)


async def serve_metrics(meters: Meters, port: int) -> web.AppRunner:
    """Answer GET /metrics on loopback alone; raises OSError when the port is taken."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(body=meters.page(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner
