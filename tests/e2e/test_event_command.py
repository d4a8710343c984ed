"""`python -m workbench event` sends any event to every entry of the running product and prints one line that says how it went."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cards.surface import SCOPES, Action, Trigger
from tests.e2e.product import ROOT, Product
from workbench import event_command
from workbench.mails import load_mails
from workbench.supervisor import Stage
from workbench.tokens import Issuer, private_key_pem

pytestmark = pytest.mark.loopback
EVENTS = sorted((ROOT / "tests" / "events").glob("*.json"))
ENTRIES = [f"/on/{t.value}" for t in Trigger] + [f"/do/{a.value}" for a in Action]


def issuer(product: Product) -> Issuer:
    return Issuer(private_key_pem(Stage(product.port, product.data, product.data / "keys.json").issuer_key))


def sent(
    product: Product, capsys: pytest.CaptureFixture[str], file: str, target: str, player: str = "alice"
) -> tuple[int, Any, str]:
    """Exit status, the printed object, and what was said to the person."""
    status = event_command.run(product.base, lambda: issuer(product), file, target, player)
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    line = json.loads(out)
    assert set(line) == {"status", "body", "problems"} and bool(status) == bool(line["problems"])
    return status, line, err


def unsent(line: Any, said: str) -> str:
    """What the line of an event that was not answered says is wrong; people are told the same."""
    assert (line["status"], line["body"], len(line["problems"])) == (0, None, 1)
    problem: str = line["problems"][0]
    assert said == f"event: {problem}\n" and "Traceback" not in said
    return problem


def test_every_entry_takes_every_event(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    tried = 0
    for place, target in enumerate(ENTRIES):
        for file in EVENTS if target.startswith("/on/") else EVENTS[place % 5 :: 5]:
            status, line, _ = sent(product, capsys, str(file), target)
            assert (status, line["status"], line["problems"]) == (0, 200, []), (target, file.name)
            assert set(line) == {"status", "body", "problems"}
            tried += 1
    with capsys.disabled():
        print(f"\nevent command: {tried} events to {len(ENTRIES)} entries of the running add-on")
    assert tried >= 150


def write(folder: Path, event: Any) -> str:
    file = folder / "event.json"
    file.write_text(event if isinstance(event, str) else json.dumps(event))
    return str(file)


def test_the_scopes_of_the_file_are_what_the_tokens_are_good_for(
    product: Product, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    message = next(iter(load_mails()))
    event: dict[str, Any] = {
        "commonEventObject": {"hostApp": "GMAIL"},
        "gmail": {"messageId": message, "threadId": "t"},
    }
    _, everything, _ = sent(product, capsys, write(tmp_path, event), "/on/gmail.message")
    event["authorizationEventObject"] = {"authorizedScopes": []}
    _, nothing, _ = sent(product, capsys, write(tmp_path, event), "/on/gmail.message")
    needed = [s.url for s in SCOPES if not s.optional]
    assert "Numbers" in json.dumps(everything["body"])
    assert nothing["body"] == {"requesting_google_scopes": {"scopes": needed}} and "action" in everything["body"]


def test_another_user_is_another_user(product: Product, capsys: pytest.CaptureFixture[str]) -> None:
    for player, name in (("alice", "Alice"), ("bob", "Bob"), ("charlie", "Charlie")):
        _, line, _ = sent(product, capsys, str(EVENTS[0].parent / "gmail-homepage.json"), "/on/gmail.homepage", player)
        assert name in line["body"]["action"]["navigations"][0]["pushCard"]["header"]["title"]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/on/gmail.message", "http://evil.example/on/gmail.message", "//evil.example/on/gmail.message", "on/gmail.message", "",
     "http://127.0.0.1.evil.example/on/gmail.homepage", "http://{base}@evil.example/on/gmail.homepage", "file:///etc/passwd", "http://10.0.0.1/on/x",
     "http://[::ffff:10.0.0.1]/on/x", "http://169.254.169.254/on/x", "http://localhost.evil.example/on/x", "http://0x7f000001.evil/on/x"],
)  # fmt: skip
def test_nobody_off_this_machine_gets_an_event(
    product: Product, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    file = str(EVENTS[0].parent / "gmail-homepage.json")
    status, line, said = sent(product, capsys, file, target.replace("{base}", product.base.removeprefix("http://")))
    if target.startswith("//"):
        assert (status, line["status"]) == (1, 404)  # a path of our own add-on, however it looks
        return
    assert status == event_command.MISUSED and "this machine" in unsent(line, said)


@pytest.mark.parametrize(
    "text,why",
    [("", "is empty"), (" \n", "is empty"), ("{", "is no JSON"), ("{'a': 1}", "is no JSON"), ("[]", "holds no JSON object"), ("null", "holds no"),
     ('"x"', "holds no"), ("[" * 100_000, "is nested too deeply"), ("\ufeff{}", "is no JSON"), ("NaN", "holds no"), ("{} {}", "is no JSON")],
)  # fmt: skip
def test_a_file_that_is_no_event_is_said_and_nothing_is_sent(
    product: Product, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, why: str
) -> None:
    status, line, said = sent(product, capsys, write(tmp_path, text), "/on/gmail.homepage")
    assert status == event_command.MISUSED and unsent(line, said).startswith(f"{tmp_path / 'event.json'} {why}")


def test_a_file_that_cannot_be_read_is_said(
    product: Product, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    for name, why in (("missing.json", "No such file"), ("", "directory"), ("bytes.json", "UTF-8")):
        status, line, said = sent(product, capsys, str(tmp_path / name), "/on/gmail.homepage")
        assert status == event_command.MISUSED and why in unsent(line, said)


@pytest.mark.parametrize("odd", [{"gmail": 7}, {"gmail": []}, {"authorizationEventObject": 7}, {"authorizationEventObject": {"authorizedScopes": 7}},
                                 {"gmail": {"messageId": 7}}, {"commonEventObject": []}])  # fmt: skip
def test_odd_parts_are_sent_as_they_are(
    product: Product, capsys: pytest.CaptureFixture[str], tmp_path: Path, odd: dict[str, Any]
) -> None:
    status, line, _ = sent(product, capsys, write(tmp_path, odd), "/on/gmail.homepage")
    assert (status, line["status"], line["problems"]) == (0, 200, [])


def test_an_entry_that_is_none_is_wrong_and_a_silent_add_on_is_away(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(EVENTS[0].parent / "gmail-homepage.json")
    status, line, _ = sent(product, capsys, file, "/on/gmail.nothing")
    assert (status, line["status"], line["problems"]) == (event_command.WRONG, 404, ["HTTP 404"])
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    away = event_command.run(f"http://127.0.0.1:{port}", lambda: issuer(product), file, "/on/x", "alice")
    out, err = capsys.readouterr()
    assert away == event_command.AWAY and "does not answer" in unsent(json.loads(out), err)


def test_the_command_line_itself(product: Product, tmp_path: Path) -> None:
    env = os.environ | {
        "PORT": str(product.port),
        "KEYS_FILE": str(product.data / "keys.json"),
        "DATA_DIR": str(product.data / "data"),
    }
    command = [sys.executable, "-m", "workbench", "event", "-", "--to"]

    def run(target: str, typed: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, target], cwd=ROOT, env=env | more, input=typed, capture_output=True, text=True, timeout=60
        )

    fine = run("/on/gmail.homepage", (EVENTS[0].parent / "gmail-homepage.json").read_text())
    assert fine.returncode == 0 and json.loads(fine.stdout)["problems"] == [] and fine.stdout.count("\n") == 1
    for target, typed, more in (
        ("https://evil.example/x", "{}", {}),
        ("/on/gmail.homepage", "", {}),
        ("/on/gmail.homepage", "{}", {"PORT": "x"}),
    ):
        refused = run(target, typed, **more)
        assert refused.returncode == 2 and unsent(json.loads(refused.stdout), refused.stderr)
    strange = run("/on/gmail.homepage", "{}", KEYS_FILE=str(tmp_path / "keys.json"))
    assert strange.returncode == 1 and json.loads(strange.stdout)["status"] == 401 and "KEYS_FILE" in strange.stderr


def test_a_body_of_untold_length_is_limited_by_the_real_server_too(product: Product) -> None:
    path = "/on/gmail.homepage"
    token = issuer(product).system_token(product.base + path, now=time.time())
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.port), timeout=20) as link:
        link.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            for _ in range(20):
                link.sendall(chunk)
            link.sendall(b"0\r\n\r\n")
        assert b" 413 " in link.recv(200)
