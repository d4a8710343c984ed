"""What a log line shows: constant texts, allowed facts, errors by kind; nothing that may quote a person."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from contract import log_lines
from contract.log_lines import TRACE, trace_of

pytestmark = pytest.mark.pure
CANARY = "canary-0987"


def record(name: str, text: str, *arguments: Any, **facts: Any) -> logging.LogRecord:
    try:
        raise ValueError(CANARY)
    except ValueError:
        return logging.getLogger(name).makeRecord(
            name, logging.WARNING, "f", 1, text, arguments, sys.exc_info(), extra=facts
        )


@pytest.mark.parametrize("style", log_lines.FORMATS)
def test_arguments_of_libraries_extras_and_messages_of_errors_are_not_shown(style: str) -> None:
    shown = log_lines.handler(io.StringIO(), style).format
    facts = {"call": "c1", "pii.callee": CANARY, "user": CANARY, "header": CANARY}
    for name in ("urllib3.connectionpool", "google.auth", "werkzeug", "asyncio"):
        text = shown(record(name, "Retrying %s", CANARY, **facts))
        assert CANARY not in text and "Retrying %s" in text and "c1" in text and "ValueError" in text
    ours = shown(record("addon.cards", "%d cards", 3, **facts))
    assert CANARY not in ours and "3 cards" in ours
    # A name that only begins like ours is not ours.
    assert "3 cards" not in shown(record("addons.cards", "%d cards", 3))


@pytest.fixture
def traced() -> Iterator[None]:
    token = TRACE.set("ab" * 16)
    yield
    TRACE.reset(token)


def test_a_line_for_cloud_logging_is_one_json_object_with_severity_time_and_trace(traced: None) -> None:
    made = log_lines.handler(io.StringIO(), "json", "acme-prod")
    line = made.format(record("telephony.calls", "two\nlines\u2028", call="c1", status=500))
    assert "\n" not in line
    told = json.loads(line)
    assert told["severity"] == "WARNING" and told["time"].endswith("+00:00") and told["message"] == "two\nlines\u2028"
    assert (told["call"], told["status"], told["logger"]) == ("c1", 500, "telephony.calls")
    assert told["logging.googleapis.com/trace"] == f"projects/acme-prod/traces/{'ab' * 16}"
    assert told["stack"][-1] == "builtins.ValueError"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("105445AA7843bc8bf206b12000100000/1;o=1", "105445aa7843bc8bf206b12000100000"),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        ("", ""),
        ("x" * 5000, ""),
        ("\r\nforged", ""),
    ],
)
def test_a_trace_id_is_read_and_nothing_else(header: str, expected: str) -> None:
    assert trace_of(header) == expected
