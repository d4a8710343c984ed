"""Each request is one line: its route, never its address; in production as Cloud Logging reads it, with the trace."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cast import House
from workbench.supervisor import Stage, make_keys

pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[3]
NUMBER = "593987650123"
SERVED = """
import main
page = main.app.test_client()
page.get("/healthz", headers={"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"})
page.get("/nowhere/%s?q=%s")
page.post("/on/gmail.message", data=b"x", headers={"Authorization": "Bearer %s"})
"""


def test_a_line_names_the_route_and_not_what_was_sent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    page = House(tmp_path).app.test_client()
    page.get(f"/nowhere/{NUMBER}?number={NUMBER}")
    page.post("/on/gmail.message", data=b"{}")
    lines = [vars(r) for r in caplog.records if r.name == "addon.requests" and r.message == "answered"]
    assert [(line["route"], line["status"]) for line in lines] == [("(no route)", 404), ("on.gmail.message", 401)]
    assert all(line["milliseconds"] >= 0 for line in lines) and NUMBER not in str(lines)


def test_the_program_that_gunicorn_loads_writes_them_as_json(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys.json")
    stage = Stage(8080, tmp_path / "data", tmp_path / "keys.json", "secret")
    environment = stage.environment(dict(os.environ)) | {"LOG_FORMAT": "json"}
    program = SERVED.replace("%s", NUMBER)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"severity", "time", "message", "logger"} <= set(line) for line in told) and NUMBER not in done.stderr
    answered = [line for line in told if line["message"] == "answered"]
    assert [line["route"] for line in answered] == ["healthz", "(no route)", "on.gmail.message"]
    assert [line["status"] for line in answered][1:] == [404, 401]
    assert answered[0]["logging.googleapis.com/trace"].endswith("105445aa7843bc8bf206b12000100000")
