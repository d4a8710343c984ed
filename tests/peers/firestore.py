"""Google's Firestore emulator on a free port: found, started, frozen and ended by its process alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from addon.adapters.firestore_documents import connect
from tests.peers import programs

MAIN = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
START_SECONDS = 60.0
HINT = (
    "the Firestore emulator is missing: gcloud components install cloud-firestore-emulator"
    " (or FIRESTORE_EMULATOR_JAR=/path/to/cloud-firestore-emulator.jar), and a Java runtime"
)


def jar() -> Path | None:
    """FIRESTORE_EMULATOR_JAR, else the one of the gcloud on PATH."""
    if named := os.environ.get("FIRESTORE_EMULATOR_JAR"):
        return Path(named) if Path(named).is_file() else None
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    folder = Path(gcloud).resolve().parents[1] / "platform" / "cloud-firestore-emulator"
    return next(iter(sorted(folder.glob("*.jar"))), None)


def missing() -> str:
    """The hint, "" when all is here."""
    return "" if jar() and shutil.which("java") else HINT


class Emulator:
    """A running emulator; `host` is what a client dials."""

    def __init__(self, log: Path, port: int = 0) -> None:
        found = jar()
        if found is None:
            raise FileNotFoundError(HINT)
        self._log = log
        self.port = port or programs.free_block(1)
        self.host = f"127.0.0.1:{self.port}"
        command = ["java", "-Xmx512m", "-cp", str(found), MAIN, "--host", "127.0.0.1", "--port", str(self.port)]
        self._process: subprocess.Popen[bytes] = programs.start(command, log)
        self._await()

    def _await(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://{self.host}/", timeout=2).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                self._warm()
                return
        self.stop()
        raise TimeoutError(f"the emulator does not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def _warm(self) -> None:
        """The first transaction loads the half of the emulator; a product's deadline is not made for that."""
        store = connect("warm", emulator=self.host, deadline_seconds=START_SECONDS)
        store.run(lambda transaction: (transaction.get("a/b"), transaction.put("a/b", {})))

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, from the moment that every thread stands."""
        self._process.send_signal(signal.SIGSTOP)
        threads = Path(f"/proc/{self._process.pid}/task")
        while any(_state(thread) != "T" for thread in threads.iterdir()):
            time.sleep(0.01)

    def thaw(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Gone at once, with all it kept."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End this process alone."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
        programs.stop(self._process)


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]
