"""``penstock try multiline`` shows what would be joined."""

from __future__ import annotations

import json

import pytest

from tests.system.parts.runner import Runner

TRACE = """Traceback (most recent call last):
  File "/app/shop.py", line 3, in <module>
    main()
ValueError: no

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/shop.py", line 5, in <module>
    tidy()
KeyError: 'till'"""
SAMPLE = f"2024-11-21 INFO before\n{TRACE}\n2024-11-21 INFO between\n{TRACE}\nGET / 200\n"
JOINED = ["2024-11-21 INFO before", TRACE, "2024-11-21 INFO between", TRACE, "GET / 200"]


@pytest.mark.parametrize("preset", [["--preset", "python"], ["--preset=java,python"], []])
def test_a_sample_comes_out_in_events(penstock: Runner, preset: list[str]) -> None:
    result = penstock.command("try", "multiline", *preset, stdin=SAMPLE)
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["message"] for event in events] == JOINED
    assert "25 read, 5 shown, 20 merged into others" in result.stderr


def test_auto_says_which_language_it_found(penstock: Runner) -> None:
    result = penstock.command("try", "multiline", stdin=SAMPLE)
    assert "stack traces were recognised" in result.stderr
    assert "python" in result.stderr


def test_a_pattern_can_be_tried_as_well(penstock: Runner) -> None:
    options = ["--pattern", r"^\d{4}-", "--match", "first", "--separator", " / "]
    result = penstock.command("try", "multiline", *options, stdin=SAMPLE)
    messages = [json.loads(line)["message"] for line in result.stdout.splitlines()]
    lines = SAMPLE.splitlines()
    assert messages == [" / ".join(lines[:12]), " / ".join(lines[12:])]


def test_a_preset_that_is_none_is_named(penstock: Runner) -> None:
    result = penstock.command("try", "multiline", "--preset", "pyhton", stdin="")
    assert result.returncode == 78
    assert 'did you mean "python"?' in result.stderr
