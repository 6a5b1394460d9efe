"""The conformance kit's contract: by presets, and by each kind of pattern."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from penstock.api import Batch
from penstock.testing import TransformContract, batch, configured, log, one_of_each, resource
from penstock_transform_multiline.multiline import Multiline

TRACE = [
    "Traceback (most recent call last):",
    '  File "a.py", line 1',
    "    no()",
    "ValueError: no",
]
PANIC = ["panic: no", "", "goroutine 1 [running]:", "main.main()", "\t/app/main.go:3 +0x1d"]


def traces() -> list[Batch]:
    """Traces in one batch, over several, unfinished, of two containers, and metrics between."""
    other = resource("docker:other")
    return [
        batch(["ready", *TRACE, "GET / 200", *TRACE]),
        batch(["GET / 200", *TRACE[:2]]),
        batch(PANIC[:3], other),
        batch(one_of_each(), resource("docker:third")),
        batch([*TRACE[2:], "bye", "java.lang.Error: no", "\tat a.B.c(D.java:3)"]),
        batch([*PANIC[3:], "2024-11-21 02:45:39 done"], other),
        batch([log(line, "stderr") for line in TRACE[:3]], other),
    ]


class TestAuto(TransformContract):
    def make_transform(self) -> Multiline:
        return configured(Multiline)

    def inputs(self) -> Sequence[Batch]:
        return traces()


class TestPython(TestAuto):
    def make_transform(self) -> Multiline:
        return configured(Multiline, {"preset": "python", "max_lines": 3})


@pytest.mark.parametrize("match", ["first", "last", "nonfirst", "nonlast"])
class TestPattern(TransformContract):
    @pytest.fixture(autouse=True)
    def _match(self, match: str) -> None:
        self.match = match

    def make_transform(self) -> Multiline:
        return configured(Multiline, {"pattern": r"^\s", "match": self.match})

    def inputs(self) -> Sequence[Batch]:
        return traces()


class TestSmall(TestAuto):
    def make_transform(self) -> Multiline:
        return configured(Multiline, {"pattern": "^[A-Z]", "match": "first", "max_lines": 2})


class TestOff(TransformContract):
    def make_transform(self) -> Multiline:
        return configured(Multiline, {"preset": "off"})
