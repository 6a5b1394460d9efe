"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from tests.system.parts.require import find


def describe() -> dict[str, str]:
    """Processor, versions and the date."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "dockerd": _version("dockerd", "--version"),
        "rsyslogd": _version("rsyslogd", "-v"),
        "curl": _version("curl", "--version"),
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _version(program: str, option: str) -> str:
    path = find(program)
    if not path:
        return "not installed"
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    return done.stdout.split("\n", 1)[0].strip()
