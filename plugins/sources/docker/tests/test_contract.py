"""The docker source keeps the contract with an engine that answers by script.

tests/contract/test_docker_engine.py does the same with a real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from penstock.testing import SourceContract, configured
from penstock_source_docker.source import Docker


class ScriptedEngine(SourceContract):
    """One container, whose lines are given to the engine; an outage is the engine's."""

    patience_s = 10.0
    most_awaits = 12
    tty: ClassVar[bool]

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Any) -> None:
        self.engine = engine
        self.container = engine.add("printer", tty=self.tty, options={"max-size": "10m"})

    def make_source(self) -> Docker:
        settings = {
            "host": self.engine.host,
            "start_at": "beginning",
            "max_line_bytes": 2_097_152,
        }
        return configured(Docker, settings)

    async def produce(self, lines: Sequence[str]) -> None:
        await self.produce_bytes([line.encode() for line in lines])

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self.container.print(*frames(line + b"\n"), at=self.container.last + 1000)

    async def break_origin(self) -> None:
        await self.engine.stop()

    async def mend_origin(self) -> None:
        await self.engine.start()


def frames(line: bytes) -> list[bytes]:
    """Return a line in the frames that Docker makes of it; what is no UTF-8 makes them longer."""
    cut = (line[at : at + 16_384] for at in range(0, len(line), 16_384))
    return [frame.decode("utf-8", "replace").encode() for frame in cut]


class TestFrames(ScriptedEngine):
    """A container without a terminal."""

    tty = False


class TestTerminal(ScriptedEngine):
    """A container with one."""

    tty = True
