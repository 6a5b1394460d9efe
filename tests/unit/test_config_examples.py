"""The example files are right, for `check` and for editors."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from penstock.config.load import load
from penstock.config.schema import file_schema
from penstock.plugins import Plugins

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))
VALIDATOR = Draft202012Validator(file_schema(Plugins().discover()))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_check_accepts_the_example(file: Path) -> None:
    found = load(str(file), environ=None, unused=True)
    assert (found.errors, found.broken, found.warnings) == ((), (), ())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_schema_accepts_the_example(file: Path) -> None:
    assert list(VALIDATOR.iter_errors(tomllib.loads(file.read_text()))) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_example_says_what_it_is_for(file: Path) -> None:
    assert file.read_text().startswith("# ")


MISTAKES = {
    "a key that is not known": ("sinks", lambda table: table.update(adress="x")),
    "a value of another kind": ("sinks", lambda table: table.update(batch={"max_events": "many"})),
    "a value out of bounds": ("sinks", lambda table: table.update(batch={"max_events": 0})),
    "a type that is not there": ("sinks", lambda table: table.update(type="nowhere")),
    "a source with a sink's keys": ("sources", lambda table: table.update(retry={})),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_schema_refuses_the_example_with_a_mistake(file: Path, mistake: str) -> None:
    group, change = MISTAKES[mistake]
    values = tomllib.loads(file.read_text())
    change(next(iter(values[group].values())))
    errors = list(VALIDATOR.iter_errors(values))
    assert [error.json_path.split(".")[1].split("[")[0] for error in errors] == [group]
