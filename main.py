"""gunicorn main:app."""

from __future__ import annotations

import os
import threading
import time

from addon.config import Config
from addon.jobs.sweep import sweep
from addon.wiring import build_app, build_ports, build_tenancy

SWEEP_SECONDS = 60

config = Config.from_env(os.environ)
app = build_app(config)


def _sweep_for_ever() -> None:
    ports = build_ports(config)
    while True:
        sweep(build_tenancy(config, ports), ports)
        time.sleep(SWEEP_SECONDS)


if not os.environ.get("GAE_ENV"):
    threading.Thread(target=_sweep_for_ever, name="sweep", daemon=True).start()
