"""Knows Penstock's own entries, so that it never reads its own log."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from penstock_source_journald.entry import Entry, Fields

# The engine mounts these files into every container, whatever its network or cgroup.
_MOUNT = re.compile(r"/([0-9a-f]{64})/(?:userdata/)?(?:hostname|hosts|resolv\.conf)\b")
_SERVICE = re.compile(r"^0::(?:.*/(user@[^/]*)/)?.*?([^/]+\.service)(?:/[^/]*)?$", re.MULTILINE)


class Own(Struct, frozen=True, kw_only=True):
    """By what the entries of this process, its unit or its container are known.

    A process id counts on this boot since the process began, a unit's name on this machine; an
    invocation and a container are unique anywhere. What is empty is not known.
    """

    pid: bytes = b""
    boot: bytes = b""
    began: int = 0
    """In microseconds of Unix time."""
    invocation: bytes = b""
    container: bytes = b""
    machine: bytes = b""
    unit: bytes = b""
    unit_field: bytes = b"_SYSTEMD_UNIT"

    def may_have_written(self, fields: Fields) -> bool:
        """Say whether an entry with these fields is Penstock's own, if its time agrees."""
        get = fields.get
        if self.pid and get(b"_PID") == self.pid and get(b"_BOOT_ID") == self.boot:
            return True
        if self.container and get(b"CONTAINER_ID_FULL") == self.container:
            return True
        if not self.invocation:
            return False
        if get(b"_SYSTEMD_INVOCATION_ID") == self.invocation:
            return True
        is_unit = bool(self.unit) and get(self.unit_field) == self.unit
        return is_unit and get(b"_MACHINE_ID") == self.machine

    def wrote(self, entry: Entry) -> bool:
        """Say whether an entry is Penstock's own, which its fields allow."""
        others = replace(self, pid=b"")
        if others.may_have_written(entry.block.fields):
            return True
        return int(entry.time) >= self.began


def own_entries(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Own:
    """Return what knows the entries of this process.

    Its unit counts only where it is a service of its own (systemd says so by ``INVOCATION_ID``): a
    login session holds other programs as well.
    """
    invocation = environ.get("INVOCATION_ID", "").encode()
    if match := _MOUNT.search(_read(root / "proc/self/mountinfo")):
        return Own(container=match[1].encode(), invocation=invocation)
    user, unit = "", ""
    if invocation and (service := _SERVICE.search(_read(root / "proc/self/cgroup"))):
        user, unit = service[1], service[2]
    boot = boot_id(root).encode()
    return Own(
        pid=b"%d" % os.getpid() if boot else b"",
        boot=boot,
        began=_began(root),
        invocation=invocation,
        machine=_read(root / "etc/machine-id").strip().encode(),
        unit=b"" if unit.startswith("user@") else unit.encode(),
        unit_field=b"_SYSTEMD_USER_UNIT" if user else b"_SYSTEMD_UNIT",
    )


def boot_id(root: Path = Path("/")) -> str:
    """Return the id of this boot as the journal writes it, empty if it is not known."""
    return _read(root / "proc/sys/kernel/random/boot_id").strip().replace("-", "")


def _began(root: Path) -> int:
    """Return when this process began; 0 if that is not known."""
    try:
        ticks = int(_read(root / "proc/self/stat").rpartition(")")[2].split()[19])
        uptime = float(_read(root / "proc/uptime").split()[0])
    except (ValueError, IndexError):
        return 0
    age = uptime - ticks / os.sysconf("SC_CLK_TCK")
    return int((time.time() - age - 1.0) * 1e6)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
