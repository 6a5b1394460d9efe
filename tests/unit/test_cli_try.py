"""``penstock try``: lines in, events out, the rest counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.plugin_lab import distribute

from penstock.cli.main import main

JOINER = '''
from penstock.api import Rules, Transform, hookimpl
from msgspec.structs import replace
class Joiner(Transform):
    """Joins lines that begin with a blank to the one before, a pair at a time."""
    name = "joiner"
    stateful = True
    class Config(Transform.Config, frozen=True, kw_only=True):
        separator: str = "+"
        count: int = 2
        labels: bool = False
        words: tuple[str, ...] = ()
    def __init__(self, config):
        super().__init__(config)
        self._hold = None
    def apply(self, batch):
        for event in batch.events:
            if event.body == "boom":
                raise ValueError("no boom")
            one = self.hold(batch, [event])
            if self._hold is None:
                self._hold = one
            else:
                yield self._joined(self._hold, one)
                self._hold = None
    def flush(self, now, final):
        if self._hold is not None and final:
            yield self.emit(self._hold, self._hold.events, self._hold)
            self._hold = None
    def _joined(self, first, second):
        a, b = first.events[0], second.events[0]
        words = [a.body, *self.config.words, b.body]
        text = self.config.separator.join(words) * (self.config.count - 1)
        return self.emit(first, [replace(a, body=text, merged=1)], first, second, merged=1)
@hookimpl
def penstock_transforms():
    return [Joiner]
'''


@pytest.fixture(autouse=True)
def _joiner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"transform-joiner": "penstock_joiner"}
    distribute(tmp_path / "site", "joiner", points, {"penstock_joiner": JOINER})
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)


def trying(*args: str, text: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["try", *args], input=text, catch_exceptions=False)


def events(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def messages(result: Result) -> list[str]:
    return [event["message"] for event in events(result)]


def test_lines_go_through_and_what_is_held_comes_at_the_end() -> None:
    result = trying("joiner", text="a\nb\nc\r\n")
    assert messages(result) == ["a+b", "c"]
    assert result.stderr == "3 read, 2 shown, 1 merged into others\n"


def test_a_last_line_without_its_newline_counts() -> None:
    assert messages(trying("joiner", text="a\n\nc")) == ["a+", "c"]


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert messages(trying("joiner", text=b"caf\xe9")) == ["caf�"]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--separator=--"], "a--b"),
        (["--separator", "5"], "a5b"),
        (["--separator", "true"], "atrueb"),
        (["--separator", '"\\t"'], "a\tb"),
        (["--separator", ""], "ab"),
        (["--separator", "a = 1\nb = 2"], "aa = 1\nb = 2b"),
        (["--count", "3"], "a+ba+b"),
        (["--labels", "--count", "3"], "a+ba+b"),
        (["--words", '["x", "y"]'], "a+x+y+b"),
    ],
)
def test_settings_are_options_of_their_own_type(args: list[str], text: str) -> None:
    assert messages(trying("joiner", *args, text="a\nb\n")) == [text]


def test_dotted_options_are_tables() -> None:
    result = trying("tagging", "--add.env", "prod", "--add.'a.b'=c", "--add.n", "5", text="x\n")
    assert events(result)[0]["tags"] == {"env": "prod", "a.b": "c", "n": "5"}


def test_what_is_filtered_is_counted() -> None:
    result = trying("filter", "--drop.message", '["*health*", "x"]', text="a\nhealthz\nx\n")
    assert messages(result) == ["a"]
    assert result.stderr.startswith("3 read, 1 shown, 2 filtered by ")


def test_the_lines_of_a_file() -> None:
    Path("sample.log").write_text("a\nb\n")
    assert messages(trying("joiner", "sample.log", "--separator=-")) == ["a-b"]
    assert trying("joiner", "none.log").exit_code == 2
    assert trying("joiner", "sample.log", "other.log").exit_code == 2


def test_a_table_of_a_configuration_with_options_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("penstock.toml").write_text(
        '[transforms.pairs]\ntype = "joiner"\nseparator = "${SEP}"\ncount = 3\n[sinks.bad]\nx=1'
    )
    monkeypatch.setenv("SEP", "/")
    assert messages(trying("pairs", "-c", "penstock.toml", text="a\nb\n")) == ["a/ba/b"]
    result = trying("pairs", "-c", "penstock.toml", "--count", "2", text="a\nb\n")
    assert messages(result) == ["a/b"]
    result = trying("pears", "-c", "penstock.toml")
    assert result.exit_code == 78
    assert 'did you mean "pairs"?' in result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["joiner", "--seperator", "x"], 'unknown key; did you mean "separator"?'),
        (["joiner", "--count", "many"], "the value of --count is something else"),
        (["joinr"], 'did you mean "joiner"?'),
        (["joiner", "-c", "none.toml"], "none.toml: no such file"),
    ],
)
def test_a_bad_setting_is_one_clear_line(args: list[str], words: str) -> None:
    result = trying(*args)
    assert result.exit_code == 78
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", ["--=x", "--a b", "--a.", "--count.x"])
def test_a_bad_option_is_usage(option: str) -> None:
    assert trying("joiner", "--count", "1", option, "x").exit_code == 2


def test_a_transform_that_raises_is_named() -> None:
    result = trying("joiner", text="boom\n")
    assert result.exit_code == 1
    assert "the transform failed: ValueError: no boom" in result.stderr


def test_a_reader_that_goes_is_not_the_transforms_fault() -> None:
    code = "from penstock.cli.main import main; main()"
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-c", code, "try", "filter"],
        input=b"a\n" * 10,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_a_standard_input_that_is_closed_is_usage() -> None:
    code = "from penstock.cli.main import main; main()"
    argv = ["/bin/sh", "-c", f'exec "$0" -c "{code}" try filter <&-', sys.executable]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, "standard input is closed" in ended.stderr) == (2, True)


def test_a_line_longer_than_a_read_stays_one() -> None:
    long = "x" * 200_000
    assert [len(text) for text in messages(trying("joiner", text=f"{long}\nb"))] == [200_002]
