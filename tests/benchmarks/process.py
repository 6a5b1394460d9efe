"""What the kernel says of processes: CPU, memory, and who else was at work."""

from __future__ import annotations

import os
import threading
import time
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SAMPLE_S = 0.01


def cpu_seconds(pid: int, *, reaped: bool = False) -> float:
    """User and system time of a process with all of its threads; 0 if it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11 : 15 if reaped else 13])) * TICK_S
    return 0.0


def resident_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory in MB of 1024 KiB; ``VmHWM`` for the most it ever was."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def written_bytes(pid: int) -> int:
    """How many bytes a process has handed to write calls."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("wchar:"):
            return int(line.split()[1])
    return 0


def belonging(*words: str) -> set[int]:
    """Processes with one of the words in their command line or cgroup."""
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            text = entry.joinpath("cmdline").read_bytes() + entry.joinpath("cgroup").read_bytes()
            if any(word.encode() in text for word in words):
                found.add(int(entry.name))
    return found


def machine_seconds() -> tuple[float, float]:
    """Busy time of all cores, and what the hypervisor took, since boot."""
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq) * TICK_S, steal * TICK_S


class Foreign:
    """The cores that others used since construction: busy time that is none of ours."""

    def __init__(self, ours: set[int]) -> None:
        self._cpu = {pid: cpu_seconds(pid, reaped=True) for pid in ours | {os.getpid()}}
        self._busy, self._steal = machine_seconds()
        self._start = time.monotonic()

    def add(self, pid: int) -> None:
        """Count a process that has just been started as ours."""
        self._cpu[pid] = 0.0

    def cores(self) -> float:
        """How many cores others kept busy, the hypervisor's share included."""
        busy, steal = machine_seconds()
        mine = (cpu_seconds(pid, reaped=True) - before for pid, before in self._cpu.items())
        other = busy - self._busy + steal - self._steal - sum(max(0.0, used) for used in mine)
        return max(0.0, other) / (time.monotonic() - self._start)


class Sampler(threading.Thread):
    """A process's CPU over time, so that it can be read for the span between two events."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.max_rss_mb = 0.0
        self._pid = pid
        self._stopped = threading.Event()
        self._times: list[float] = []
        self._cpu: list[float] = []
        self.start()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            if cpu := cpu_seconds(self._pid):
                self._times.append(time.monotonic())
                self._cpu.append(cpu)

    def stop(self) -> None:
        self._stopped.set()
        self.join()
        with suppress(FileNotFoundError):
            self.max_rss_mb = resident_mb(self._pid, "VmHWM")

    @property
    def last(self) -> float:
        """CPU seconds in all."""
        return self._cpu[-1]

    def at(self, moment: float) -> float:
        """CPU seconds used by a moment of the monotonic clock (the sample before it)."""
        return self._cpu[max(0, bisect_right(self._times, moment) - 1)]
