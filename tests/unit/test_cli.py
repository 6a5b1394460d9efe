"""The commands, as a user calls them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.plugin_lab import PENSTOCK, distribute, distribute_lab

from penstock.cli.main import COMMANDS, RESERVED, main

GOOD = """
[sources.demo]
count = 3
rate = 0
[sinks.console]
format = "json"
[pipelines.main]
sources = ["demo"]
sinks = ["console"]
"""
BAD = GOOD.replace("count", "cuont").replace('["console"]', '["consle"]')


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, with no Docker and no configuration anywhere."""
    for name in list(os.environ):
        if name.startswith(("PENSTOCK_", "DOCKER_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    return tmp_path


def penstock(*args: str, text: str | bytes = "") -> Result:
    return CliRunner().invoke(main, args, input=text, catch_exceptions=False)


def process(*args: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, for what takes hold of logs, loops and signals."""
    return subprocess.run(
        [*PENSTOCK, *args],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_a_command_there_is_help() -> None:
    result = penstock()
    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = penstock(name, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_the_version() -> None:
    assert penstock("--version").stdout.startswith("penstock 0.")


def test_a_misspelt_command_is_usage_with_the_nearest_name() -> None:
    result = penstock("chekc")
    assert result.exit_code == 2
    assert 'did you mean "check"?' in result.stderr


@pytest.mark.parametrize("name", RESERVED)
def test_a_command_that_is_still_to_come_is_said_to_be(name: str) -> None:
    result = penstock(name, "web")
    assert (result.exit_code, "kept for a later version" in result.stderr) == (2, True)


@pytest.mark.parametrize("args", [["check", "--nope"], ["run", "a", "b"], ["--log-level", "loud"]])
def test_bad_usage_exits_with_2(args: list[str]) -> None:
    assert penstock(*args).exit_code == 2


@pytest.mark.parametrize("args", [["--help"], ["schema"], ["check", "--help"]])
def test_an_output_that_is_full_is_one_line(args: list[str]) -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "from penstock.cli.main import main; main()", *args],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "cannot write the output: No space left on device\n"


def test_the_command_line_loads_little() -> None:
    code = "import sys, penstock.cli.main; print(*sys.modules)"
    argv = [sys.executable, "-c", code]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    heavy = {"aiohttp", "docker", "pluggy", "asyncio", "tomllib", "importlib.metadata", "re2"}
    assert heavy.isdisjoint(loaded)


# --- check -------------------------------------------------------------------------------------


def test_check_says_that_all_is_well(folder: Path) -> None:
    (folder / "penstock.toml").write_text(GOOD)
    result = penstock("check")
    assert (result.exit_code, result.stdout) == (0, "penstock.toml: ok\n")


def test_check_says_everything_that_is_wrong(folder: Path) -> None:
    (folder / "bad.toml").write_text(BAD)
    result = penstock("check", "bad.toml")
    assert result.exit_code == 78
    lines = result.stdout.splitlines()
    assert lines[0].startswith("bad.toml:3: sources.demo.cuont: unknown key; did you mean")
    assert lines[1].startswith("bad.toml:9: pipelines.main.sinks[0]: there is no [sinks.consle]")
    assert lines[2] == "bad.toml: 2 errors"


def test_check_with_warnings_only_is_fine(folder: Path) -> None:
    (folder / "penstock.toml").write_text(GOOD + "[transforms.hostname]\n")
    result = penstock("check")
    assert result.exit_code == 0
    assert "penstock.toml:10: transforms.hostname: warning: no pipeline uses it" in result.stdout
    assert result.stdout.endswith("penstock.toml: 1 warning\n")


def test_check_without_the_environment(folder: Path) -> None:
    (folder / "penstock.toml").write_text(GOOD.replace("3", '"${COUNT}"'))
    assert penstock("check").exit_code == 78
    assert penstock("check", "--no-env").exit_code == 0
    assert penstock("check", "--no-env", "--connect").exit_code == 2


def test_check_looks_where_the_environment_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "else.toml").write_text(GOOD)
    monkeypatch.setenv("PENSTOCK_CONFIG", "else.toml")
    assert penstock("check").stdout == "else.toml: ok\n"


CONNECT = """
import asyncio, socket
from penstock.api import RetryableError, Sink, Source, hookimpl
class Caller(Sink):
    name = "caller"
    class Config(Sink.Config, frozen=True, kw_only=True):
        port: int
    async def check(self):
        if not self.config.port:
            raise KeyError("port")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.config.port)
        except OSError as error:
            raise RetryableError(f"port {self.config.port}: {error}") from error
        writer.close()
    async def write(self, batches):
        return None
@hookimpl
def penstock_sinks():
    return [Caller]
"""


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of a server whose queue takes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_check_tries_every_connection(
    folder: Path, monkeypatch: pytest.MonkeyPatch, listener: int
) -> None:
    distribute(folder / "site", "caller", {"sink-caller": "penstock_caller"}, {})
    (folder / "site" / "penstock_caller.py").write_text(CONNECT)
    monkeypatch.syspath_prepend(folder / "site")
    closed = socket.create_server(("127.0.0.1", 0))
    dead = closed.getsockname()[1]
    closed.close()
    sinks = {"up": listener, "down": dead, "bug": 0}
    tables = "".join(f'[sinks.{n}]\ntype = "caller"\nport = {p}\n' for n, p in sinks.items())
    names = json.dumps(list(sinks))
    (folder / "penstock.toml").write_text(GOOD.replace('["console"]', names) + tables)
    result = penstock("check", "--connect")
    assert result.exit_code == 1
    lines = dict(line.split(": ", 1) for line in result.stdout.splitlines() if ".toml" not in line)
    assert lines["sources.demo"] == "ok, though nothing was tried: its plugin has no check"
    assert lines["sinks.up"] == "ok"
    assert lines["sinks.down"].startswith(f"failed: port {dead}: ")
    assert lines["sinks.bug"] == "failed: KeyError: 'port'"


# --- run and quickstart ------------------------------------------------------------------------


def test_run_without_a_file_names_init_and_quickstart() -> None:
    result = penstock("run")
    assert result.exit_code == 78
    assert "penstock init" in result.stderr
    assert "penstock quickstart" in result.stderr


def test_run_with_a_file_that_is_not_there() -> None:
    result = penstock("run", "none.toml")
    assert result.exit_code == 78
    assert "none.toml: no such file" in result.stderr


def test_run_with_a_bad_file_starts_nothing(folder: Path) -> None:
    (folder / "penstock.toml").write_text(BAD)
    result = process("run")
    assert result.returncode == 78
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 2
    assert "Traceback" not in result.stderr


def test_run_runs_to_the_end_of_the_input(folder: Path) -> None:
    (folder / "penstock.toml").write_text(GOOD + "[transforms.hostname]\n")
    result = process("--log-level", "warn", "run", "--log-format", "json")
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 3
    own = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["severity"] for line in own] == ["warn"]
    assert "no pipeline uses it" in own[0]["message"]


def test_the_environment_chooses_the_log_and_an_option_wins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "penstock.toml").write_text(GOOD)
    monkeypatch.setenv("PENSTOCK_LOG_LEVEL", "error")
    assert process("run").stderr == ""
    assert "running" in process("run", "--log-level", "info").stderr
    assert "running" in process("--log-level", "info", "run").stderr


# --- init, schema, plugins ---------------------------------------------------------------------


def test_init_writes_a_file_that_check_accepts(folder: Path) -> None:
    assert penstock("init").exit_code == 0
    text = (folder / "penstock.toml").read_text()
    assert text.startswith("#:schema ")
    assert "[sources.demo]" in text
    assert penstock("check").stdout == "penstock.toml: ok\n"


def test_every_commented_key_of_the_file_is_right_too(folder: Path) -> None:
    penstock("init")
    text = (folder / "penstock.toml").read_text()
    bare = "\n".join(
        line.removeprefix("# ") if line.startswith(("# [", '# add', "# drop", "# type", "# addr"))
        else line
        for line in text.splitlines()
    )  # fmt: skip
    bare = bare.replace('transforms = ["hostname"]', 'transforms = ["tagging", "filter"]')
    (folder / "all.toml").write_text(bare.replace('["console"]', '["central"]'))
    result = penstock("check", "all.toml")
    assert result.exit_code == 0, result.stdout


def test_init_never_overwrites(folder: Path) -> None:
    (folder / "penstock.toml").write_text("mine")
    result = penstock("init")
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert (folder / "penstock.toml").read_text() == "mine"


def test_init_in_a_folder_that_is_not_there() -> None:
    result = penstock("init", "no/such.toml")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_the_schema_is_json() -> None:
    result = penstock("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].endswith("2020-12/schema")


def test_plugins_shows_each_settings_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribute_lab(folder / "site")
    monkeypatch.syspath_prepend(folder / "site")
    lines = penstock("plugins").stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("sink labsink  1.0"))
    assert lines[start + 1] == "  Writes nowhere."
    assert lines[start + 2].startswith("  penstock-lab at ")
    rows = {line.split()[0]: line.split() for line in lines[start + 4 : start + 12]}
    assert rows["address"][1:] == ["string", "required", "HOST:PORT."]
    assert rows["flag"][1:] == ["true", "or", "false", "false"]
    assert '"{host.name}"' in rows["app"]
    found = json.loads(penstock("plugins", "--json").stdout)
    address = next(one for one in found if one["type"] == "labsink")["settings"][0]
    assert address == {
        "name": "address", "type": "a string", "required": True, "description": "HOST:PORT.",
    }  # fmt: skip
