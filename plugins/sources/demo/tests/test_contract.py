"""The conformance kit's contract, at a steady rate and as fast as it can."""

from __future__ import annotations

from penstock.testing import SourceContract, configured
from penstock_source_demo.demo import Demo


class TestDemoAtFullSpeed(SourceContract):
    generates = True
    most_awaits = 8

    def make_source(self) -> Demo:
        return configured(Demo, {"rate": 0, "containers": 1})


class TestDemoAtARate(SourceContract):
    generates = True
    most_awaits = 8

    def make_source(self) -> Demo:
        return configured(Demo, {"rate": 2000, "containers": 1})
