"""The state folder: one process at a time, and plain words where it cannot be used."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.api import ConfigError
from penstock.state.folder import StateFolder


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "some" / "where")
    folder.take()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {path.parent for path in (folder.database, folder.socket)} == {folder.path}
    folder.leave()


def test_a_second_process_is_refused_and_told_whose_it_is(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.take()
    code = (
        "import sys; from pathlib import Path; from penstock.state.folder import StateFolder\n"
        "StateFolder(Path(sys.argv[1])).take()"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    second = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    assert second.returncode != 0
    assert f"{tmp_path} is in use by another Penstock (process {os.getpid()})" in second.stderr
    folder.leave()
    assert subprocess.run(argv, check=False, capture_output=True, timeout=60).returncode == 0


def test_who_was_refused_leaves_the_lock_to_its_holder(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path), StateFolder(tmp_path)
    first.take()
    for _ in range(3):
        with pytest.raises(ConfigError, match="in use by another Penstock"):
            second.take()
    second.leave()
    with pytest.raises(ConfigError):
        second.take()
    first.leave()
    first.leave()
    second.take()
    second.leave()


def test_a_lock_of_a_process_that_died_is_free(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194304 and some more that nobody wrote")
    folder = StateFolder(tmp_path)
    folder.take()
    assert (tmp_path / "lock").read_text() == str(os.getpid())
    folder.leave()


def test_a_path_that_cannot_be_a_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            ConfigError, match=r"state_dir .*file.* cannot be used: .*PENSTOCK_STATE_DIR"
        ):
            StateFolder(path).take()


def test_a_lock_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(ConfigError, match="cannot be used"):
        StateFolder(tmp_path).take()
