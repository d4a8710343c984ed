"""gunicorn main:app."""

from __future__ import annotations

import os

from addon.config import Config
from addon.wiring import build_app, build_queue, settle_memory

config = Config.from_env(os.environ)
app = build_app(config)
if config.cloud is None:
    build_queue(config).start()
settle_memory()
