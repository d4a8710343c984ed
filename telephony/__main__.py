"""`python -m telephony`: reads the environment, serves until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from telephony import logs
from telephony.carriers import build_carriers
from telephony.config import BadConfig, Config, read_config
from telephony.durable import FolderInUse
from telephony.memory import settle_memory
from telephony.server import serve

try:
    import uvloop
except ImportError:
    uvloop = None

log = logging.getLogger("telephony")


async def _serve(config: Config) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.loop_met_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(
        config,
        lambda addon: build_carriers(config, addon),
        stop,
        lambda _board, port: log.info("telephony answers on %s:%d", config.bind, port),
    )


def new_runner() -> asyncio.Runner:
    """The loop of production, uvloop where it is installed, with the collector kept out of the media's way."""
    settle_memory()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None)


def main() -> int:
    """The exit status: 2 for settings that cannot be used, 1 for an error."""
    try:
        config = read_config(os.environ)
    except BadConfig as error:
        print("telephony cannot start:", *error.problems, sep="\n  ", file=sys.stderr)
        return 2
    logs.set_up(sys.stderr, style=config.log_format)
    with new_runner() as runner:
        try:
            runner.run(_serve(config))
        except FolderInUse as error:
            print(f"telephony cannot start:\n  DATA_DIR: {error}", file=sys.stderr)
            return 2
        except Exception:
            log.critical("telephony stopped by an error", exc_info=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
