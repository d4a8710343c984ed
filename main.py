"""gunicorn main:app."""

from __future__ import annotations

import logging
import os
import sys

from addon.config import Config
from addon.wiring import build_app, build_queue, read_secret, settle_memory
from contract import log_lines

config = Config.from_env(os.environ, read_secret)
lines = log_lines.handler(sys.stderr, config.log_format, config.cloud.project if config.cloud else "")
log_lines.set_up(lines, ("addon", "cards", "contract"), logging.INFO, logging.WARNING)
app = build_app(config)
if config.cloud is None:
    build_queue(config).start()
settle_memory()
