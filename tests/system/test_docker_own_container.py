"""Penstock in a container reads every other one, and never itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from penstock_source_docker.own import own_container_id
from tests.system.parts.engine import Engine
from tests.system.parts.runner import PROGRAM
from tests.system.parts.waiting import eventually

CONFIG = """
[penstock]
state_dir = ""
[sources.docker]
host = "{host}"
start_at = "beginning"
[sinks.console]
format = "json"
[pipelines.main]
sources = ["docker"]
sinks = ["console"]
"""


def volumes(*folders: Path | str) -> list[str]:
    """Options that show folders of this machine to a container, under their own names."""
    there = {str(Path(folder)) for folder in folders if Path(folder).exists()}
    return [part for folder in sorted(there) for part in ("--volume", f"{folder}:{folder}")]


@pytest.mark.parametrize("options", [(), ("--hostname", "web-1")], ids=["plain", "hostname"])
def test_its_own_container_is_left_out(
    docker_engine: Engine, tmp_path: Path, workspace: Path, options: tuple[str, ...]
) -> None:
    config = tmp_path / "penstock.toml"
    config.write_text(CONFIG.format(host=docker_engine.host))
    system = ("/usr", "/lib", "/lib64", sys.base_prefix, sys.prefix, workspace)
    own = docker_engine.run(
        "router",
        f"exec {sys.executable} {PROGRAM} run {config}",
        options=(*volumes(*system, tmp_path, docker_engine.folder), *options),
    )
    other = docker_engine.run("other", "seq 100; exec sleep 600")

    def read(container: str) -> list[str]:
        printed, _ = docker_engine.logs(own)
        events = [json.loads(line) for line in printed]
        return [
            event["message"] for event in events if event["resource"]["container.id"] == container
        ]

    eventually(lambda: len(read(other)) >= 100, "the other container was read", 30)
    # What it prints would come back to it as what it reads, again and again.
    docker_engine.docker("restart", other)
    eventually(lambda: len(read(other)) >= 200, "the other container was read again", 30)
    assert read(own) == []
    printed, said = docker_engine.logs(own)
    assert len(printed) == 200
    assert not [line for line in said if "ERROR" in line]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--hostname", "web-1"),
        ("--hostname", "a" * 12, "--pid", "host"),
        ("--cgroupns", "host"),
        ("--volume", "/etc/hostname:/etc/hostname"),
        ("--read-only",),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_a_container_knows_its_id(
    docker_engine: Engine, tmp_path: Path, options: tuple[str, ...]
) -> None:
    proc = tmp_path / "self"
    proc.mkdir()
    container = docker_engine.run(
        "asked", "cat /proc/self/mountinfo", options=options, detach=False
    )
    (proc / "mountinfo").write_text("\n".join(docker_engine.logs(container)[0]))
    assert own_container_id(proc) == container


ID = "3f2a" * 16


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("cgroup", f"12:pids:/docker/{ID}\n0::/system.slice\n"),
        ("cgroup", f"0::/system.slice/docker-{ID}.scope\n"),
        ("cgroup", f"1:name=systemd:/machine.slice/libpod-{ID}.scope\n"),
        (
            "mountinfo",
            "755 736 0:25 /containers/storage/overlay-containers/"
            f"{ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n",
        ),
        (
            "mountinfo",
            f"9 8 8:1 /var/lib/docker/containers/{ID}/resolv.conf /etc/resolv.conf rw - ext4 / rw",
        ),
    ],
)
def test_where_else_it_is_found(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert own_container_id(tmp_path) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"9 8 8:1 /var/lib/docker/overlay2/{ID}/merged / rw - overlay overlay rw",
        f"9 8 8:1 /srv/{ID[:-1]}/hostname /etc/hostname rw - ext4 / rw",
        "0::/user.slice/user-1000.slice/session-2.scope",
    ],
)
def test_what_is_no_sign_of_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "mountinfo").write_text(text)
    (tmp_path / "cgroup").write_text(text)
    assert own_container_id(tmp_path) is None
