"""What ``penstock init`` writes: a configuration, and the schema that editors check it by."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from penstock.cli.init import SCHEMA_LINE, SOURCES, file_text
from penstock.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    return tmp_path


def penstock(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_first_line_names_the_schema_beside_the_file(folder: Path) -> None:
    assert penstock("init").exit_code == 0
    lines = (folder / "penstock.toml").read_text().splitlines()
    assert lines[0] == SCHEMA_LINE == "#:schema ./penstock.schema.json"
    assert (folder / lines[0].removeprefix("#:schema ")).is_file()


def test_the_schema_is_that_of_penstock_schema_and_accepts_the_file(folder: Path) -> None:
    penstock("init")
    text = (folder / "penstock.schema.json").read_text()
    assert text == penstock("schema").stdout
    validator = Draft202012Validator(json.loads(text))
    values = tomllib.loads((folder / "penstock.toml").read_text())
    assert list(validator.iter_errors(values)) == []
    values["sinks"]["console"]["frmat"] = "json"
    assert [error.json_path for error in validator.iter_errors(values)] == ["$.sinks.console"]


@pytest.mark.parametrize("source", SOURCES)
def test_what_it_writes_is_right_with_every_comment_turned_into_a_setting(
    folder: Path, source: str
) -> None:
    text = file_text(source)
    settings = re.sub(r"^# (?=\[|[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert tomllib.loads(settings) != tomllib.loads(text)
    validator = Draft202012Validator(json.loads(penstock("schema").stdout))
    for written in (text, settings):
        (folder / "penstock.toml").write_text(written)
        checked = penstock("check", "--no-env")
        assert checked.exit_code == 0, checked.output
        assert list(validator.iter_errors(tomllib.loads(written))) == []


def test_the_schema_goes_where_the_file_goes(folder: Path) -> None:
    (folder / "etc").mkdir()
    result = penstock("init", "etc/mine.toml")
    assert sorted(path.name for path in folder.rglob("*.*")) == [
        "mine.toml",
        "penstock.schema.json",
    ]
    assert "wrote etc/penstock.schema.json" in result.stderr


def test_a_schema_that_is_there_is_left_and_said_how_to_renew(folder: Path) -> None:
    (folder / "penstock.schema.json").write_text("mine")
    result = penstock("init")
    assert result.exit_code == 0
    assert (folder / "penstock.schema.json").read_text() == "mine"
    assert "penstock schema > penstock.schema.json" in result.stderr


def test_a_configuration_that_is_there_gets_no_schema_either(folder: Path) -> None:
    (folder / "penstock.toml").write_text("mine")
    assert penstock("init").exit_code == 1
    assert [path.name for path in folder.iterdir()] == ["penstock.toml"]


def test_half_a_schema_is_not_left_behind(folder: Path) -> None:
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (8192, 8192)); "
        "from penstock.cli.main import main; main(['init'])"
    )
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert "penstock.schema.json cannot be written: File too large" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["penstock.toml"]
