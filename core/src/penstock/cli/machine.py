"""What this machine has to read logs from: Docker, else the journal, else demo containers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from penstock.api.errors import ConfigError, PluginError
from penstock.plugins import Plugins

DEFAULT_DOCKER = "unix:///var/run/docker.sock"


class Choice(Struct, frozen=True):
    """A source for this machine, and why it is the one."""

    type: str
    reason: str


def choose_source(plugins: Plugins, environ: Mapping[str, str]) -> Choice:
    """Choose among the installed sources what this machine has."""
    address, origin = docker_address(environ)
    why_not_docker = _unusable(plugins, "docker") or _unreachable(address)
    if not why_not_docker:
        is_there = "answers" if address.startswith("unix://") else "is said to be"
        return Choice("docker", f"Docker {is_there} at {address} ({origin})")
    if not _unusable(plugins, "journald") and _has_journal():
        return Choice("journald", f"this machine has a journal, and {why_not_docker}")
    return Choice("demo", why_not_docker)


def docker_address(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the Docker address in force and what says so: DOCKER_HOST, the context, default."""
    if host := environ.get("DOCKER_HOST"):
        return host, "DOCKER_HOST"
    folder = Path(environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))
    name = environ.get("DOCKER_CONTEXT") or _read_json(folder / "config.json").get("currentContext")
    if not isinstance(name, str) or name == "default":
        return DEFAULT_DOCKER, "the default socket"
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = _read_json(folder / "contexts" / "meta" / digest / "meta.json")
    try:
        return str(meta["Endpoints"]["docker"]["Host"]), f"the context {name}"
    except (KeyError, TypeError):
        return DEFAULT_DOCKER, "the default socket"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _unusable(plugins: Plugins, type_: str) -> str:
    """Say why a source's plugin cannot be used, empty if it can."""
    try:
        plugins.component("source", type_)
    except PluginError as error:
        return f"the plugin for {type_} is broken ({error})"
    except ConfigError:
        return f"the plugin for {type_} is not installed"
    return ""


def _unreachable(address: str) -> str:
    """Say why Docker cannot be read at a unix socket; other addresses are taken at their word."""
    scheme, _, path = address.partition("://")
    if scheme != "unix":
        return ""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return f"{path} is not a socket"
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2.0)
            client.connect(path)
    except FileNotFoundError:
        return f"there is no Docker socket at {path}"
    except PermissionError:
        return f"this user may not use Docker's socket {path} (its group may: usually docker)"
    except OSError as error:
        return f"nobody answers at Docker's socket {path} ({error.strerror or error})"
    return ""


def _has_journal() -> bool:
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return False
    one_line = [journalctl, "--lines=1", "--quiet", "--output=cat", "--no-pager"]
    try:
        result = subprocess.run(one_line, capture_output=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(result.stdout.strip())
