"""Who decides what is joined: the operator, the container, or its traces."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Context, Resource
from penstock.testing import batch, resource

TRACE = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1',
    "    no()",
    "ValueError: no",
]
RECORD = "2024-11-21 02:45:39 INFO ready"
WHOLE = "\n".join(TRACE)
PART = "penstock.multiline_part"


GO = ["panic: no", "", "goroutine 1 [running]:", "main.main()", "\t/app/main.go:3 +0x1d"]


def asking(label: str | None = None, variable: str | None = None) -> Resource:
    attributes = {
        "container.label.penstock.multiline": label,
        "container.env.LOGSPOUT_MULTILINE": variable,
    }
    return resource("docker:1", {key: text for key, text in attributes.items() if text is not None})


@pytest.mark.parametrize(
    ("settings", "of", "merged"),
    [
        ({"preset": "go"}, asking(), [4, 0, 0, 0, 0]),
        ({"preset": "go"}, asking("python"), [0, 0, 0, 0, 0, 3]),
        ({"preset": "go"}, asking("python, go"), [4, 3]),
        ({"preset": ["go", "python"]}, asking(), [4, 3]),
        ({"preset": "go,python"}, asking(), [4, 3]),
        ({"preset": "go"}, asking("off"), [0] * 9),
        ({"preset": "go"}, asking("false"), [0] * 9),
        ({"preset": "go"}, asking("auto"), [4, 3]),
        ({"preset": "go"}, asking("true"), [4, 0, 0, 0, 0]),
        ({"preset": "go"}, asking("cobol"), [4, 0, 0, 0, 0]),
        ({"preset": "go"}, asking(variable="false"), [0] * 9),
        ({"preset": "go"}, asking(variable="TRUE"), [4, 0, 0, 0, 0]),
        ({"preset": "go"}, asking(variable="perhaps"), [4, 0, 0, 0, 0]),
        ({"preset": "go"}, asking("python", "false"), [0, 0, 0, 0, 0, 3]),
        ({"preset": "off"}, asking(), [0] * 9),
        ({"preset": "off"}, asking(variable="true"), [4, 3]),
        ({"preset": "off"}, asking("go"), [4, 0, 0, 0, 0]),
        ({"preset": "go", "allow_labels": False}, asking("off", "false"), [4, 0, 0, 0, 0]),
        ({"pattern": "^$"}, asking(), [1, 0, 0, 0, 0, 0, 0, 0]),
        ({"pattern": "^$"}, asking("go"), [4, 0, 0, 0, 0]),
        ({"pattern": "^$"}, asking("true"), [1, 0, 0, 0, 0, 0, 0, 0]),
        ({"pattern": "^$"}, asking("off"), [0] * 9),
    ],
)
def test_the_operator_or_the_container_decides(
    new_desk: Any, settings: dict[str, Any], of: Resource, merged: list[int]
) -> None:
    desk = new_desk(**settings)
    desk.send(batch([*GO, *TRACE], of))
    desk.flush(final=True)
    assert [event.merged for event in desk.events()] == merged


def test_a_bad_label_is_named_once(new_desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    desk, of = new_desk(), asking("pyton" + "n" * 5000)
    for _ in range(3):
        desk.send(batch(["a"], of))
    (record,) = caplog.records
    assert "label penstock.multiline: no such preset" in record.getMessage()
    assert len(record.getMessage()) < 300


def test_auto_says_what_it_found_and_settles_on_it(
    new_desk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "penstock.transforms.traces")
    desk, of = new_desk(), resource("docker:1", {"container.name": "shop"})
    desk.transform.context = Context(
        table="transforms.traces", log=logging.getLogger("penstock.transforms.traces")
    )
    for _ in range(12):
        desk.send(batch([*TRACE, RECORD], of))
    said = [(record.getMessage(), vars(record)["preset"]) for record in caplog.records]
    assert said == [
        ("stack traces were recognised", "python"),
        ("only stack traces of one language are looked for from now on", "python"),
    ]
    assert {vars(record)["container"] for record in caplog.records} == {"shop"}
    desk.send(batch([*GO, RECORD], of))
    assert [event.merged for event in desk.events()][-6:] == [0] * 6


def test_auto_stays_open_where_there_are_two_languages(new_desk: Any) -> None:
    desk = new_desk()
    for _ in range(12):
        desk.send(batch([*TRACE, RECORD, *GO, RECORD]))
    assert [event.merged for event in desk.events()] == [3, 0, 4, 0] * 12


# --- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"preset": "pyhton"}, 'did you mean "python"'),
        ({"preset": ["python", "auto"]}, '"auto" stands alone'),
        ({"preset": []}, "expected a preset"),
        ({"preset": 5}, "expected a preset"),
        ({"pattern": "("}, "bad regular expression"),
        ({"pattern": ""}, "expected a regular expression"),
        ({"match": "middle"}, "middle"),
        ({"max_wait_ms": 0}, "max_wait_ms"),
        ({"max_lines": 1}, "max_lines"),
        ({"patern": "a"}, "patern"),
    ],
)
def test_bad_settings_are_refused(new_desk: Any, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=complaint):
        new_desk(**settings)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"preset": "go", "pattern": "^a"}, "leave out one"),
        ({"match": "first"}, "which is missing"),
    ],
)
def test_settings_that_contradict_are_refused(
    new_desk: Any, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        new_desk(**settings)
