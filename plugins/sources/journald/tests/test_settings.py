from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock.api import ConfigError, Context, TlsSettings
from penstock.testing import configured
from penstock_source_journald.own import own_entries
from penstock_source_journald.source import Journald


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"matches": {"priority": "3"}}, "capital letters"),
        ({"directory": "/a", "url": "http://host:19531"}, "directory and url: only one"),
        ({"url": "host:19531"}, "http://host:19531"),
        ({"url": "http://"}, "http://host:19531"),
        ({"units": ["a\0b"]}, "zero byte"),
    ],
)
def test_settings_that_no_journal_can_mend(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        configured(Journald, settings)


async def test_without_journalctl_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = configured(Journald, {})
    with pytest.raises(ConfigError, match="no journalctl on this machine: install systemd"):
        await source.open()
    await source.close()


async def test_tls_that_would_protect_nothing_is_refused() -> None:
    source = configured(Journald, {"url": "http://127.0.0.1:9"})
    source.context = Context(tls=TlsSettings(ca_file="ca.pem"))
    with pytest.raises(ConfigError, match="tls is set, but the address begins with http://"):
        await source.open()
    await source.close()


def proc(folder: Path, cgroup: str, mountinfo: str = "") -> Path:
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/self/cgroup").write_text(f"0::{cgroup}\n")
    (folder / "proc/self/mountinfo").write_text(mountinfo)
    return folder


def test_a_service_knows_its_unit(tmp_path: Path) -> None:
    root = proc(tmp_path, "/system.slice/penstock.service")
    own = own_entries({"INVOCATION_ID": "12"}, root)
    assert (own.unit, own.unit_field, own.invocation) == (
        b"penstock.service",
        b"_SYSTEMD_UNIT",
        b"12",
    )


def test_a_users_service_knows_its_unit(tmp_path: Path) -> None:
    path = "/user.slice/user-1000.slice/user@1000.service/app.slice/penstock.service"
    own = own_entries({"INVOCATION_ID": "12"}, proc(tmp_path, path))
    assert (own.unit, own.unit_field) == (b"penstock.service", b"_SYSTEMD_USER_UNIT")


@pytest.mark.parametrize("path", ["/user.slice/user-0.slice/session-1.scope", "/init.scope"])
def test_a_login_session_is_no_unit_of_its_own(tmp_path: Path, path: str) -> None:
    assert own_entries({}, proc(tmp_path, path)).unit == b""


def test_in_a_container_its_id_counts_and_no_process_id(tmp_path: Path) -> None:
    mounts = f"1 2 0:1 /var/lib/docker/containers/{'c0' * 32}/hostname /etc/hostname rw"
    own = own_entries({}, proc(tmp_path, "/", mounts))
    assert (own.container, own.pid) == (b"c0" * 32, b"")
