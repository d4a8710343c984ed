"""The host's scripts, run for real in a folder, with stand-ins for Google's metadata and for what changes the machine."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.render import pack_telephony
from telephony.config import read_config
from workbench.supervisor import make_keys

pytestmark = pytest.mark.pure
HOST = Path(__file__).parents[2] / "deploy" / "host"
VERSION = "projects/1/secrets/telephony-keys/versions/2"
# Google's answers by the end of the address; arguments are noted, as every process could see them.
CURL = """#!{python}
import json, sys
from pathlib import Path
world = json.loads(Path({world!r}).read_text())
url = sys.argv[-1]
with Path({log!r}).open("a") as log:
    log.write("curl " + " ".join(sys.argv[1:]) + "\\n")
answer = next((v for k, v in world.items() if url.endswith(k)), None)
if answer is None:
    sys.exit(22)
if "--config" in sys.argv and "Bearer TOKEN" not in sys.stdin.read():
    sys.exit(22)
content = Path(answer["file"]).read_bytes() if isinstance(answer, dict) else answer.encode()
if "-o" in sys.argv:
    Path(sys.argv[sys.argv.index("-o") + 1]).write_bytes(content)
else:
    sys.stdout.buffer.write(content)
"""
NOTED = '#!/bin/bash\necho "{name} $*" >> {log}\n{then}\n'
PYTHON = """#!/bin/bash
if [[ $1 == -m && $2 == venv ]]; then
  mkdir -p "$3/bin"
  printf '#!/bin/bash\\necho "pip $*" >> {log}\\n' > "$3/bin/pip"
  chmod +x "$3/bin/pip"
else
  exec {python} "$@"
fi
"""


class Machine:
    """A Debian of paper: its file system is a folder, its metadata a dict."""

    def __init__(self, folder: Path) -> None:
        self.root, self.log, self.world_file = folder / "root", folder / "log", folder / "world.json"
        self.programs = folder / "bin"
        for made in (
            *(self.root / "etc" / each for each in ("caddy", "sysctl.d", "apt/apt.conf.d", "systemd/system")),
            *(self.root / each for each in ("run/cticontrol", "var/lib", "opt", "dev/disk/by-id")),
            self.programs,
        ):
            made.mkdir(parents=True)
        (self.root / "etc" / "fstab").write_text("")
        self.log.write_text("")
        make_keys(folder / "keys.json")
        self.keys = (folder / "keys.json").read_text()
        self.packed = pack_telephony(folder)
        self.world: dict[str, object] = {
            "/token": json.dumps({"access_token": "TOKEN"}),
            "/keys-version": VERSION,
            f"{VERSION}:access": json.dumps({"payload": {"data": base64.b64encode(self.keys.encode()).decode()}}),
            "/releases-bucket": "p-releases",
            "/release": self.packed.file.name,
            "/release-sha256": self.packed.sha256,
            "?alt=media": {"file": str(self.packed.file)},
            "/addon-url": "https://voice.example.com",
            "/phone-host": "phone.example.com",
            "/pbx-networks": "",
            "/network-interfaces/0/ip": "10.20.0.2",
            "/external-ip": "203.0.113.7",
        }
        self._stand_ins()

    def _stand_ins(self) -> None:
        self.program("curl", CURL.format(python=sys.executable, world=str(self.world_file), log=str(self.log)))
        self.program("python3", PYTHON.format(python=sys.executable, log=self.log))
        silent = {"mountpoint": "exit 1", "blkid": "exit 2", "id": "exit 1"}
        for name in (
            "apt-get", "mkfs.ext4", "mount", "mountpoint", "blkid", "chown", "id", "useradd", "sysctl", "nft", "systemctl",
        ):  # fmt: skip
            self.program(name, NOTED.format(name=name, log=self.log, then=silent.get(name, "")))

    def program(self, name: str, text: str) -> None:
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        self.world_file.write_text(json.dumps(self.world))
        text = (HOST / script).read_text()
        for top in ("/opt/cticontrol", "/etc/", "/var/lib/cticontrol", "/run/cticontrol", "/dev/disk/"):
            text = text.replace(top, f"{self.root}{top}")
        self.log.write_text("")
        env = {"PATH": f"{self.programs}:/usr/bin:/bin", "TMPDIR": str(self.root)}
        return subprocess.run([shutil.which("bash") or "bash", "-c", text], env=env, capture_output=True, text=True)

    def said(self) -> str:
        return self.log.read_text()

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_bare_machine_becomes_the_host_and_the_service_takes_its_settings(machine: Machine) -> None:
    ran = machine.run("startup.sh")
    assert ran.returncode == 0, ran.stderr
    current = (machine.root / "opt/cticontrol/current").readlink()
    assert current.name == machine.packed.sha256 and (current / "telephony" / "__main__.py").exists()
    said = machine.said()
    for done in (
        "mkfs.ext4",
        "mount ",
        "useradd --system",
        "nft --check",
        "systemctl restart telephony",
        "pip install",
    ):
        assert done in said, done
    assert "phone.example.com {" in machine.read("etc/caddy/Caddyfile")
    assert "reverse_proxy 10.20.0.2:8082" in machine.read("etc/caddy/Caddyfile") and "@PHONE" not in machine.read(
        "etc/caddy/Caddyfile"
    )
    told = dict(line.split("=", 1) for line in machine.read("etc/cticontrol/telephony.env").splitlines())
    (machine.root / "run/cticontrol/keys.json").write_text(machine.keys)
    config = read_config(told)
    assert (config.bind, config.advertised_ip, config.port) == ("10.20.0.2", "203.0.113.7", 8082)
    assert config.addon_url == config.allowed_origin == "https://voice.example.com" and not config.dev


def test_the_next_boot_fetches_nothing_again_and_ends_no_call(machine: Machine) -> None:
    assert machine.run("startup.sh").returncode == 0
    assert machine.run("startup.sh").returncode == 0
    said = machine.said()
    assert "alt=media" not in said and "pip install" not in said and "restart telephony" not in said
    assert "systemctl start telephony" in said and machine.read("etc/fstab").count("cticontrol") == 1


def test_another_release_is_switched_to_and_the_old_one_stays_for_the_way_back(machine: Machine) -> None:
    assert machine.run("startup.sh").returncode == 0
    changed = machine.packed.file.read_bytes() + b"\0" * 512
    other = machine.root / "other.tar.gz"
    other.write_bytes(changed)
    digest = hashlib.sha256(changed).hexdigest()
    machine.world |= {"/release-sha256": digest, "?alt=media": {"file": str(other)}}
    ran = machine.run("startup.sh")
    assert ran.returncode == 0, ran.stderr
    assert (machine.root / "opt/cticontrol/current").readlink().name == digest
    assert (machine.root / "opt/cticontrol" / machine.packed.sha256 / ".complete").exists()
    assert "restart telephony" in machine.said()


def test_a_release_that_is_not_the_named_one_is_never_run(machine: Machine) -> None:
    assert machine.run("startup.sh").returncode == 0
    machine.world["/release-sha256"] = "0" * 64
    assert machine.run("startup.sh").returncode != 0
    assert (machine.root / "opt/cticontrol/current").readlink().name == machine.packed.sha256
    assert "systemctl" not in machine.said()
    assert not (machine.root / "opt/cticontrol" / ("0" * 64) / ".complete").exists()


@pytest.mark.parametrize("name", ["/release", "/release-sha256", "/phone-host"])
def test_metadata_that_is_missing_or_odd_changes_nothing(machine: Machine, name: str) -> None:
    for odd in (None, "", "a b", "$(reboot)", "x/../../etc", "<version>"):
        machine.world.pop(name, None)
        if odd is not None:
            machine.world[name] = odd
        assert machine.run("startup.sh").returncode != 0, odd
        assert "apt-get" not in machine.said()


def test_the_keys_are_the_services_alone_and_no_argument_holds_a_secret(machine: Machine) -> None:
    ran = machine.run("fetch-keys.sh")
    assert ran.returncode == 0, ran.stderr
    file = machine.root / "run/cticontrol/keys.json"
    assert file.read_text() == machine.keys and file.stat().st_mode & 0o777 == 0o400
    assert "TOKEN" not in machine.said() and json.loads(machine.keys)["lines"]["k1"] not in machine.said()
    assert "chown cticontrol:cticontrol" in machine.said()


def test_keys_that_cannot_be_fetched_stop_the_start_and_leave_what_was_there(machine: Machine) -> None:
    assert machine.run("fetch-keys.sh").returncode == 0
    file = machine.root / "run/cticontrol/keys.json"
    for broken in ({f"{VERSION}:access": "<html>"}, {"/token": "{}"}):
        kept = dict(machine.world)
        machine.world |= broken
        assert machine.run("fetch-keys.sh").returncode != 0
        machine.world = kept
        assert file.read_text() == machine.keys
    del machine.world["/keys-version"]
    assert machine.run("fetch-keys.sh").returncode != 0 and file.read_text() == machine.keys


def test_the_stand_ins_are_what_ran(machine: Machine) -> None:
    assert os.access(machine.programs / "systemctl", os.X_OK)
    assert machine.run("startup.sh").returncode == 0 and machine.said().count("apt-get") == 2
