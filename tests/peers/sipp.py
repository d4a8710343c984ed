"""Runs one sipp scenario in a folder of its own; its exit status is the verdict."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import scenarios
from tests.peers.programs import free_block, start, stop


@dataclass
class Sipp:
    """One run; with `service`, whom it calls at `target` (host:port), else it waits to be called at `port`."""

    folder: Path
    name: str
    steps: str
    service: str = ""
    target: str = ""
    seconds: int = 20
    port: int = field(default_factory=lambda: free_block(1))
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    async def __aenter__(self) -> Sipp:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.name}.xml"
        file.write_text(scenarios.document(self.name, self.steps))
        command = [
            "sipp", "-sf", str(file), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(self.port), "-t", "u1", "-m", "1", "-nostdin",
            "-timeout", f"{self.seconds}s", "-timeout_error",
            "-trace_msg", "-message_file", str(self.folder / f"{self.name}.msg"), "-trace_err", "-error_file", str(self.folder / f"{self.name}.err"),
        ]  # fmt: skip
        if self.service:
            command += ["-s", self.service, self.target]
        self.process = start(command, self.folder / f"{self.name}.log", folder=self.folder)
        if not self.service:
            await asyncio.sleep(0.3)
        return self

    async def verdict(self) -> None:
        """Wait for its end; raises AssertionError with what it complained about."""
        assert self.process is not None
        while self.process.poll() is None:
            await asyncio.sleep(0.05)
        if self.process.returncode != 0:
            said = "".join(f.read_text(errors="replace")[-3000:] for f in self.folder.glob(f"{self.name}.err"))
            talk = "".join(f.read_text(errors="replace")[-6000:] for f in self.folder.glob(f"{self.name}.msg"))
            raise AssertionError(f"sipp {self.name} ended with {self.process.returncode}:\n{said}\n{talk}")

    async def __aexit__(self, *_: object) -> None:
        stop(self.process)
