"""Where the configuration and the state are, if nobody says so."""

from __future__ import annotations

import os
from collections.abc import Mapping

from penstock.api.errors import ConfigError

STANDARD_FILES = ("./penstock.toml", "/etc/penstock/penstock.toml")


def config_file(file: str | None, environ: Mapping[str, str]) -> str | None:
    """Return the configuration to use: the one named, $PENSTOCK_CONFIG, or a standard one."""
    named = file or environ.get("PENSTOCK_CONFIG")
    if named:
        return named
    found = next((path for path in STANDARD_FILES if os.path.exists(path)), None)
    return found.removeprefix("./") if found else None


def state_dir(setting: str | None, environ: Mapping[str, str]) -> str:
    """Return the state folder: the file's, then the environment's, then this user's; "" is none.

    ``ConfigError``: this user has no home folder to put it in.
    """
    if setting is not None:
        return _from_home(setting)
    if named := environ.get("PENSTOCK_STATE_DIR"):
        return named
    if systemd := environ.get("STATE_DIRECTORY"):
        return systemd.split(":")[0]
    if os.geteuid() == 0:
        return "/var/lib/penstock"
    home = environ.get("XDG_STATE_HOME") or _from_home("~/.local/state")
    return os.path.join(home, "penstock")


def _from_home(path: str) -> str:
    found = os.path.expanduser(path)
    if found.startswith("~"):
        raise ConfigError(
            f"there is no home folder for {path} (user id {os.geteuid()}): name another folder in "
            "[penstock] state_dir or $PENSTOCK_STATE_DIR"
        )
    return found
