"""``penstock new``: names, places, and what is in the package, whatever it is called."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import symtable
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from packaging.requirements import Requirement
from tests.plugin_lab import PENSTOCK

from penstock.cli.main import main
from penstock.plugins import FIRST_PARTY, RESERVED

KINDS = ("source", "transform", "sink")
ODD = (
    "a",
    "asyncio",
    "class",
    "contract",
    "lines",
    "log",
    "match",
    "my-own",
    "my_own",
    "print",
    "re",
    "replace",
    "sink",
    "source",
    "threaded",
    "transform",
    "type",
    "x" * 32,
)


def new(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments, "--folder", str(folder)])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written(kind: str, tmp_path: Path) -> None:
    done = new(tmp_path, kind, "my-own")
    assert done.exit_code == 0, done.output
    package = tmp_path / f"penstock-{kind}-my-own"
    files = {str(one.relative_to(package)) for one in package.rglob("*") if one.is_file()}
    assert files == {
        ".github/workflows/ci.yml",
        ".gitignore",
        "CHANGELOG.md",
        "README.md",
        "pyproject.toml",
        f"src/penstock_{kind}_my_own/__init__.py",
        f"src/penstock_{kind}_my_own/py.typed",
        "tests/test_contract.py",
        "tests/test_my_own.py",
    }
    text = "".join((package / one).read_text() for one in files)
    assert "{{" not in text.replace("${{ matrix.python-version }}", "")
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"penstock-{kind}-my-own"
    assert project["entry-points"]["penstock"] == {f"{kind}-my-own": f"penstock_{kind}_my_own"}
    core = Requirement(project["dependencies"][0])
    assert core.name == "penstock"
    assert version("penstock") in core.specifier
    assert "cd " in done.stdout
    assert ".venv/bin/pytest" in done.stdout


def test_whatever_the_name_the_code_is_clean(tmp_path: Path) -> None:
    for kind in KINDS:
        for name in ODD:
            folder = tmp_path / kind / name
            done = new(folder, kind, name)
            assert done.exit_code == 0, done.output
            files = [*folder.rglob("*.py")]
            assert len(files) == 3, files
            for file in files:
                ast.parse(file.read_text(), str(file))
    _ruff("check", tmp_path)
    _ruff("format", "--check", tmp_path)


def _ruff(*arguments: str | Path) -> None:
    argv = [sys.executable, "-m", "ruff", *map(str, arguments), "--no-cache"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["threaded", "log", "class"])
def test_names_that_are_taken_in_python_are_changed(kind: str, name: str, tmp_path: Path) -> None:
    new(tmp_path, kind, name)
    (file,) = tmp_path.rglob("__init__.py")
    space: dict[str, object] = {"__name__": f"penstock_{kind}_{name}"}
    sys.modules[f"penstock_{kind}_{name}"] = sys
    try:
        exec(compile(file.read_text(), str(file), "exec"), space)
    finally:
        del sys.modules[f"penstock_{kind}_{name}"]
    (component,) = space[f"penstock_{kind}s"]()  # type: ignore[operator]
    assert component.name == name


@pytest.mark.parametrize("kind", KINDS)
def test_no_name_stands_for_two_things(kind: str, tmp_path: Path) -> None:
    """Whatever the starter calls something may be what the author calls the plugin."""
    new(tmp_path / "first", kind, "first")
    words = {word for file in tmp_path.rglob("*.py") for word in _identifiers(file)}
    names = {
        word for word in words if re.fullmatch("(?=.{1,32}$)[a-z][a-z0-9]*(_[a-z0-9]+)*", word)
    }
    assert len(names) > 30
    for name in sorted(names - {"first"}):
        done = new(tmp_path / name, kind, name)
        assert done.exit_code == 0, done.output
        component = _component(kind, tmp_path / name)
        for file in (tmp_path / name).rglob("*.py"):
            for scope in _scopes(symtable.symtable(file.read_text(), str(file), "exec")):
                bound = scope.get_type() == "function" and component in scope.get_identifiers()
                assert not bound or scope.lookup(component).is_global(), (file, component)
    _ruff("check", tmp_path)
    _ruff("format", "--check", tmp_path)


def _identifiers(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        for field in ("id", "arg", "name", "attr", "asname"):
            if isinstance(word := getattr(node, field, None), str):
                yield word


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _component(kind: str, folder: Path) -> str:
    """Return what the hook returns, by the name that the module has for it."""
    (file,) = folder.rglob("__init__.py")
    hook = ast.parse(file.read_text()).body[-1]
    assert isinstance(hook, ast.FunctionDef)
    assert hook.name == f"penstock_{kind}s"
    found = hook.body[-1]
    assert isinstance(found, ast.Return)
    assert isinstance(found.value, ast.List)
    return ast.unparse(found.value.elts[0])


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("My_Own", "my-own"),
        ("2fast", "fast"),
        ("caf\u00e9", "cafe"),
        ("a b", "a-b"),
        ("../x/y", "y (--folder says where it is made)"),
        ("\u65e5\u672c", "my-sink"),
        ("x" * 33, "x" * 32),
    ],
)
def test_a_better_name_is_proposed(name: str, better: str, tmp_path: Path) -> None:
    done = new(tmp_path, "sink", name)
    assert done.exit_code == 2
    assert done.output.endswith(f"such as {better}\n")


@pytest.mark.parametrize("name", ["penstock-sink-mine", "penstock_sink_mine"])
def test_the_prefix_is_not_put_twice(name: str, tmp_path: Path) -> None:
    done = new(tmp_path, "sink", name)
    assert done.exit_code == 2
    assert "NAME is the type alone, mine: penstock-sink- is put before it" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "Memo", "1st", "-memo", "memo-", "a--b", "a.b", "a/b", "../x", "mémo", "x" * 33]
)
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["new", "--folder", str(tmp_path), "sink", "--", name])
    assert done.exit_code == 2
    assert "a type begins with a small letter" in done.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_penstock_are_refused(kind: str, tmp_path: Path) -> None:
    for name in FIRST_PARTY[kind]:
        done = new(tmp_path, kind, name)
        assert done.exit_code == 2
        assert "is one of Penstock's own" in done.output
    assert list(tmp_path.iterdir()) == []


def test_names_that_penstock_may_take_are_warned_of(tmp_path: Path) -> None:
    for kind, names in RESERVED.items():
        for name in (*names, *(one.replace("_", "-") for one in names if "_" in one)):
            done = new(tmp_path / kind / name, kind, name)
            assert done.exit_code == 0
            assert f"{name} is kept for a {kind} of Penstock's own" in done.stderr
    assert new(tmp_path, "sink", "mine").stderr == ""


def test_a_kind_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    done = new(tmp_path, "filter", "mine")
    assert done.exit_code == 2
    assert "'filter' is not one of 'source', 'transform', 'sink'" in done.output


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "penstock-sink-mine").symlink_to("nowhere")
    done = new(tmp_path, "sink", "mine")
    assert done.exit_code == 2
    assert "exists already and is left as it is" in done.output


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = new(tmp_path / "file" / "inside", "sink", "mine")
    assert done.exit_code == 1
    assert "cannot be written: Not a directory" in done.output


def test_half_a_package_is_not_left_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PENSTOCK, "new", "sink", "mine"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert done.returncode == 1
    assert "penstock-sink-mine cannot be written: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_licence_is_the_authors(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["new", "sink", "mine", "--folder", str(tmp_path), "--license", "MIT"]
    )
    assert done.exit_code == 0
    package = tmp_path / "penstock-sink-mine"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["license"] == "MIT"
    assert "licence in `pyproject.toml` (MIT)" in (package / "README.md").read_text()
    done = CliRunner().invoke(
        main, ["new", "sink", "other", "--folder", str(tmp_path), "--license", 'M"IT']
    )
    assert done.exit_code == 2
    assert "is no SPDX expression" in done.output


def test_the_help_says_what_is_written() -> None:
    text = CliRunner().invoke(main, ["new", "--help"]).output
    assert "{source|transform|sink} NAME" in text
    assert "--folder" in text
    assert "Nothing is ever overwritten" in " ".join(text.split())
