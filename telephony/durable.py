"""What makes a file survive a power loss: its own sync, and that of the folder which names it (fsync(2))."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class FolderInUse(Exception):
    """Another process works in this folder: start with another one, or end that process first."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(f"the data folder {folder} is in use by process {pid}: stop that one, or set another DATA_DIR")


@contextlib.contextmanager
def held(lock: Path) -> Iterator[None]:
    """This process alone works in the lock's folder until the end of the block or its own; raises FolderInUse."""
    make_folder(lock.parent)
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(lock.parent, os.read(fd, 20).decode(errors="replace").strip() or "?") from None
        os.ftruncate(fd, 0)
        os.write(fd, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """A private folder and its missing parents, each durably named by the one above; raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def write_all(fd: int, data: bytes) -> None:
    """Every byte, however many steps the disk takes; raises OSError."""
    while data:
        data = data[os.write(fd, data) :]


def replace_file(path: Path, data: bytes) -> None:
    """The whole new file or the whole old one under this name, whatever happens meanwhile; raises OSError."""
    fresh = path.with_suffix(".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    sync_folder(path.parent)
