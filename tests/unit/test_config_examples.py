"""The example files, and the one that ``init`` writes, are right."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from penstock.config.load import load
from penstock.config.schema import file_schema
from penstock.plugins import Plugins

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_check_accepts_the_example(file: Path) -> None:
    found = load(str(file), environ=None, unused=True)
    assert (found.errors, found.broken, found.warnings) == ((), (), ())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_schema_accepts_the_example(file: Path) -> None:
    validator = Draft202012Validator(file_schema(Plugins().discover()))
    assert list(validator.iter_errors(tomllib.loads(file.read_text()))) == []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_example_says_what_it_is_for(file: Path) -> None:
    assert file.read_text().startswith("# ")
