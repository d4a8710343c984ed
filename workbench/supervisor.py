"""Starts the product's programs, waits until all are healthy, and stops them and only them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import json
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from telephony.durable import FolderInUse, held
from workbench.cast import CLIENT_ID, PLAYERS, SERVICE_ACCOUNT, TENANTS, WEB_CLIENT_ID, password_of

HEALTHY_SECONDS = 45
LINES_SECONDS = 15
STOP_SECONDS = 8
SHORTEST_LIFE_SECONDS = 3.0
LOG_LINES = 15
LOCK = "run.lock"
PURPOSES = ("addon-to-telephony", "telephony-to-addon", "tickets", "web", "lines")
Say = Callable[[str], None]
_LINE = re.compile(r"^line \S+ (\S+) over .* revision ", re.MULTILINE)


class CannotRun(Exception):
    """Something outside the product is in the way; the text says what and the way out."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Ports and folders of one run; everything is on 127.0.0.1."""

    port: int
    data: Path
    keys_file: Path
    client_secret: str = field(repr=False, default="")

    @property
    def base(self) -> str:
        """The add-on."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def bench(self) -> str:
        """The workbench."""
        return f"http://127.0.0.1:{self.port + 1}"

    @property
    def telephony(self) -> str:
        """The telephony service."""
        return f"http://127.0.0.1:{self.port + 2}"

    @property
    def pbx_port(self) -> int:
        """The demo PBX, UDP."""
        return self.port + 10

    @property
    def pbx_address(self) -> str:
        """The demo PBX's host and port."""
        return f"127.0.0.1:{self.pbx_port}"

    @property
    def demo_note(self) -> Path:
        """Where a run notes the demo PBX's address, so that the next one knows a line that is not the demo's."""
        return self.data / "demo-pbx"

    @property
    def issuer_key(self) -> Path:
        """Where the token issuer keeps its key."""
        return self.keys_file.parent / "workbench-issuer.pem"

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """What every child is told."""
        kept = {k: v for k, v in inherited.items() if k != "GAE_ENV"}
        return kept | {
            "PORT": str(self.port),
            "BASE_URL": self.base,
            "DATA_DIR": str(self.data),
            "KEYS_FILE": str(self.keys_file),
            "TELEPHONY_URL": self.telephony,
            "TELEPHONY_WS_URL": self.telephony.replace("http", "ws") + "/phone",
            "ADDON_SERVICE_ACCOUNT": SERVICE_ACCOUNT,
            "OAUTH_CLIENT_ID": CLIENT_ID,
            "WEB_CLIENT_ID": WEB_CLIENT_ID,
            "WEB_CLIENT_SECRET": self.client_secret,
            "GOOGLE_CERTS_URL": self.bench + "/oauth2/certs",
            "GOOGLE_ISSUER": "https://accounts.google.com",
            "GOOGLE_AUTH_URL": self.bench + "/oauth2/auth",
            "GOOGLE_TOKEN_URL": self.bench + "/oauth2/token",
            "GMAIL_API_URL": self.bench + "/google/gmail",
            "PEOPLE_API_URL": self.bench + "/google/people",
            "DEV": "1",
            "TELEPHONY_PORT": str(self.port + 2),
            "BIND": "127.0.0.1",
            "ADDON_URL": self.base,
            "ALLOWED_ORIGIN": self.base,
            "ADVERTISED_IP": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        }


def check_ports(stage: Stage) -> None:
    """Raises CannotRun naming every port that somebody else holds."""
    wanted = [
        (stage.port, socket.SOCK_STREAM, "the add-on"),
        (stage.port + 1, socket.SOCK_STREAM, "the workbench"),
        (stage.port + 2, socket.SOCK_STREAM, "telephony"),
        (stage.pbx_port, socket.SOCK_DGRAM, "the demo PBX"),
    ]
    taken = []
    for port, kind, who in wanted:
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                why = "in use" if error.errno == errno.EADDRINUSE else (error.strerror or "refused")
                taken.append(f"  port {port} ({who}): {why}")
    if taken:
        free = stage.port + 1000 if stage.port < 60000 else 18080
        way_out = f"Choose another block of ports: PORT={free} make run"
        if (stage.data / LOCK).exists():
            way_out += f"\nTo run a second one beside the first, give it a data folder of its own too: PORT={free} DATA_DIR=.data2 make run"
        raise CannotRun("\n".join([*taken, way_out]))


@contextlib.contextmanager
def data_folder(stage: Stage) -> Iterator[None]:
    """The data folder for this run alone; raises CannotRun when it cannot be, or is another run's."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(held(stage.data / LOCK))
        except FolderInUse as error:
            raise CannotRun(f"  {error}") from error
        except OSError as error:
            raise CannotRun(
                f"  {error.filename}: {error.strerror}. Set DATA_DIR to a folder that you may write"
            ) from error
        yield


def make_keys(path: Path) -> bool:
    """Random keys for every purpose, mode 0600; True when the file was made now."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    keys = {purpose: {"k1": base64.b64encode(secrets.token_bytes(32)).decode()} for purpose in PURPOSES}
    with os.fdopen(handle, "w") as file:
        json.dump(keys, file, indent=1)
    return True


def seed_commands(stage: Stage, own_pbx: frozenset[str] = frozenset()) -> list[tuple[list[str], str]]:
    """Arguments of `python -m addon admin` that make the sample tenants, users and lines, with what each reads.

    Tenants with an own PBX in place of the demo one keep its line, extensions and passwords.
    """
    commands = [
        (["add-tenant", "--id", tenant, "--name", name, "--domain", domain, "--region", region], "")
        for tenant, (name, domain, region) in TENANTS.items()
    ]
    demo = [tenant for tenant in TENANTS if tenant not in own_pbx]
    commands += [(["add-line", "--tenant", t, "--registrar", stage.pbx_address], "") for t in demo]
    for p in (player for player in PLAYERS.values() if player.tenant in demo):
        user = ["add-user", "--tenant", p.tenant, "--id", p.sub, "--name", p.name, "--email", p.email]
        user += ["--extension", p.extension, *(["--desk", p.desk] if p.desk else []), "--password-stdin"]
        commands.append((user, password_of(p.extension)))
    return commands


@dataclass(slots=True)
class Child:
    """One running program and its log."""

    name: str
    log: Path
    process: asyncio.subprocess.Process
    command: tuple[str, ...]
    started_at: float

    def last_lines(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join(f"  | {line}" for line in lines) or "  | (the log is empty)"


@dataclass(slots=True)
class Supervisor:
    """Children of one run; `say` prints for people."""

    stage: Stage
    env: Mapping[str, str]
    say: Say
    children: list[Child] = field(default_factory=list)

    async def start(self, name: str, *command: str) -> Child:
        """Start a child in its own process group; its output goes to DATA_DIR/logs."""
        log = self.stage.data / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        again = any(child.name == name for child in self.children)
        with log.open("ab" if again else "wb") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=dict(self.env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        child = Child(name, log, process, command, asyncio.get_running_loop().time())
        self.children = [other for other in self.children if other.name != name] + [child]
        self.say(f"  {'started again' if again else 'started'}: {name} (pid {process.pid}, log {log})")
        return child

    async def _admin(self, arguments: Sequence[str], typed: str = "") -> tuple[int, str]:
        """Exit status and output of one `python -m addon admin`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "addon", "admin", *arguments),
            env=dict(self.env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate(f"{typed}\n".encode())
        return process.returncode or 0, out.decode(errors="replace")

    async def _has_own_pbx(self, tenant: str, demo: str) -> bool:
        _, shown = await self._admin(("show", "--tenant", tenant))
        lines = _LINE.findall(shown)
        return bool(lines) and demo not in lines

    async def seed(self) -> None:
        """Create tenants, users and lines through the add-on's own commands; what an administrator set stays."""
        note, own = self.stage.demo_note, frozenset[str]()
        if note.exists():
            demo = note.read_text()
            found = await asyncio.gather(*(self._has_own_pbx(tenant, demo) for tenant in TENANTS))
            own = frozenset(tenant for tenant, other in zip(TENANTS, found, strict=True) if other)
            for tenant in own:
                self.say(f"  {tenant} keeps its own PBX")
        for arguments, typed in seed_commands(self.stage, own):
            status, shown = await self._admin(arguments, typed)
            if status:
                raise CannotRun(f"`python -m addon admin {' '.join(arguments)}` failed:\n{shown[-1500:]}")
        note.write_text(self.stage.pbx_address)

    async def died(self) -> Child:
        """The first child that ends by itself."""
        while True:
            for child in self.children:
                if child.process.returncode is not None:
                    return child
            await asyncio.sleep(0.2)

    async def keep_running(self) -> Child:
        """Start again what ends by itself; returns the child that ends as soon as it is started."""
        while True:
            child = await self.died()
            lived_seconds = asyncio.get_running_loop().time() - child.started_at
            if lived_seconds < SHORTEST_LIFE_SECONDS:
                return child
            self.say("\n" + ended(child))
            await self.start(child.name, *child.command)

    async def _answers(self, url: str, seconds: float) -> AsyncIterator[tuple[int, Any]]:
        """Status and JSON of `url`, again and again for so long; raises CannotRun when a child ends meanwhile."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while asyncio.get_running_loop().time() < deadline:
                for child in self.children:
                    if child.process.returncode is not None:
                        raise CannotRun(ended(child))
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                    async with session.get(url) as reply:
                        yield reply.status, await reply.json()
                await asyncio.sleep(0.2)

    async def healthy(self, name: str, url: str) -> None:
        """Wait until `url` answers 200; raises CannotRun with the log of whoever is in the way."""
        async for status, _ in self._answers(url, HEALTHY_SECONDS):
            if status == 200:
                return
        child = next(c for c in self.children if c.name == name)
        raise CannotRun(
            f"{name} is not healthy after {HEALTHY_SECONDS} s ({urlsplit(url).path}):\n{child.last_lines()}"
        )

    async def all_parts(self, url: str) -> None:
        """Wait until every part that the add-on pings is ok; a PBX that stays away is said, anything else is CannotRun."""
        parts: dict[str, str] = {}
        loop = asyncio.get_running_loop()
        started = loop.time()
        async for _, health in self._answers(url, HEALTHY_SECONDS):
            parts = {name: said for name, said in health["parts"].items() if said != "ok"}
            if not parts:
                return
            if set(parts) == {"lines"} and loop.time() - started > LINES_SECONDS:
                self.say(f"  no line is registered: {parts['lines']}. See `python -m workbench admin check-line`.")
                return
        raise CannotRun(f"after {HEALTHY_SECONDS} s not every part is healthy: {parts or 'no answer'}")

    async def stop(self) -> None:
        """SIGTERM to each child, SIGKILL after a while; nobody else is touched."""
        for child in reversed(self.children):
            _signal_group(child, signal.SIGTERM)
        for child in reversed(self.children):
            try:
                await asyncio.wait_for(child.process.wait(), STOP_SECONDS)
            except TimeoutError:
                _signal_group(child, signal.SIGKILL)
                await child.process.wait()


def _signal_group(child: Child, number: signal.Signals) -> None:
    if child.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, number)


def ended(child: Child) -> str:
    """A sentence about a child that is gone, with its last words."""
    return (
        f"{child.name} ended by itself (exit status {child.process.returncode}). Its last lines:\n{child.last_lines()}"
    )


def addon_command(port: int, workers: int = 1) -> tuple[str, ...]:
    """gunicorn on loopback; without its control socket, which it would put into the home directory."""
    return (
        *(sys.executable, "-m", "gunicorn", "main:app", "--bind", f"127.0.0.1:{port}"),
        *("--workers", str(workers), "--threads", "8", "--graceful-timeout", "5", "--no-control-socket"),
    )


async def start_all(supervisor: Supervisor) -> None:
    """Start the programs in the order in which they need each other."""
    stage, python = supervisor.stage, sys.executable
    await supervisor.start("pbx", python, "-m", "workbench", "pbx", "--port", str(stage.pbx_port))
    await supervisor.start("workbench", python, "-m", "workbench", "site")
    await supervisor.healthy("workbench", stage.bench + "/healthz")
    await supervisor.start("addon", *addon_command(stage.port))
    await supervisor.start("telephony", python, "-m", "telephony")
    await supervisor.healthy("addon", stage.base + "/healthz")
    await supervisor.healthy("telephony", stage.telephony + "/healthz")
    await supervisor.all_parts(stage.base + "/healthz")


async def run(supervisor: Supervisor) -> int:
    """The whole product until Ctrl-C, SIGTERM, or a child's death; the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        check_ports(supervisor.stage)
        with data_folder(supervisor.stage):
            return await _until(supervisor, stop)
    except CannotRun as error:
        supervisor.say(f"Cannot run:\n{error}")
        return 1


async def _until(supervisor: Supervisor, stop: asyncio.Event) -> int:
    stage, say, loop = supervisor.stage, supervisor.say, asyncio.get_running_loop()
    try:
        if make_keys(stage.keys_file):
            say(f"  made new keys in {stage.keys_file}")
        say("  preparing the sample tenants ...")
        await supervisor.seed()
        starting = loop.create_task(start_all(supervisor))
        stopping = loop.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            return 0
        await starting
        say(f"\nReady. Open {stage.bench}/   (Ctrl-C stops everything)")
        death = loop.create_task(supervisor.keep_running())
        await asyncio.wait({death, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            say("\n" + ended(death.result()))
            return 1
        death.cancel()
        return 0
    finally:
        await supervisor.stop()
        if supervisor.children:
            say("stopped.")
