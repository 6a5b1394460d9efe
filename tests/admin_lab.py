"""A durable process in memory that is seen from outside, as the command line does it."""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from msgspec.structs import replace

from penstock.admin.client import ask
from penstock.admin.control import ControlSocket
from penstock.admin.protocol import (
    Answer,
    AskHealth,
    AskStatus,
    Changed,
    Drop,
    Felt,
    Replay,
    Request,
    Selection,
    Told,
)
from penstock.admin.server import AdminServer
from penstock.admin.status import Health, LedgerRow, SinkStatus, SourceStatus, Status
from penstock.cli.main import main
from penstock.config.plan import AdminSettings, Plan
from penstock.runtime import Runtime
from tests.delivery.durable_lab import DurableLab


class SeenLab(DurableLab):
    """A durable lab with the control socket and, if ``listen`` is set, the admin server."""

    def __init__(self, path: Path) -> None:
        self.admin = AdminSettings()
        super().__init__(path)

    def plan(self, **pipelines: str) -> Plan:
        return replace(super().plan(**pipelines), admin=self.admin)

    async def start(self, plan: Plan, *, has_file: bool = True) -> Runtime:
        self.server = AdminServer()
        self.control = ControlSocket(lambda: self.server.listening)
        self.runtime = Runtime(
            plan, self._reloaded if has_file else None, self.services, (self.server, self.control)
        )
        self._main = asyncio.create_task(self.runtime.main())
        await self.until(lambda: self.runtime and (self.runtime.ready or self.is_over))
        return self.runtime

    @property
    def is_over(self) -> bool:
        return self._main is None or self._main.done()

    # --- asking --------------------------------------------------------------------------

    async def ask(self, request: Request) -> Answer:
        """Ask over the socket."""
        return await asyncio.to_thread(ask, str(self.folder), request)

    async def status(self) -> Status:
        answer = await self.ask(AskStatus())
        assert isinstance(answer, Told)
        return answer.status

    async def source(self, name: str = "a") -> SourceStatus:
        status = await self.status()
        return next(one for one in status.sources if one.table == f"sources.{name}")

    async def sink(self, name: str = "x") -> SinkStatus:
        status = await self.status()
        return next(one for one in status.sinks if one.table == f"sinks.{name}")

    async def row(self, sink: str = "x", origin: str = "memory:web") -> LedgerRow:
        status = await self.status()
        where = (f"sinks.{sink}", origin)
        return next(one for one in status.ledger if (one.table, one.origin) == where)

    async def health(self) -> Health:
        answer = await self.ask(AskHealth())
        assert isinstance(answer, Felt)
        return answer.health

    async def replay(self, *ids: int, sink: str = "", reason: str = "") -> Changed:
        """Have letters replayed; all if nothing is said."""
        answer = await self.ask(Replay(Selection(ids=ids, sink=sink, reason=reason)))
        assert isinstance(answer, Changed), answer
        return answer

    async def drop(self, *ids: int, sink: str = "", reason: str = "") -> Changed:
        """Have letters dropped; all if nothing is said."""
        answer = await self.ask(Drop(Selection(ids=ids, sink=sink, reason=reason)))
        assert isinstance(answer, Changed), answer
        return answer

    async def letters_listed(self, *args: str) -> list[dict[str, Any]]:
        """Return what ``dlq list --json`` prints."""
        result = await self.command("dlq", "list", "--json", *args)
        assert result.exit_code == 0, result.stderr
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found

    async def command(self, *args: str) -> Result:
        """Call ``penstock`` with these arguments and this lab's state folder."""
        argv = [*args, "--state-dir", str(self.folder)]
        return await asyncio.to_thread(penstock, *argv)

    async def get(
        self, path: str, *, host: str | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        """Return status and body of a request to the admin server."""
        return await asyncio.to_thread(self._get, path, host, method)

    def _get(self, path: str, host: str | None, method: str) -> tuple[int, str]:
        name, _, port = self.server.listening.partition(",")[0].rpartition(":")
        connection = http.client.HTTPConnection(name, int(port), timeout=10)
        try:
            connection.request(method, path, headers={"Host": host} if host else {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    async def refuse(self, *lines: str, sink: str = "x") -> None:
        """Have a sink's destination refuse these lines; they are dead letters when it returns."""
        before = self.letter_count(sink)
        far = self.destination(sink)
        far.refuse(lambda event: getattr(event, "body", "") in lines, "no thanks")
        self.origin("a").write(list(lines))
        await self.until(lambda: self.letter_count(sink) == before + len(lines))
        await self.journal_of_state.flush()
        far.mend()

    def letter_count(self, sink: str = "x") -> int:
        """Return how many dead letters a sink has, as its process counts them."""
        return self.journal_of_state.letters.get(f"sinks.{sink}", (0, 0))[0]


def penstock(*args: str) -> Result:
    """Call the command line in this process."""
    return CliRunner().invoke(main, args, catch_exceptions=False)
