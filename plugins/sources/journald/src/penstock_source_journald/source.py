"""The systemd journal: of this machine, of files, or of another machine over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import msgspec

from penstock.api import ConfigError, Outlet, RetryableError, Source, TlsSettings
from penstock_source_journald.cursor import Cursor
from penstock_source_journald.errors import AwayError
from penstock_source_journald.intake import Intake
from penstock_source_journald.journal import Journal, Query, one
from penstock_source_journald.journalctl import Journalctl
from penstock_source_journald.lane import Lane
from penstock_source_journald.mapping import Shapes
from penstock_source_journald.own import Own, own_entries
from penstock_source_journald.position import Position
from penstock_source_journald.resources import Resources, journal_resource
from penstock_source_journald.sending import Sending
from penstock_source_journald.settings import (
    Settings,
    arguments,
    check,
    parameters,
    unknown_units,
    where,
)

LOCAL = "journal"
"""The lane of a journal that is one machine's."""

LOOK_EVERY_S = 5.0
FIRST_LOOK_S = 0.5
"""How often to look for machines that are new."""


class Journald(Source):
    """Reads a journal's entries in their order, through journalctl or a gateway."""

    name = "journald"
    requires_api = "1.0"
    stability = "beta"
    uses_tls = True

    class Config(Settings, frozen=True, kw_only=True):
        """Which journal, which of its entries, and from where on."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        check(config)
        self._journal: Journal | None = None
        self._own = Own()
        self._sendings: dict[str, Sending] = {}

    async def open(self) -> None:
        """Find the journal; one that is away may come yet."""
        await self.close()
        self._own = own_entries()
        journal = self._journal = self._make_journal()
        await journal.check()
        if self.config.units:
            await self._warn_of_units(journal)

    async def run(self, out: Outlet) -> None:
        """Read until cancelled."""
        if self._journal is None:
            raise AwayError("not open")
        try:
            if self._journal.is_split:
                await self._run_all(self._journal, out)
            else:
                await self._run_lane(self._journal, out, "", LOCAL, is_new=False)
        except* (RetryableError, ConfigError) as group:
            raise _first(group) from None

    async def close(self) -> None:
        """Let go of the journal."""
        journal, self._journal = self._journal, None
        if journal:
            await journal.close()

    def _make_journal(self) -> Journal:
        config = self.config
        if not config.url:
            return Journalctl(where(config), arguments(config), self.context.log)
        if config.url.startswith("http:") and self.context.tls != TlsSettings():
            raise ConfigError("tls is set, but the address begins with http://")
        # Only where it is used: its client takes 25 MB.
        from penstock_source_journald.gateway import Gateway

        return Gateway(config.url, self.context.tls, parameters(config))

    async def _run_all(self, journal: Journal, out: Outlet) -> None:
        """Read the journal of each machine for itself.

        Merged they have one order, by time: what a machine sends late would be behind it, and
        journalctl passes it over without a word.
        """
        known: set[str] = set()
        is_new = bool(out.lanes() or self._sendings)
        async with asyncio.TaskGroup() as lanes:
            while True:
                for machine in await self._machines(journal, out, known):
                    known.add(machine)
                    name = machine or LOCAL
                    lanes.create_task(self._run_lane(journal, out, machine, name, is_new=is_new))
                is_new = is_new or bool(known)
                await asyncio.sleep(LOOK_EVERY_S if known else FIRST_LOOK_S)

    async def _machines(self, journal: Journal, out: Outlet, known: set[str]) -> list[str]:
        """Return the machines that are new; one without a name where no entry names any."""
        if "" in known:
            return []
        if LOCAL in out.lanes() or LOCAL in self._sendings:
            return [""]
        found = [machine for machine in await journal.machines() if machine not in known]
        if found or known:
            return found
        return [""] if await one(journal, Query(first=1, filtered=False)) else []

    async def _run_lane(
        self, journal: Journal, out: Outlet, machine: str, name: str, *, is_new: bool
    ) -> None:
        config = self.config
        limit = config.max_line_bytes
        uids = frozenset(b"%d" % uid for uid in config.container_uids)
        shapes = Shapes(config.field_attributes, Resources(uids), self._own)
        intake = Intake(shapes, limit)
        sending = self._sendings.get(name)
        position = sending.position if sending else self._known(out, name)
        resource = journal_resource(machine, "" if machine else socket.gethostname())
        begin = position or Position()
        sending = self._sendings[name] = Sending(out, name, resource, begin)
        lane = Lane(
            journal, sending, intake, machine=machine, message_bytes=limit, log=self.context.log
        )
        if position is None and config.start_at == "end" and not is_new:
            if config.start_lines:
                await lane.show_last(config.start_lines)
            await lane.begin_at_end()
        await lane.run()

    def _known(self, out: Outlet, lane: str) -> Position | None:
        known = out.position(lane)
        if known is None:
            return None
        try:
            position = msgspec.convert(known, Position)
            for cursor in filter(None, (position.cursor, position.until, *position.open.values())):
                Cursor.parse(cursor)
        except (msgspec.ValidationError, ValueError) as error:
            self.context.log.warning(
                "its position is not understood (%s): begun as if there was none", error
            )
            return None
        return position

    async def _warn_of_units(self, journal: Journal) -> None:
        with contextlib.suppress(RetryableError):
            known = dict.fromkeys(await journal.values("_SYSTEMD_UNIT"))
            for unit in unknown_units(self.config, known):
                self.context.log.warning("the journal has nothing of a unit %r so far", unit)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RetryableError(str(error))
