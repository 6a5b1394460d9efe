"""The generated pages are there, as the code has them, and complete."""

from __future__ import annotations

import ast
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from docs.making import pictures, reference
from docs.making.reference import outcomes
from tests.conftest import Member

import penstock.api
import penstock.http
import penstock.testing
from penstock import telemetry
from penstock.api import Outcome, hooks
from penstock.cli.main import main
from penstock.config.schema import file_schema
from penstock.config.settings import settings_of
from penstock.plugins import COMMON_KEYS, Plugins
from penstock.telemetry import METRICS, Metric


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


def test_every_page_is_as_the_code_has_it() -> None:
    found = reference.differences()
    assert not found, f"run `{reference.COMMAND}`: {', '.join(found)}"


def test_every_picture_is_as_it_is_drawn() -> None:
    drawn = pictures.pictures()
    there = {path.name: path.read_text() for path in pictures.FOLDER.iterdir()}
    assert there == drawn, f"run `{reference.COMMAND}`"
    for svg in drawn.values():
        root = ElementTree.fromstring(svg)
        assert root.findtext("{http://www.w3.org/2000/svg}title")


def test_a_stale_a_missing_and_a_needless_page_are_noticed(
    tmp_path: Path, pages: dict[str, str]
) -> None:
    for name, text in pages.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert reference.differences(tmp_path) == []
    (tmp_path / "metrics.md").write_text("old")
    (tmp_path / "outcomes.md").unlink()
    (tmp_path / "more.md").write_text("")
    assert reference.differences(tmp_path) == [
        "metrics.md is stale",
        "more.md is made from nothing any more",
        "outcomes.md is missing",
    ]


def test_every_plugin_has_a_page_with_every_setting(pages: dict[str, str], plugin: Member) -> None:
    assert plugin.plugin is not None
    kind, type_ = plugin.plugin
    text = pages[f"plugins/{kind}-{type_}.md"]
    settings = settings_of(Plugins().component(kind, type_).Config)
    for one in settings:
        assert one.description, f"{kind} {type_}: {one.name} has no description"
        assert f"| `{one.name}` |" in text
    assert f"(plugins/{kind}-{type_}.md)" in pages["plugins.md"]


def test_every_readme_has_the_settings_of_its_plugin_and_no_others(plugin: Member) -> None:
    assert plugin.plugin is not None
    text = (plugin.folder / "README.md").read_text()
    section = text.partition("## Settings\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)
    said = {word for cell in cells for word in re.findall(r"`(\w+)`", cell)}
    settings = {one.name for one in settings_of(Plugins().component(*plugin.plugin).Config)}
    assert settings <= said
    assert said <= settings | set(COMMON_KEYS)


def test_every_key_of_core_is_there_with_what_it_is(pages: dict[str, str]) -> None:
    schema = file_schema(Plugins().discover())
    sink = schema["$defs"]["sink-syslog"]["properties"]
    tables = [schema["properties"][name] for name in ("penstock", "admin")]
    tables.append(schema["properties"]["pipelines"]["additionalProperties"])
    tables += [sink[name] for name in COMMON_KEYS if name != "type"]
    keys = {key: about for table in tables for key, about in table["properties"].items()}
    silent = [key for key, about in keys.items() if not about.get("description")]
    assert silent == []
    assert [key for key in keys if f"| `{key}` |" not in pages["file.md"]] == []


def test_every_hook_is_there_with_what_it_is_for(pages: dict[str, str]) -> None:
    specified = {name: hook for name, hook in vars(hooks).items() if hasattr(hook, "penstock_spec")}
    assert len(specified) >= 3
    for name, hook in specified.items():
        assert re.search(rf"^\* `{name}\(.*`: {hook.__doc__[:10]}", pages["contract.md"], re.M), (
            name
        )


def test_every_command_and_option_is_there(pages: dict[str, str]) -> None:
    text = pages["commands.md"]
    missing = [name for name in _names(main, "penstock") if name not in text]
    assert missing == []


def _names(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command)
    options = [one for one in command.params if isinstance(one, click.Option)]
    assert all(one.help for one in options), f"{path} has an option without help"
    assert command.help, f"{path} does not say what it does"
    yield from (opt for one in options for opt in one.opts)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield f"`{path} {name}`"
            sub = command.get_command(context, name)
            assert sub is not None
            yield from _names(sub, f"{path} {name}")


@pytest.mark.parametrize(
    ("module", "page"),
    [(penstock.api, "contract"), (penstock.http, "http"), (penstock.testing, "testing")],
)
def test_every_public_name_is_there_and_says_what_it_is(
    module: object, page: str, pages: dict[str, str]
) -> None:
    entries = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", pages[f"{page}.md"], re.M | re.S))
    assert entries.keys() == set(getattr(module, "__all__"))  # noqa: B009
    no_words = re.compile(r"^(`.*`|\|.*|Of `.*|\* .*| {4}.*)$", re.M)
    said = {name: no_words.sub("", text) for name, text in entries.items()}
    silent = [name for name, text in said.items() if not re.search(r"[A-Z`].*[.:]", text)]
    assert silent == []


def test_what_is_made_and_called_is_there_as_it_is_made_and_called(pages: dict[str, str]) -> None:
    shown = {
        "contract": ["`RetryableError(message: str, *, retry_after", "| `render` |"],
        "http": ["`Client(destination: Destination)`", "`Url(text: str)`", "* `host: str`"],
        "testing": ["`Route(*, source: Callable", "* `await start() -> None`", "| `requests` |"],
        "obligations": [
            "| `async throttle_destination(retry_after_s)` |",
            "| `most_attempts` | `4` |",
        ],
    }
    missing = [
        words for page, all_ in shown.items() for words in all_ if words not in pages[f"{page}.md"]
    ]
    assert missing == []
    reply = re.search(r"### `Reply`\n\n(.*)\n", pages["testing.md"])
    assert reply
    assert "keywords only" in reply[1]


def test_every_metric_outcome_and_exit_code_is_there(pages: dict[str, str]) -> None:
    assert {one for one in vars(telemetry).values() if isinstance(one, Metric)} == set(METRICS)
    assert all(f"| `{one.name}` |" in pages["metrics.md"] for one in METRICS)
    assert all(f"| `{one}` |" in pages["outcomes.md"] for one in Outcome)
    assert all(f"| `{code}` |" in pages["commands.md"] for code in (0, 1, 2, 78))


def test_every_reason_that_core_gives_is_explained(workspace: Path) -> None:
    known = {reason for some in outcomes.REASONS.values() for reason in some}
    known |= outcomes.RETRY_REASONS.keys()
    given = set(_reasons(workspace / "core/src/penstock"))
    assert given - known == set()
    assert {word for word in known if re.fullmatch(r"[a-z_]+", word)} - given == set()


CALLS = {"count", "settle", "refuse", "leave", "bury", "_dead", "_failed", "_settle", "_lost",
         "_on_drop", "_on_lost", "abandon", "count_unwritten", "add"}  # fmt: skip


def _reasons(folder: Path) -> Iterator[str]:
    """Words that bus and delivery pass on as a reason; those of sources are no outcome's."""
    for path in {*folder.glob("bus/*.py"), *folder.glob("delivery/*.py")}:
        if path.name == "source_runner.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            for constant in _places(node):
                if isinstance(constant, ast.Constant) and re.fullmatch(
                    r"[a-z]+(_[a-z]+)*", str(constant.value)
                ):
                    yield str(constant.value)


def _places(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name in CALLS:
            for argument in node.args:
                yield from (
                    ast.walk(argument)
                    if isinstance(argument, ast.IfExp | ast.Tuple)
                    else [argument]
                )
    elif isinstance(node, ast.FunctionDef) and node.name == "_reason":
        for inner in ast.walk(node):
            if isinstance(inner, ast.Return) and inner.value:
                yield from ast.walk(inner.value)
    elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "REASON":
        yield node.value


def test_the_command_that_the_report_names_exists(workspace: Path) -> None:
    argv = [*reference.COMMAND.split(), "--dry-run"]
    done = subprocess.run(argv, cwd=workspace, capture_output=True, text=True, check=True)
    assert "docs.making.reference" in done.stdout
