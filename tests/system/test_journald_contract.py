"""The journald source keeps the contract: with real files, and with a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from penstock.testing import SourceContract, configured
from penstock_source_journald.source import Journald
from tests.system.parts.journal import Gateway, JournalFolder
from tests.system.parts.journal_entries import entries
from tests.system.parts.require import require


class TestJournalFiles(SourceContract):
    """systemd-journal-remote writes a file, journalctl reads it."""

    patience_s = 10.0
    most_awaits = 8

    @pytest.fixture(autouse=True)
    def _journal(self, tmp_path: Path) -> None:
        require("journal-remote")
        self.journal = JournalFolder(tmp_path / "journal")

    def make_source(self) -> Journald:
        folder = str(self.journal.folder)
        return configured(
            Journald,
            {"directory": folder, "start_at": "beginning", "max_line_bytes": 2_097_152},
        )

    async def produce(self, lines: Sequence[str]) -> None:
        await asyncio.to_thread(self.journal.write, entries(lines))

    async def break_origin(self) -> None:
        self.journal.folder.rename(self.journal.folder.with_name("away"))

    async def mend_origin(self) -> None:
        self.journal.folder.with_name("away").rename(self.journal.folder)

    async def produce_bytes(self, lines: Sequence[bytes]) -> None:
        await asyncio.to_thread(self.journal.write, entries(lines))


class TestJournalGateway(TestJournalFiles):
    """systemd-journal-gatewayd serves it over HTTP; an outage is the gateway's."""

    @pytest.fixture(autouse=True)
    def _gateway(self, _journal: None, tmp_path: Path) -> Iterator[None]:
        self.gateway = Gateway(self.journal.folder, tmp_path)
        self.gateway.start()
        yield
        self.gateway.stop()

    def make_source(self) -> Journald:
        settings = {"url": self.gateway.url, "start_at": "beginning"}
        return configured(Journald, {**settings, "max_line_bytes": 2_097_152})

    async def break_origin(self) -> None:
        await asyncio.to_thread(self.gateway.stop)

    async def mend_origin(self) -> None:
        await asyncio.to_thread(self.gateway.start)
