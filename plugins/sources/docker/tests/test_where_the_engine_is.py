"""Which engine is meant, and which container is our own."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from penstock.api import ConfigError
from penstock_source_docker.host import DEFAULT_HOST, NO_TLS, parse_address, resolve
from penstock_source_docker.own import own_container_id
from penstock_source_docker.stamps import find_stamp, parse_stamp, unix_time

ID = "ab" * 32


def test_the_setting_comes_first_then_docker_host_then_the_usual_socket() -> None:
    assert resolve("unix:///a.sock", NO_TLS, {"DOCKER_HOST": "unix:///b.sock"}).socket == "/a.sock"
    assert resolve("", NO_TLS, {"DOCKER_HOST": "unix:///b.sock"}).socket == "/b.sock"
    empty = {"DOCKER_CONFIG": "/nonexistent", "HOME": "/nonexistent"}
    assert resolve("", NO_TLS, empty).host == DEFAULT_HOST


def test_a_user_without_a_home_has_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert resolve("", NO_TLS, {}).host == DEFAULT_HOST


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("docker.sock", "unix:///path"),
        ("tcp://docker", "needs a name and a port"),
        ("tcp://docker:port", "Port could not be cast"),
        ("unix://relative", "no absolute path"),
        ("unix:///" + "x" * 200, "at most 107 bytes"),
        ("ssh://me@host", "forward the socket"),
    ],
)
def test_a_wrong_address_says_what_to_write(host: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        parse_address(host)


def test_our_own_container_is_found_by_its_mounts_not_by_its_host_name(tmp_path: Path) -> None:
    mount = f"99 1 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw"
    (tmp_path / "mountinfo").write_text(f"1 2 3 / / rw\n{mount}\n")
    (tmp_path / "cgroup").write_text("0::/\n")
    assert own_container_id(tmp_path) == ID


def test_our_own_container_is_found_by_its_cgroup(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("1 2 3 / / rw\n")
    (tmp_path / "cgroup").write_text(f"0::/system.slice/docker-{ID}.scope\n")
    assert own_container_id(tmp_path) == ID
    (tmp_path / "cgroup").write_text("0::/user.slice\n")
    assert own_container_id(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"1970-01-01T00:00:01.000000002Z", 1_000_000_002),
        (b"1970-01-01T00:00:01Z", 1_000_000_000),
        (b"1970-01-01T01:00:00.5+01:00", 500_000_000),
        (b"1970-01-01T00:00:01.000000002", None),
        (b"1970-13-01T00:00:01Z", None),
        (b"rubbish", None),
    ],
)
def test_times_as_engines_write_them(text: bytes, time: int | None) -> None:
    assert parse_stamp(text) == time


def test_a_stamp_is_found_within_other_bytes_and_written_with_nine_digits() -> None:
    data = b"xx Z 1970-01-01T00:00:01.000000002Z text"
    assert find_stamp(data, 0, len(data)) == (5, 1_000_000_002)
    assert unix_time(1_000_000_002) == "1.000000002"
