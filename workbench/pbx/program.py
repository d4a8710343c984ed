"""Runs the demo PBX until it is told to stop."""

from __future__ import annotations

import asyncio
import signal

from workbench.pbx.exchange import Exchange


async def _serve(port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    exchange = Exchange()
    await exchange.open(port)
    print(f"demo PBX on 127.0.0.1:{exchange.port}/udp, password of extension N: demo-N", flush=True)
    await stop.wait()
    await exchange.close()


def main(port: int) -> int:
    """Serve until SIGTERM or SIGINT."""
    asyncio.run(_serve(port))
    return 0
