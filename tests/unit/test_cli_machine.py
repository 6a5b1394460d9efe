"""What ``quickstart`` and ``init`` choose on a machine, and why they say so."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugin_lab import PENSTOCK, distribute

from penstock.cli.machine import choose_source, docker_address
from penstock.plugins import Plugins

SOURCE = """
from penstock.api import Source, hookimpl
class It(Source):
    name = "{name}"
    class Config(Source.Config, frozen=True, kw_only=True):
        start_at: str = "end"
        start_lines: int = 0
    async def run(self, out):
        return
@hookimpl
def penstock_sources():
    return [It]
"""


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose sockets have names that are short enough."""
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        yield Path(folder)


def test_the_docker_address_is_the_hosts_then_the_contexts_then_the_default(
    tmp_path: Path,
) -> None:
    name = "far"
    meta = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"Endpoints": {"docker": {"Host": "unix:///far.sock"}}}
    (meta / "meta.json").write_text(json.dumps(endpoint))
    environ = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://h:1"}
    assert docker_address(environ) == ("tcp://h:1", "DOCKER_HOST")
    del environ["DOCKER_HOST"]
    assert docker_address(environ)[0] == "unix:///var/run/docker.sock"
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": name}))
    assert docker_address(environ) == ("unix:///far.sock", "the context far")
    assert docker_address({**environ, "DOCKER_CONTEXT": "default"})[0].endswith("docker.sock")
    (meta / "meta.json").write_text("no json")
    assert docker_address(environ)[0] == "unix:///var/run/docker.sock"


@pytest.mark.parametrize("what", ["nothing", "file", "silent", "listening"])
def test_docker_is_chosen_if_somebody_answers(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name = f"penstock_fake_docker_{what}"
    site = short_folder / "site"
    distribute(site, "own", {"source-own": name}, {name: SOURCE.format(name="own")})
    monkeypatch.syspath_prepend(site)
    path = short_folder / "d.sock"
    server = socket.socket(socket.AF_UNIX)
    if what == "file":
        path.write_text("")
    elif what != "nothing":
        server.bind(str(path))
    if what == "listening":
        server.listen()
    choice = choose_source(Plugins(), {"DOCKER_HOST": f"unix://{path}"})
    server.close()
    reasons = {
        "nothing": f"there is no Docker socket at {path}",
        "file": f"{path} is not a socket",
        "silent": f"nobody answers at Docker's socket {path} (Connection refused)",
        "listening": f"Docker answers at unix://{path} (DOCKER_HOST)",
    }
    if choice.reason.startswith("the plugin for docker"):
        pytest.skip(choice.reason)
    assert choice.reason == reasons[what]
    assert choice.type == ("docker" if what == "listening" else "demo")


def test_a_socket_that_this_user_may_not_use_is_said(
    short_folder: Path,
) -> None:
    path = short_folder / "d.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o600)
        short_folder.chmod(0o755)
        plugins, root = Plugins(), os.geteuid() == 0
        choose_source(plugins, {"DOCKER_HOST": "unix:///none"})
        if root:
            os.seteuid(65534)
        else:
            path.chmod(0o000)
        try:
            choice = choose_source(plugins, {"DOCKER_HOST": f"unix://{path}"})
        finally:
            if root:
                os.seteuid(0)
    if choice.reason.startswith("the plugin for docker"):
        pytest.skip(choice.reason)
    assert choice.type == "demo"
    assert f"this user may not use Docker's socket {path}" in choice.reason


def test_quickstart_says_what_it_shows_and_stops_on_a_signal(tmp_path: Path) -> None:
    environ = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    argv = [*PENSTOCK, "quickstart"]
    child = subprocess.Popen(
        argv,
        env={**environ, "PENSTOCK_STATE_DIR": str(tmp_path / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert child.stdout is not None
    names = set()
    deadline = time.monotonic() + 20
    while len(names) < 3 and time.monotonic() < deadline:
        names.add(json.loads(child.stdout.readline())["resource"]["container.name"])
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=20)
    assert len(names) == 3
    assert child.returncode == 0
    assert said.startswith("quickstart: three demo containers: ")
    assert list(tmp_path.iterdir()) == []
