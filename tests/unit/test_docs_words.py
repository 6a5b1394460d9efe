"""What documents say between their blocks: commands that exist, and no block that nobody runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import markdown
import pytest
from jsonschema import Draft202012Validator
from tests.conftest import WORKSPACE
from tests.system.parts.pages import Page, completed

from penstock.cli.main import main
from penstock.config.schema import file_schema
from penstock.plugins import Plugins
from penstock.telemetry import METRICS

INLINE = re.compile(r"(?<!`)`((?:penstock|make) [^`]+)`(?!`)")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)


@pytest.fixture(scope="module")
def documents(tracked: list[Path]) -> list[Path]:
    return [path for path in tracked if path.suffix == ".md"]


def test_every_block_is_fenced_so_that_it_is_run(documents: list[Path]) -> None:
    for path in documents:
        text = path.read_text()
        html = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists"])
        assert html.count("<pre>") == len(Page.read(path, WORKSPACE).blocks), path


def test_the_schema_accepts_every_configuration_that_is_shown(documents: list[Path]) -> None:
    validator = Draft202012Validator(file_schema(Plugins().discover()))
    shown = [block for path in documents for block in Page.read(path, WORKSPACE).blocks
             if block.language == "toml" and not {"file", "append"} & block.markers.keys()
             and "examples/plugins" not in block.page]  # fmt: skip
    for block in shown:
        values = tomllib.loads(block.text)
        if values.keys() & validator.schema["properties"].keys():
            whole = block.text if "pipelines" in values else completed(block.text, values)
            assert list(validator.iter_errors(tomllib.loads(whole))) == [], block.place


def test_every_metric_that_is_named_exists(documents: list[Path]) -> None:
    endings = {one.name.rpartition("_")[2] for one in METRICS}
    named = re.compile(rf"\bpenstock_[a-z_]+_(?:{'|'.join(endings)})\b")
    found = {name for path in documents for name in named.findall(path.read_text())}
    assert len(found) > 10
    assert found - {one.name for one in METRICS} == set()


def test_every_command_in_a_sentence_exists(documents: list[Path]) -> None:
    said = {(path.name, " ".join(words.split()), problem)
            for path in documents for words in INLINE.findall(path.read_text())
            for problem in problems(words)}  # fmt: skip
    assert said == set()


def test_the_architecture_names_every_part_of_core_and_every_folder_of_the_tests() -> None:
    text = (WORKSPACE / "docs/architecture.md").read_text()
    core = WORKSPACE / "core/src/penstock"
    parts = {f"{path.name}/" for path in core.iterdir() if path.is_dir()}
    parts |= {path.name for path in core.glob("*.py")} | {"api/authoring/"}
    parts |= {f"tests/{path.name}" for path in (WORKSPACE / "tests").iterdir() if path.is_dir()}
    parts -= {"__pycache__/", "tests/__pycache__", "__init__.py"}
    assert {part for part in parts if f"`{part}`" not in text} == set()
    files = re.findall(r"\b(?:bus|delivery|state|config)/\w+\.py", text)
    assert len(files) > 10
    assert [name for name in files if not (core / name).exists()] == []


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("penstock chek", "no command chek"),
        ("penstock dlq list|showw", "no command showw"),
        ("penstock check --conect FILE", "no option --conect"),
        ("penstock check --connect | head", ""),
        ("make documents", "no target documents"),
        ("make test TESTS=a", ""),
    ],
)
def test_what_does_not_exist_is_found(words: str, problem: str) -> None:
    assert list(problems(words)) == [problem] * bool(problem)


def problems(words: str) -> Iterator[str]:
    """Say what of a command does not exist; what is not lower case is a placeholder."""
    program, *rest = re.split(r" [|>;]", words)[0].replace("…", "").split()
    if program == "make":
        yield from _of_make(rest)
    else:
        yield from _of_penstock(rest)


def _of_make(words: list[str]) -> Iterator[str]:
    targets = set(TARGET.findall((WORKSPACE / "Makefile").read_text()))
    yield from (f"no target {w}" for w in words if "=" not in w and w not in targets)


def _of_penstock(words: list[str]) -> Iterator[str]:
    command: click.Command = main
    for word in words:
        option = re.match(r"\[?(--[a-z][a-z-]*)", word)
        if option and option[1] not in {*_options(command), "--help"}:
            yield f"no option {option[1]}"
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z|]+", word):
            context, names = click.Context(command), word.split("|")
            found = {name: command.get_command(context, name) for name in names}
            yield from (f"no command {name}" for name, one in found.items() if one is None)
            command = found[names[0]] or click.Command(word)


def _options(command: click.Command) -> set[str]:
    found = {name for one in command.params for name in one.opts}
    return found | {name for one in main.params for name in one.opts}
