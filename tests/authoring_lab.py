"""What the tests of ``@source`` share: sources of a file that grows, and a way to run one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from msgspec import Meta

from penstock.api import Source
from penstock.testing import RecordingOutlet, SourceContract, configured

STAMP = 1_700_000_000_000_000_000
"""The time of every line."""


class OfFile(Source.Config, frozen=True, kw_only=True):
    """A file."""

    path: Annotated[str, Meta(description="File to read.")] = ""


class FileContract(SourceContract):
    """A contract whose far end is a file."""

    most_awaits = 12
    reader: ClassVar[type[Source]]
    """The source under test, with ``OfFile`` as its settings."""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "lines"
        self.path.touch()

    def make_source(self) -> Source:
        return configured(self.reader, {"path": str(self.path)})

    async def produce(self, lines: Any) -> None:
        with self.path.open("ab") as file:
            file.writelines(line.encode("utf-8", "replace") + b"\n" for line in lines)


async def read(made: type[Source], out: RecordingOutlet | None = None) -> RecordingOutlet:
    """Run a source to its end."""
    out = out or RecordingOutlet(settle=True)
    async with asyncio.timeout(10):
        await configured(made).run(out)
    return out
