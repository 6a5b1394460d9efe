"""What outlives the process: services that stand on a state folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.api.errors import ConfigError
from penstock.bus.services import Services
from penstock.delivery.disk import DiskBudget
from penstock.delivery.journal import Journal
from penstock.delivery.ledger import Ledger
from penstock.delivery.orphans import bury, explain, orphans
from penstock.delivery.spool import Spool
from penstock.state.folder import StateFolder
from penstock.state.pages import PageHead
from penstock.state.unit import Contents, StateError

if TYPE_CHECKING:
    from penstock.state.store import Store

_log = logging.getLogger("penstock.state")
_process_log = logging.getLogger("penstock")


@contextmanager
def open_services(
    path: str, max_disk_bytes: int, store_type: type[Store] | None = None
) -> Iterator[Services]:
    """Give the services that stand on a state folder, for one process at a time.

    An empty path keeps nothing. ``ConfigError``: somebody else uses the folder, or we may not.
    """
    if not path:
        yield Services()
        return
    # Here: whoever keeps nothing does without SQLite.
    from penstock.state.opening import open_store

    folder = StateFolder(Path(path))
    folder.take()
    try:
        store, contents = open_store(folder, store_type)
        try:
            yield _restored(folder, store, contents, max_disk_bytes)
        finally:
            store.close()
    finally:
        folder.leave()


def _restored(
    folder: StateFolder, store: Store, contents: Contents, max_disk_bytes: int
) -> Services:
    """Return the services as the processes before this one left them."""
    ledger = Ledger()
    ledger.restore(contents.ledger, contents.sources)
    journal = Journal(store, contents, ledger, DiskBudget(max_disk_bytes, folder.path))
    journal.budget.used = sum(size for _, size in contents.letters.values())
    spools = {table: Spool(table, journal, heads) for table, heads in contents.pages.items()}
    _carry_in(ledger, contents)
    return Services(
        ledger=ledger, positions=journal.positions, journal=journal, spools=spools, folder=folder
    )


def _carry_in(ledger: Ledger, contents: Contents) -> None:
    for table, heads in contents.pages.items():
        ledger.carry_in(table, _totals(heads))
    for sink, origin, residue in ledger.residues():
        extra = {"sink": sink, "origin": origin, "residue": residue}
        _log.error("the ledger on disk does not add up", extra=extra)


def _totals(heads: Sequence[PageHead]) -> Mapping[str, int]:
    totals: dict[str, int] = {}
    for head in heads:
        for origin, events in head.counts.items():
            totals[origin] = totals.get(origin, 0) + events
    return totals


async def settle_orphans(services: Services, tables: Iterable[str], policy: str) -> None:
    """Refuse to start with events on disk that no sink will deliver, or bury them."""
    journal, folder = services.journal, services.folder
    left = orphans(services.spools, tables)
    if not (left and journal and folder):
        return
    if policy == "refuse":
        raise ConfigError(explain(left, str(folder.path)))
    for table in left:
        try:
            buried = await bury(services.spools[table], journal, services.wall_clock())
        except StateError as error:
            raise ConfigError(f"{table}: what waits on disk cannot be read: {error}") from error
        extra = {"events": buried}
        _process_log.warning("%s is gone: its events are dead letters now", table, extra=extra)
