"""Which state folder a command means."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.admin.folder import find_folder
from penstock.api import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "penstock.toml"
    path.write_text('[penstock]\nstate_dir = "/of/file"\n[sinks.x]\ntype = "no such type"\n')
    return path


def test_the_option_comes_first(file: Path) -> None:
    environ = {"PENSTOCK_STATE_DIR": "/of/environment"}
    assert find_folder("/of/option", str(file), environ) == "/of/option"
    assert find_folder("", str(file), environ) == ""


def test_then_the_environment(file: Path) -> None:
    environ = {"PENSTOCK_STATE_DIR": "/of/environment"}
    assert find_folder(None, str(file), environ) == "/of/environment"


def test_then_the_file_whatever_else_is_wrong_in_it(file: Path) -> None:
    assert find_folder(None, str(file), {}) == "/of/file"
    assert find_folder(None, None, {"PENSTOCK_CONFIG": str(file)}) == "/of/file"


def test_then_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "penstock.toml").write_text("[sources.demo]\n")
    assert find_folder(None, None, {"STATE_DIRECTORY": "/of/systemd"}) == "/of/systemd"


def test_the_file_in_the_working_folder_counts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert find_folder(None, None, {}) == "/of/file"


def test_values_are_filled_in(file: Path) -> None:
    file.write_text('[penstock]\nstate_dir = "${HERE}/state"\n')
    assert find_folder(None, str(file), {"HERE": "/over"}) == "/over/state"


def test_nothing_is_nothing(file: Path) -> None:
    file.write_text('[penstock]\nstate_dir = ""\n')
    assert find_folder(None, str(file), {}) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[penstock]\nstate_dir = "${HERE}"\n', "HERE"),
        ("[penstock]\nstate_dir = 5\n", "a string"),
        ("[penstock\n", "not TOML"),
        ('[penstock\nstate_dir = "a"\nstate_dir = "b"\n', "not TOML"),
        ('[penstock\nstate_dir = "a\\\\b"\n', "not TOML"),
        ("[penstock\nstate_dir = \n", "not TOML"),
    ],
)
def test_a_file_that_does_not_tell_is_an_error(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        find_folder(None, str(file), {})


@pytest.mark.parametrize(
    "text",
    [
        '[penstock]\nstate_dir = "/kept"  # was: state_dir = "/old"\n[sinks.x\n',
        "[penstock]\r\n  state_dir='/kept'\r\nstate_dirs\r\n",
        '# state_dir = "/old"\npenstock.state_dir = "/kept"\nx = oops\n',
    ],
)
def test_a_file_that_somebody_is_at_work_on_still_tells(file: Path, text: str) -> None:
    file.write_text(text)
    assert find_folder(None, str(file), {}) == "/kept"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        find_folder(None, str(tmp_path / "none.toml"), {})
