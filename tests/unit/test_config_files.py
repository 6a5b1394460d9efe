"""Files that cannot be read or parsed: one clear line each."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.admin.folder import find_folder
from penstock.api import ConfigError
from penstock.cli.machine import docker_address
from penstock.config.load import load
from penstock.config.paths import config_file, state_dir

NOBODY = 65534
RUNS = """[sources.demo]
[sinks.console]
[pipelines.main]
sources = ["demo"]
sinks = ["console"]
"""


def only_error(path: Path | str) -> str:
    found = load(str(path), environ={})
    assert found.plan is None
    assert len(found.errors) == 1
    assert "\n" not in found.errors[0]
    return found.errors[0]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Become a user whom permissions hold back."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert only_error(tmp_path / "none.toml") == f"{tmp_path}/none.toml: no such file"


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder: name the file in it" in only_error(tmp_path)


@pytest.mark.parametrize("which", ["file", "folder"])
def test_a_file_without_permission(which: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="penstock-"))
    folder.chmod(0o755)
    file = folder / "penstock.toml"
    file.write_text("")
    file.chmod(0o000)
    folder.chmod(0o755 if which == "file" else 0o700)
    try:
        if which == "folder" and os.geteuid() != 0:
            folder.chmod(0o000)
        with unprivileged():
            error = only_error(file)
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)
    expected = "no permission to read it" if which == "file" else "no permission to look into"
    assert expected in error


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_bytes(b"# one\n# two\n# caf\xe9\n")
    assert only_error(file).startswith(f"{file}:3: not UTF-8")


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_bytes(b"\xef\xbb\xbf[pipelines]\n")
    assert "no pipeline" in only_error(file)


def test_a_file_without_an_end() -> None:
    assert "not a configuration" in only_error("/dev/zero")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[sources.demo]\nrate = fast\n", 2, "text needs quotes"),
        ("[sources.demo]\nrate: 5\n", 2, 'write key = "value"'),
        ("[sources.demo]\n[sources.demo]\n", 2, "join the two"),
        ("a = 1\nb = 1\na = 2\n", 3, "remove one of the two"),
        ('path = "C:\\q"\n', 1, "use single quotes"),
        ("\n[sources.demo\n", 2, "close the table's name"),
        ("list = [\n1,\n", 2, "close the list"),
        ("text = '''\nabc\n", 2, "close the string"),
        ('text = "abc\n', 1, "close the string"),
        ("a = " + "[" * 5000, 0, "nested too deeply"),
        ("a = 1" + "0" * 5000, 0, "digits"),
    ],
)
def test_what_is_not_toml(tmp_path: Path, text: str, line: int, words: str) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(text)
    error = only_error(file)
    assert error.startswith(f"{file}:{line}: not TOML: " if line else f"{file}: ")
    assert words in error


def test_a_file_that_all_may_change_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text("")
    file.chmod(0o666)
    assert load(str(file)).warnings == (
        f"{file}: warning: every user may change this file: chmod o-w",
    )
    file.chmod(0o664)
    assert load(str(file)).warnings == ()


def test_the_file_is_the_one_named_then_the_environments_then_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"PENSTOCK_CONFIG": "env.toml"}
    assert config_file("a.toml", environ) == "a.toml"
    assert config_file(None, environ) == "env.toml"
    (tmp_path / "penstock.toml").write_text("")
    assert config_file(None, environ) == "env.toml"
    assert config_file(None, {"PENSTOCK_CONFIG": ""}) == "penstock.toml"


def test_a_user_without_a_home_is_told_to_name_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    file = tmp_path / "penstock.toml"
    file.write_text("[penstock]\nstate_dir = '~/kept'\n" + RUNS)
    (error,) = load(str(file), environ={}).errors
    assert error.startswith(f"{file}:2: penstock.state_dir: there is no home folder for ~/kept")
    assert load(str(file), environ=None).errors == ()
    with pytest.raises(ConfigError, match="no home folder"):
        find_folder(None, str(file), {})
    with unprivileged(), pytest.raises(ConfigError, match="no home folder"):
        state_dir(None, {})
    assert docker_address({}) == ("unix:///var/run/docker.sock", "the default socket")


def test_the_state_is_where_the_file_says_then_the_environment_then_the_users_own() -> None:
    environ = {
        "PENSTOCK_STATE_DIR": "/p",
        "STATE_DIRECTORY": "/s:/t",
        "XDG_STATE_HOME": "/x",
        "HOME": "/h",
    }
    assert state_dir("/file", environ) == "/file"
    assert state_dir("~/kept", environ) == os.path.expanduser("~/kept")
    assert state_dir("", environ) == ""
    assert state_dir(None, environ) == "/p"
    del environ["PENSTOCK_STATE_DIR"]
    assert state_dir(None, environ) == "/s"
    del environ["STATE_DIRECTORY"]
    with unprivileged():
        assert state_dir(None, environ) == "/x/penstock"
    if os.geteuid() == 0:
        assert state_dir(None, environ) == "/var/lib/penstock"
