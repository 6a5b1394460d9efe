"""Where the configuration and the state are, if nobody says so."""

from __future__ import annotations

import os
from collections.abc import Mapping

STANDARD_FILES = ("./penstock.toml", "/etc/penstock/penstock.toml")


def config_file(file: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the configuration to use: the one named, $PENSTOCK_CONFIG, or a standard one."""
    named = file or environ.get("PENSTOCK_CONFIG")
    if named:
        return named
    found = next((path for path in STANDARD_FILES if os.path.exists(path)), None)
    return found.removeprefix("./") if found else None


def state_dir(setting: str | None, environ: Mapping[str, str]) -> str:
    """Return the state folder: the file's, then the environment's, then this user's; "" is none."""
    if setting is not None:
        return os.path.expanduser(setting)
    if named := environ.get("PENSTOCK_STATE_DIR"):
        return named
    if systemd := environ.get("STATE_DIRECTORY"):
        return systemd.split(":")[0]
    if os.geteuid() == 0:
        return "/var/lib/penstock"
    home = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "penstock")
