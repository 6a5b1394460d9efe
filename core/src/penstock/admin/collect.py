"""Takes a ``Status`` of a running process: all of one moment, as nothing is awaited."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from penstock.admin.status import (
    Buffered,
    Ended,
    Health,
    InFlight,
    LedgerRow,
    Letters,
    Orphan,
    Problem,
    Process,
    SinkStatus,
    SourceStatus,
    Status,
)
from penstock.bus.buffer import Buffer
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.source_runner import SourceRunner
from penstock.bus.spooling import SpoolingBuffer
from penstock.delivery.ledger import Row
from penstock.delivery.orphans import orphans
from penstock.plugins import core_version
from penstock.runtime import Runtime
from penstock.telemetry import RETRIES, SOURCE_LAG

VERSION = core_version()


def status(runtime: Runtime, *, listen: str = "") -> Status:
    """Return everything; ``listen`` is where metrics are had."""
    felt = health(runtime)
    return Status(
        process=_process(runtime, listen, ready=felt.ready),
        problems=felt.problems,
        sources=sources(runtime),
        sinks=sinks(runtime),
        ledger=[_row(table, origin, row) for table, origin, row in runtime.services.ledger.rows()],
        orphans=_orphans(runtime),
    )


def health(runtime: Runtime) -> Health:
    """Say whether everything works, and what does not."""
    problems = list(_problems(runtime))
    return Health(not problems, problems)


def sources(runtime: Runtime) -> list[SourceStatus]:
    """Return every source, those that are broken or only in the ledger included."""
    running = [_source(runtime, one) for one in runtime.graph.sources.values()]
    known = {one.table for one in running}
    broken = [
        _absent(runtime, table, "broken", reason)
        for table, reason in runtime.plan.broken.items()
        if table.startswith("sources.") and table not in known
    ]
    known.update(one.table for one in broken)
    gone = [t for t in runtime.services.ledger.sources() if t not in known]
    return [*running, *broken, *(_absent(runtime, table, "gone", "") for table in gone)]


def sinks(runtime: Runtime) -> list[SinkStatus]:
    """Return every sink of the configuration."""
    return [_sink(runtime, runner) for runner in runtime.graph.sinks.values()]


def _process(runtime: Runtime, listen: str, *, ready: bool) -> Process:
    folder, journal = runtime.services.folder, runtime.services.journal
    return Process(
        pid=os.getpid(),
        version=VERSION,
        uptime_s=round(time.monotonic() - runtime.began, 3),
        ready=ready,
        state_dir=str(folder.path) if folder else "",
        trouble=journal.trouble if journal else "",
        listen=listen,
    )


def _problems(runtime: Runtime) -> Iterator[Problem]:
    journal = runtime.services.journal
    if journal and journal.trouble:
        yield Problem("", "state cannot be written", journal.trouble)
    if journal and journal.budget.trouble:
        yield Problem("", "buffers have no room", journal.budget.trouble)
    for table, reason in runtime.plan.broken.items():
        yield Problem(table, "broken", reason)
    if not runtime.ready:  # Nothing is open yet, or any more.
        yield Problem("", "starting or stopping")
        return
    for source in runtime.graph.sources.values():
        state, trouble = _state(source)
        if state in ("waiting", "not open"):
            yield Problem(source.table, state, trouble)
    for sink in runtime.graph.sinks.values():
        if sink.table not in runtime.plan.broken:
            yield from _sink_problem(sink)
    for table, _, _ in runtime.services.ledger.residues():
        yield Problem(table, "the ledger does not add up")


def _sink_problem(sink: SinkRunner) -> Iterator[Problem]:
    governor = sink.governor
    if sink.broken:
        yield Problem(sink.table, "broken", sink.broken)
    elif governor.held:
        yield Problem(sink.table, "held until its settings change", governor.held)
    elif not sink.is_open:
        yield Problem(sink.table, "not open", governor.trouble)
    elif governor.circuit != "closed":
        yield Problem(sink.table, "failing", governor.trouble)


def _source(runtime: Runtime, runner: SourceRunner) -> SourceStatus:
    services, table, type_ = runtime.services, runner.table, runner.source.name
    received, duplicates, gaps = services.ledger.source(table)
    seconds = services.risks.of(table).values()
    state, trouble = _state(runner)
    return SourceStatus(
        table=table,
        type=type_,
        state=state,
        trouble=trouble,
        blocked_on=runner.outlet.blocked_on,
        received=received,
        duplicates=duplicates,
        gaps=gaps,
        lag_s=services.telemetry.value(SOURCE_LAG, (table, type_)) if received else None,
        time_to_loss_s=min(seconds, default=None),
        buffer=_buffered(runner.intake.buffer) if runner.intake else None,
    )


def _state(runner: SourceRunner) -> tuple[str, str]:
    """Return what a source does, and what keeps it from running."""
    state, trouble = runner.state, runner.source.trouble
    if state == "running" and trouble:
        return "waiting", str(trouble)  # A plugin may set anything.
    return state, "" if state in ("running", "ended") else runner.governor.trouble


def _absent(runtime: Runtime, table: str, state: str, reason: str) -> SourceStatus:
    received, duplicates, gaps = runtime.services.ledger.source(table)
    return SourceStatus(
        table=table,
        type="",
        state=state,
        trouble=reason,
        received=received,
        duplicates=duplicates,
        gaps=gaps,
    )


def _sink(runtime: Runtime, runner: SinkRunner) -> SinkStatus:
    table, governor, letters = runner.table, runner.governor, runner.settling.dead_letters
    retries = {
        labels[2]: int(value)
        for metric, labels, value in runtime.services.telemetry.values()
        if metric is RETRIES and labels[0] == table
    }
    return SinkStatus(
        table=table,
        type=runner.sink.name,
        open=runner.is_open,
        broken=runner.broken,
        circuit=governor.circuit,
        wait_s=round(governor.wait, 3),
        trouble=governor.held or governor.trouble,
        retries=retries,
        buffer=_buffered(runner.buffer),
        dead_letters=Letters(count=letters.count, bytes=letters.bytes),
    )


def _buffered(buffer: Buffer) -> Buffered:
    spool = buffer.spool if isinstance(buffer, SpoolingBuffer) else None
    return Buffered(
        memory_bytes=buffer.heap_bytes,
        queued_events=buffer.queued_events,
        disk_bytes=spool.disk_bytes if spool else 0,
        disk_events=spool.events if spool else 0,
    )


def _row(table: str, origin: str, row: Row) -> LedgerRow:
    return LedgerRow(
        table=table,
        origin=origin,
        read=row.read,
        created=row.created,
        carried_in=row.carried_in,
        replayed=row.replayed,
        outcomes=[Ended(o.value, reason, events) for (o, reason), events in row.outcomes.items()],
        in_flight=in_flight(row),
        residue=row.residue,
    )


def in_flight(row: Row) -> InFlight:
    """Divide what is in flight: a page that is delivered, but still on disk, is no part of it."""
    spool = min(row.spooled, row.in_flight)
    return InFlight(row.in_flight - spool, spool)


def _orphans(runtime: Runtime) -> list[Orphan]:
    spools = runtime.services.spools
    left = orphans(spools, (runner.table for runner in runtime.graph.runners))
    return [
        Orphan(table=table, events=events, disk_bytes=spools[table].disk_bytes)
        for table, events in left.items()
    ]
