"""Say which real part is missing: a skip, or a failure where ``CI=true``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

INSTALL = "tests/system/install-parts"


def cache_folder() -> Path:
    """Folder outside the checkout for what is unpacked and not installed."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "penstock-tests"


def find(program: str) -> str | None:
    """Path of a program, looking in the system folders as well."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def require(part: str) -> None:
    """Go on if the part is here; else skip with the reason, or fail in CI."""
    reason = _CHECKS[part]()
    if reason is None:
        return
    reason = f"{part}: {reason} ({INSTALL} installs it on Debian, as root)"
    _fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)


def _fail(reason: str) -> NoReturn:
    pytest.fail(f"a real part is missing in CI: {reason}", pytrace=False)


def _programs(*names: str) -> str | None:
    missing = [name for name in names if find(name) is None]
    return f"no {', '.join(missing)} on this machine" if missing else None


def _docker() -> str | None:
    if os.geteuid() != 0:
        return "a private engine needs root"
    return _programs("dockerd", "containerd", "runc", "docker", "busybox", "unshare")


def _tls() -> str | None:
    if list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so")):
        return _programs("rsyslogd")
    return "rsyslog's gtls driver is not installed"


def _journald() -> str | None:
    if not Path("/lib/systemd/systemd-journald").exists():
        return "no systemd-journald on this machine"
    return _docker()


def _journal_remote() -> str | None:
    programs = ("systemd-journal-remote", "systemd-journal-gatewayd")
    missing = [name for name in programs if not Path("/lib/systemd", name).exists()]
    if missing:
        return f"no {', '.join(missing)} on this machine"
    return _programs("journalctl", "systemd-socket-activate")


def _syslog_ng() -> str | None:
    if (cache_folder() / "syslog-ng/usr/sbin/syslog-ng").exists():
        return None
    return _programs("syslog-ng")


_CHECKS: dict[str, Callable[[], str | None]] = {
    "docker": _docker,
    "journald": _journald,
    "journal-remote": _journal_remote,
    "nginx": lambda: _programs("nginx"),
    "redis": lambda: _programs("redis-server"),
    "rsyslog": lambda: _programs("rsyslogd"),
    "rsyslog-tls": _tls,
    "syslog-ng": _syslog_ng,
}
