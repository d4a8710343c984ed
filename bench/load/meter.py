"""What a server process and all its children use: CPU, memory, threads (Linux /proc)."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """One process tree."""

    def __init__(self, pid: int) -> None:
        self._root = pid

    def _pids(self) -> list[int]:
        found, left = [], [self._root]
        while left:
            pid = left.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                left += [int(child) for child in _text(children).split()]
        return found

    def cpu_seconds(self) -> float:
        """User and system time of all threads so far."""
        return sum(self._one_cpu(pid) for pid in self._pids())

    def _one_cpu(self, pid: int) -> float:
        fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0

    def memory_kb(self) -> int:
        """Proportional set size: shared pages count once over all who share them."""
        texts = [_text(Path(f"/proc/{pid}/smaps_rollup")) for pid in self._pids()]
        return sum(int(found[1]) for text in texts if (found := re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)))

    def threads(self) -> int:
        """Of all processes together."""
        return sum(len(os.listdir(f"/proc/{pid}/task")) for pid in self._pids() if Path(f"/proc/{pid}").exists())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
