"""The supervisor reports a child's last words and stops its own children."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from telephony.durable import held
from workbench.supervisor import CannotRun, Stage, Supervisor, ended, make_keys, seed_commands

pytestmark = pytest.mark.loopback
ROOT = Path(__file__).parents[2]


def supervisor(tmp_path: Path) -> Supervisor:
    stage = Stage(18080, tmp_path, tmp_path / "keys.json", "client-secret")
    return Supervisor(stage, stage.environment({"PATH": os.environ["PATH"], "GAE_ENV": "standard"}), lambda text: None)


async def test_a_dead_child_is_reported_with_its_last_words(tmp_path: Path) -> None:
    found = supervisor(tmp_path)
    await found.start("sleeper", sys.executable, "-c", "import time; time.sleep(60)")
    await found.start("dier", sys.executable, "-c", "print('no such database'); raise SystemExit(3)")
    text = ended(await found.died())
    assert "dier ended by itself (exit status 3)" in text
    assert "no such database" in text
    await found.stop()
    assert [child.process.returncode for child in found.children] == [-15, 3]


async def test_waiting_for_health_ends_when_a_child_dies(tmp_path: Path) -> None:
    found = supervisor(tmp_path)
    await found.start("dier", sys.executable, "-c", "raise SystemExit('bad setting')")
    with pytest.raises(CannotRun, match="bad setting"):
        await found.healthy("dier", "http://127.0.0.1:9/healthz")
    await found.stop()


async def test_a_child_that_lived_is_started_again_and_one_that_cannot_live_is_not(tmp_path: Path) -> None:
    found = supervisor(tmp_path)
    first = await found.start("worker", sys.executable, "-c", "raise SystemExit(4)")
    await first.process.wait()
    first.started_at -= 60
    last = await found.keep_running()
    assert (last.name, last.process.returncode) == ("worker", 4)
    assert last.process.pid != first.process.pid and len(found.children) == 1


def test_children_are_told_what_they_need_and_nothing_of_app_engine(tmp_path: Path) -> None:
    env = supervisor(tmp_path).env
    assert "GAE_ENV" not in env
    assert env["TELEPHONY_WS_URL"] == "ws://127.0.0.1:18082/phone"
    assert env["PEOPLE_API_URL"].startswith("http://127.0.0.1:18081/")
    assert len(seed_commands(Stage(18080, tmp_path, tmp_path))) == 7


async def test_a_tenant_with_its_own_pbx_keeps_it_and_the_demo_follows_its_port(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys.json")
    first, said = supervisor(tmp_path), list[str]()
    await first.seed()
    own = ("add-line", "--tenant", "acme", "--registrar", "127.0.0.1:5999")
    assert (await first._admin(own))[0] == 0
    stage = Stage(18180, tmp_path, tmp_path / "keys.json", "client-secret")
    second = Supervisor(stage, stage.environment({"PATH": os.environ["PATH"]}), said.append)
    await second.seed()
    assert said == ["  acme keeps its own PBX"]
    assert "127.0.0.1:5999" in (await second._admin(("show", "--tenant", "acme")))[1]
    assert "127.0.0.1:18190" in (await second._admin(("show", "--tenant", "zeta")))[1]


def test_the_administrators_commands_run_with_the_settings_of_the_run(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys.json")
    env = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path),
        "KEYS_FILE": str(tmp_path / "keys.json"),
        "PORT": "18080",
    }

    def admin(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "workbench", "admin", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout + done.stderr

    assert admin("add-tenant", "--id", "acme", "--name", "Acme", "--domain", "acme.example")[0] == 0
    assert admin("add-line", "--tenant", "acme", "--registrar", "127.0.0.1:5070")[0] == 0
    assert "127.0.0.1:5070" in admin("show", "--tenant", "acme")[1]
    assert admin("show", "--tenant", "nobody")[0] == 2


def make_run(tmp_path: Path, port: int, data: Path) -> subprocess.CompletedProcess[str]:
    env = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DATA_DIR": str(data),
        "KEYS_FILE": str(tmp_path / "keys.json"),
    }
    command = (sys.executable, "-m", "workbench", "run")
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)


def test_a_second_run_on_the_same_data_touches_nothing_of_the_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with held(data / "run.lock"):
        there = sorted(data.rglob("*"))
        second = make_run(tmp_path, 18280, data)
        assert second.returncode == 1 and f"{data} is in use by process {os.getpid()}" in second.stdout
        assert "another DATA_DIR" in second.stdout and sorted(data.rglob("*")) == there
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 18280))
            taken.listen()
            assert "DATA_DIR=.data2" in make_run(tmp_path, 18280, data).stdout


@pytest.mark.parametrize("kind", ["file", "nowhere"])
def test_a_data_folder_that_cannot_be_is_said_in_one_sentence(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    done = make_run(tmp_path, 18290, tmp_path / "file" if kind == "file" else Path("/proc/nope"))
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    assert "Set DATA_DIR to a folder that you may write" in done.stdout
