"""Every file that is deployed fits the program that it is for, and Google's and Debian's own checkers where they are there."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from gunicorn.config import Config as Gunicorn

from addon.adapters.gcs_objects import LIFECYCLE
from addon.config import SETTINGS as ADDON
from addon.jobs.schedule import schedule
from addon.ports.tasks import Job, Scheduled
from deploy.accounts import ACCOUNTS, GRANTS
from deploy.addon_steps import cron
from deploy.foundation import PURPOSES, TELEPHONY_PURPOSES
from deploy.host_steps import DOORS, UDP_PORTS
from deploy.pins import page
from deploy.project import read_project
from deploy.render import app_yaml, pack_telephony, stage_addon
from telephony.config import _PURPOSES
from telephony.config import SETTINGS as TELEPHONY
from tests.deploy.test_apply import Operator, deployed

__all__ = ["deployed"]
pytestmark = pytest.mark.pure
ROOT = Path(__file__).parents[2]
DEPLOY, HOST = ROOT / "deploy", ROOT / "deploy" / "host"
VALUES = {
    name: f"x-{name}"
    for name in re.findall(r"\$\{(\w+)\}", (DEPLOY / "app.yaml").read_text())
} | {"min_instances": "1", "max_instances": "4"}  # fmt: skip
# The keys of app.yaml for the standard environment (App Engine reference, app.yaml).
KEYS = {
    "runtime", "service", "service_account", "app_engine_apis", "instance_class", "entrypoint", "automatic_scaling",
    "handlers", "env_variables",
}  # fmt: skip
SCALING = {"min_instances", "max_instances", "max_concurrent_requests"}


def read_app_yaml() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(app_yaml(VALUES))
    return found


def test_app_yaml_has_keys_that_app_engine_knows_and_serves_by_https_only() -> None:
    found = read_app_yaml()
    assert set(found) == KEYS and set(found["automatic_scaling"]) == SCALING
    assert found["runtime"] == "python311" and found["handlers"] == [
        {"url": "/.*", "script": "auto", "secure": "always"}
    ]
    assert all(isinstance(value, str) for value in found["env_variables"].values())


def test_app_yaml_sets_what_the_add_on_needs_and_nothing_that_it_does_not_know() -> None:
    told = set(read_app_yaml()["env_variables"])
    needed = {name for name, _, default, _ in ADDON if default.startswith("required")} - {"WEB_CLIENT_SECRET"}
    assert needed | {"KEYS_SECRET", "WEB_CLIENT_SECRET_VERSION"} <= told
    assert told - {name for name, *_ in ADDON} == set()
    assert told & {"DEV", "GAE_ENV", "PORT", "WEB_CLIENT_SECRET", "KEYS_FILE", "FIRESTORE_EMULATOR_HOST"} == set()


def test_gunicorn_takes_the_entrypoint() -> None:
    program, *words = shlex.split(read_app_yaml()["entrypoint"].replace("$PORT", "8080"))
    parsed = Gunicorn().parser().parse_args(words)
    assert program == "gunicorn" and parsed.args == ["main:app"] and (parsed.workers, parsed.threads) == (2, 8)
    assert read_app_yaml()["automatic_scaling"]["max_concurrent_requests"] == parsed.workers * parsed.threads


def test_what_is_staged_runs_without_the_rest_of_the_tree(tmp_path: Path) -> None:
    first = stage_addon(tmp_path / "a", VALUES)
    assert first == stage_addon(tmp_path / "b", VALUES) and re.fullmatch(r"v[0-9a-f]{12}", first)
    assert first != stage_addon(tmp_path / "c", {**VALUES, "base_url": "https://other.example"})
    staged = {str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()}
    assert {"main.py", "app.yaml", "requirements.txt", "web/icons/logo-256.png"} <= staged
    assert [n for n in staged if n.startswith(("tests", "telephony/", "workbench", "web/workbench", "bench"))] == []
    script = "import addon.wiring, addon.__main__, addon.adapters.firestore_documents, addon.adapters.gcs_objects, addon.adapters.cloud_tasks"
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path / "a", capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_hosts_archive_runs_without_the_rest_of_the_tree(tmp_path: Path) -> None:
    packed = pack_telephony(tmp_path)
    assert pack_telephony(tmp_path) == packed
    with tarfile.open(packed.file) as archive:
        members = archive.getmembers()
        archive.extractall(tmp_path / "x", filter="data")
    assert {(m.uid, m.gid, m.mtime) for m in members} == {(0, 0, 0)}
    assert {"host/startup.sh", "host/constraints.txt", "telephony/requirements.txt"} <= {m.name for m in members}
    ran = subprocess.run(
        [sys.executable, "-c", "import telephony.__main__"], cwd=tmp_path / "x", capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def test_the_lifecycle_file_is_the_adapters() -> None:
    assert json.loads((DEPLOY / "lifecycle.json").read_text()) == LIFECYCLE


def test_the_example_is_a_project_once_it_has_a_web_client() -> None:
    text = (DEPLOY / "project.toml.example").read_text()
    assert read_project(text).web_client_id == "" and set(tomllib.loads(text)) >= {"project", "region", "phone_host"}


def test_the_clock_says_each_interval_of_the_schedule_or_refuses() -> None:
    assert [cron(row) for row in schedule()] == ["* * * * *", "*/10 * * * *"]
    for seconds in (30, 90, 420, 3600):
        with pytest.raises(ValueError, match="cannot be said"):
            cron(Scheduled("x", seconds, Job.SWEEP))


def test_each_role_is_small_has_its_reason_and_stands_in_the_document() -> None:
    document = (ROOT / "docs" / "DEPLOY.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(roles/[\w.]+)` \| ([^|]+) \| ([^|]+) \|$", document, re.MULTILINE)
    assert [tuple(cell.strip() for cell in row) for row in rows] == [(g.part, g.role, g.on, g.why) for g in GRANTS]
    basic = ("roles/owner", "roles/editor", "roles/viewer", "Admin", ".admin")
    assert [g.role for g in GRANTS if any(word in g.role for word in basic)] == []
    assert {g.part for g in GRANTS} <= set(ACCOUNTS) and [g.part for g in GRANTS if g.on == "project"] == ["addon"]


def test_the_programs_purposes_are_those_of_their_secrets() -> None:
    from addon.config import PURPOSES as NEEDED

    assert (PURPOSES, TELEPHONY_PURPOSES) == (NEEDED, _PURPOSES)


@pytest.mark.parametrize("script", sorted(p.name for p in HOST.glob("*.sh")))
def test_scripts_are_bash(script: str) -> None:
    text = (HOST / script).read_text()
    assert text.startswith("#!/bin/bash\n") and "set -euo pipefail" in text and os.access(HOST / script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(HOST / script)], check=False).returncode == 0


@pytest.mark.parametrize("script", sorted(p.name for p in HOST.glob("*.sh")))
def test_shellcheck_finds_nothing(script: str) -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is missing: apt-get install shellcheck")
    ran = subprocess.run(["shellcheck", str(HOST / script)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_the_host_tells_telephony_every_setting_that_it_has(tmp_path: Path) -> None:
    text = (HOST / "startup.sh").read_text()
    block = re.search(r"telephony\.env << END\n(.*?)\nEND\n", text, re.DOTALL)
    assert block is not None
    told = dict(line.split("=", 1) for line in block[1].splitlines())
    laptop = {"DEV", "GAE_ENV"}
    assert set(told) - {"PYTHONUNBUFFERED"} == {name for name, *_ in TELEPHONY} - laptop


def test_metadata_that_the_host_asks_for_is_what_the_machine_is_told(deployed: Any) -> None:
    asked = set(re.findall(r"instance/attributes/([\w-]+)", (HOST / "startup.sh").read_text()))
    asked |= set(re.findall(r"instance/attributes/([\w-]+)", (HOST / "fetch-keys.sh").read_text()))
    told = {item["key"] for item in deployed.state["machines"]["telephony"]["metadata"]["items"]}
    assert asked == told - {"startup-script", "enable-oslogin", "block-project-ssh-keys"}
    items = {i["key"]: i["value"] for i in deployed.state["machines"]["telephony"]["metadata"]["items"]}
    assert items["keys-version"].endswith("/secrets/telephony-keys/versions/1")


def test_one_range_of_ports_is_given_out_and_let_in() -> None:
    low, high = UDP_PORTS.split("-")
    assert f"net.ipv4.ip_local_port_range = {low} {high}" in (HOST / "sysctl.conf").read_text()
    rules = (HOST / "nftables.conf").read_text()
    assert f"udp dport {UDP_PORTS} accept" in rules and "policy drop" in rules
    let_in = {port for _, allowed, _, _ in DOORS for port in allowed}
    assert let_in == {"tcp:80", "tcp:443", "tcp:22", f"udp:{UDP_PORTS}"}
    assert {source for name, _, source, _ in DOORS if name == "telephony-ssh"} == {"35.235.240.0/20"}
    assert "35.235.240.0/20 tcp dport 22" in rules and int(high) < 60999 and not int(low) <= 8082 <= int(high)


def test_nft_takes_the_rules() -> None:
    if not shutil.which("nft") or os.geteuid():
        pytest.skip("nftables is missing (apt-get install nftables) or this is not root")
    ran = subprocess.run(["nft", "--check", "--file", str(HOST / "nftables.conf")], capture_output=True, text=True)
    if "Operation not permitted" in ran.stderr or "cache initialization failed" in ran.stderr:
        assert "syntax error" not in ran.stderr  # the kernel is not asked in a confined container; the grammar is
        return
    assert ran.returncode == 0, ran.stderr


def test_the_front_passes_on_what_proves_its_caller_and_nothing_else() -> None:
    tree = ast.parse((ROOT / "telephony" / "api.py").read_text())
    routes = {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"get", "post"}
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and str(node.args[0].value).startswith("/")
    }
    passed = re.search(r"@ours path (.*)", (HOST / "Caddyfile").read_text())
    assert passed is not None
    assert routes == {"/commands", "/presence/{tenant}/{user}", "/healthz", "/phone"}
    assert set(passed[1].split()) == {"/phone", "/commands", "/presence/*"}


def test_caddy_takes_its_file(tmp_path: Path) -> None:
    if not shutil.which("caddy"):
        pytest.skip("caddy is missing: apt-get install caddy")
    text = (
        (HOST / "Caddyfile").read_text().replace("@PHONE_HOST@", "phone.example").replace("@BACKEND@", "10.0.0.2:8082")
    )
    (tmp_path / "Caddyfile").write_text(text)
    ran = subprocess.run(
        ["caddy", "adapt", "--config", str(tmp_path / "Caddyfile"), "--validate"],
        env={**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_systemd_takes_the_unit_and_finds_it_well_confined(tmp_path: Path) -> None:
    unit = (HOST / "telephony.service").read_text()
    assert "\nUser=cticontrol\n" in unit and "\nNoNewPrivileges=yes\n" in unit
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is missing: apt-get install systemd")
    here = re.sub(r"/opt/cticontrol/current/(host|\.venv/bin)/\S+", "/bin/true", unit)
    (tmp_path / "telephony.service").write_text(here)
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "telephony.service")], capture_output=True, text=True
    )
    own = [line for line in ran.stderr.splitlines() if "telephony.service" in line]
    assert own == [], own
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", str(tmp_path / "telephony.service")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


def test_the_host_installs_exactly_what_the_tests_run_with() -> None:
    text = (HOST / "constraints.txt").read_text()
    assert text == page(), "python -m deploy.pins writes it"
    assert {"aiortc==1.16.0", "aioice==0.13.0"} <= set(text.splitlines()) and text.count("==") >= 20


def test_gcloud_itself_knows_every_command_and_flag(tmp_path: Path, deployed: Any) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is missing: https://cloud.google.com/sdk/docs/install")
    commands = {
        "gcloud " + " ".join(shlex.quote(word) for word in words)
        for words in [*deployed.asked, *_drifted(tmp_path, deployed)]
        if words[0] != "rest"
    }
    (tmp_path / "commands.json").write_text(json.dumps([{"command_string": each} for each in sorted(commands)]))
    env = {**os.environ, "CLOUDSDK_CONFIG": str(tmp_path / "config"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    ran = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-file={tmp_path / 'commands.json'}"],
        env=env, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    verdicts = json.loads(ran.stdout)
    wrong = [f"{v['command_string']}: {v['error_message']}" for v in verdicts if not v["success"]]
    assert len(verdicts) == len(commands) >= 90 and wrong == []


def _drifted(tmp_path: Path, deployed: Any) -> list[tuple[str, ...]]:
    """The commands that change what is there but different."""
    from tests.deploy.test_apply import DRIFTS, again

    google = again(deployed)
    for drift in DRIFTS.values():
        drift(google.state)
    Operator(tmp_path).applies(google)
    return list(google.asked)


def test_the_document_names_the_address_that_sign_in_comes_back_to_and_the_settings_of_the_example() -> None:
    from addon.doors.sign_in import CALLBACK

    document = (ROOT / "docs" / "DEPLOY.md").read_text()
    assert f"`BASE_URL{CALLBACK}`" in document
    assert [
        word for word in ("project.toml.example", "--dry-run", "--web-client-secret-file") if word not in document
    ] == []
    paths = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", document))
    assert [path for path in paths if not path.startswith(("roles/", "BASE_URL/")) and not (ROOT / path).exists()] == []
