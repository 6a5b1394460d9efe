"""Spools of sinks that are gone from the configuration: never forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.api.delivery import Outcome
from penstock.api.event import Batch, Event, Resource, heap_size
from penstock.delivery.journal import Journal
from penstock.delivery.spool import Spool
from penstock.state.pages import DamagedPageError
from penstock.state.unit import LetterRow

REASON = "orphaned"


def orphans(spools: Mapping[str, Spool], tables: Iterable[str]) -> dict[str, int]:
    """Return the events of each spool that none of these sinks will deliver."""
    known = set(tables)
    return {
        table: spool.events
        for table, spool in spools.items()
        if table not in known and not spool.is_empty
    }


def explain(events: Mapping[str, int], folder: str) -> str:
    """Return what to say to the operator about orphans."""
    lines = [
        f"{table}: {count} events wait on disk in {folder} for this sink, and no pipeline has it "
        "any more"
        for table, count in events.items()
    ]
    lines.append(
        "put the sink back under its name to deliver them, or set [penstock] "
        'orphans = "dead_letter" to keep them as dead letters (penstock dlq)'
    )
    return "\n".join(lines)


async def bury(spool: Spool, journal: Journal, now: int) -> int:
    """Move everything of a spool to the dead letters; return how many events that was.

    ``now`` is in Unix nanoseconds. ``StateError``: the disk does not let us.
    """
    buried = 0
    while page := spool.first:
        try:
            batches = await journal.store.read(page.key)
        except DamagedPageError as error:
            spool.lose(page, error)
            journal.ledger.settle(spool.table, page.counts, Outcome.DROPPED, "damaged_page")
            continue
        for batch in batches:
            for event in batch.events:
                journal.add_letter(_letter(spool.table, batch.resource, event, now))
            row = journal.ledger.row(spool.table, batch.resource.origin)
            row.settle(Outcome.DEAD_LETTERED, REASON, len(batch.events))
            buried += len(batch.events)
        spool.drop_oldest()
        await journal.flush()
    return buried


def _letter(table: str, resource: Resource, event: Event, now: int) -> LetterRow:
    size = heap_size((event,))
    return LetterRow(
        sink=table,
        origin=resource.origin,
        reason=REASON,
        response="its sink is gone from the configuration",
        attempts=0,
        first_unix_nano=now,
        last_unix_nano=now,
        configuration="",
        size=size,
        batch=Batch(resource, (event,), size),
    )
