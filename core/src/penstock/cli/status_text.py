"""A ``Status`` as text for people."""

from __future__ import annotations

from collections.abc import Iterable

import click

from penstock.admin.status import Buffered, LedgerRow, SinkStatus, SourceStatus, Status
from penstock.cli.folder import line
from penstock.cli.table import Cell, duration, print_table, shortened, size

ORIGIN_WIDTH = 28
OUTCOMES = ("delivered", "filtered", "merged", "dead_lettered", "dropped", "abandoned")
ALWAYS = ("LEDGER", "ORIGIN", "READ", "DELIVERED", "IN MEMORY", "IN SPOOL", "RESIDUE")
"""Columns of the ledger that are shown even if there is nothing in them."""


def print_status(status: Status) -> None:
    """Print everything: the process, what is wrong, sources, sinks, the ledger, orphans."""
    _print_process(status)
    _print_sources(status.sources)
    _print_sinks(status.sinks)
    _print_ledger(status.ledger)
    for orphan in status.orphans:
        click.echo()
        click.echo(
            line(
                f"{orphan.table}: {orphan.events} events ({size(orphan.disk_bytes)}) wait on disk, "
                "and no pipeline has it: put it back, or set orphans"
            )
        )


def _print_process(status: Status) -> None:
    one = status.process
    ready = "ready" if one.ready else "not ready"
    parts = [f"penstock {one.version}", f"process {one.pid}", f"up {duration(one.uptime_s)}", ready]
    click.echo(line("  ".join(parts)))
    click.echo(line(f"state in {one.state_dir}"))
    if one.listen:
        click.echo(line(f"metrics on http://{one.listen}/metrics"))
    for problem in status.problems:
        click.echo(line(f"! {problem}"))


def _buffered(one: Buffered) -> list[Cell]:
    return [size(one.memory_bytes), one.queued_events, size(one.disk_bytes), one.disk_events]


def _print_sources(sources: Iterable[SourceStatus]) -> None:
    rows: list[list[Cell]] = [
        [
            one.table,
            one.type or "-",
            one.state,
            one.blocked_on or "-",
            one.received,
            one.duplicates,
            one.gaps,
            duration(one.lag_s),
            duration(one.time_to_loss_s),
        ]
        for one in sources
    ]
    heads = "SOURCE,TYPE,STATE,BLOCKED ON,RECEIVED,DUPLICATES,GAPS,LAG,TIME TO LOSS"
    _print(heads, rows)
    buffers = [[one.table, *_buffered(one.buffer)] for one in sources if one.buffer]
    _print("SOURCE,MEMORY,QUEUED,DISK,SPOOLED", buffers)


def _print_sinks(sinks: Iterable[SinkStatus]) -> None:
    rows: list[list[Cell]] = [
        [
            one.table,
            one.type,
            _state(one),
            sum(one.retries.values()),
            *_buffered(one.buffer),
            one.dead_letters.count,
            size(one.dead_letters.bytes),
        ]
        for one in sinks
    ]
    _print("SINK,TYPE,STATE,RETRIES,MEMORY,QUEUED,DISK,SPOOLED,DEAD LETTERS,SIZE", rows)


def _state(one: SinkStatus) -> str:
    if one.broken:
        return "broken"
    if one.circuit == "held":
        return "held"
    if not one.open:
        return "not open"
    if one.circuit == "closed":
        return "open"
    return f"retry in {duration(one.wait_s)}" if one.wait_s else "trying again"


def _print_ledger(ledger: Iterable[LedgerRow]) -> None:
    """Print the accounts, then why events ended otherwise than delivered."""
    accounts = sorted(ledger, key=lambda row: (row.table, row.origin))
    rows = [_account(row) for row in accounts]
    heads = "LEDGER,ORIGIN,READ,CREATED,CARRIED IN,REPLAYED,DELIVERED,FILTERED,MERGED"
    heads = f"{heads},DEAD-LETTERED,DROPPED,ABANDONED,IN MEMORY,IN SPOOL,RESIDUE"
    used = [i for i, head in enumerate(heads.split(",")) if head in ALWAYS or _any(rows, i)]
    _print(",".join(heads.split(",")[i] for i in used), [[row[i] for i in used] for row in rows])
    reasons: list[list[Cell]] = [
        [table, outcome, reason, events]
        for (table, outcome, reason), events in sorted(_reasons(accounts).items())
    ]
    if reasons:
        _print("LEDGER,OUTCOME,REASON,EVENTS", reasons)


def _any(rows: list[list[Cell]], index: int) -> bool:
    return any(row[index] for row in rows)


def _account(row: LedgerRow) -> list[Cell]:
    ended = dict.fromkeys(OUTCOMES, 0)
    for one in row.outcomes:
        ended[one.outcome] = ended.get(one.outcome, 0) + one.events
    came = [row.read, row.created, row.carried_in, row.replayed]
    waiting = [row.in_flight.memory, row.in_flight.spool]
    numbers = [*came, *(ended[name] for name in OUTCOMES), *waiting, row.residue]
    return [row.table, shortened(row.origin, ORIGIN_WIDTH), *numbers]


def _reasons(ledger: Iterable[LedgerRow]) -> dict[tuple[str, str, str], int]:
    sums: dict[tuple[str, str, str], int] = {}
    for row in ledger:
        for one in row.outcomes:
            if one.reason:
                key = (row.table, one.outcome, one.reason)
                sums[key] = sums.get(key, 0) + one.events
    return sums


def _print(heads: str, rows: list[list[Cell]]) -> None:
    if rows:
        click.echo()
        print_table(heads.split(","), rows)
