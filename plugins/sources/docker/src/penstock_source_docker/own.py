"""Finds the container that Penstock itself runs in, so that it never reads its own log."""

from __future__ import annotations

import re
from pathlib import Path

# The engine mounts these three files into every container, whatever its network or cgroup. The
# host name would be the id as well, but only until somebody sets another.
_MOUNT = re.compile(r"/([0-9a-f]{64})/(?:userdata/)?(?:hostname|hosts|resolv\.conf)\b")
_CGROUP = re.compile(r"(?:docker|libpod|containers?)[-/]([0-9a-f]{64})(?:\.scope)?$")


def own_container_id(proc: Path = Path("/proc/self")) -> str | None:
    """Return the id of the container that this process runs in, None outside of one."""
    return _first(proc / "mountinfo", _MOUNT) or _first(proc / "cgroup", _CGROUP)


def _first(path: Path, pattern: re.Pattern[str]) -> str | None:
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return None
    found = (pattern.search(line) for line in text.splitlines())
    return next((match[1] for match in found if match), None)
