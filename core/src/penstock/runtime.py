"""One process: start order, signals, deadlines, reload."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Protocol

from penstock.api.errors import ConfigError
from penstock.bus.deadline import Deadline
from penstock.bus.graph import Graph
from penstock.bus.services import Services
from penstock.bus.sink_runner import SinkRunner
from penstock.bus.source_runner import SourceRunner
from penstock.bus.tasks import spawn
from penstock.config.plan import Plan
from penstock.delivery.dead_letters import TRIM_EVERY_S
from penstock.durable import open_services, settle_orphans
from penstock.guard import LAST_WORDS_S, end
from penstock.notify import keep_watchdog_quiet, notify
from penstock.telemetry import RELOAD_SUCCESSFUL
from penstock.watch.culprit import Packages
from penstock.watch.departure import Departure
from penstock.watch.loop import LoopWatch
from penstock.watch.tasks import end_left_behind, end_left_by, run_through
from penstock.wiring import Wiring

_log = logging.getLogger("penstock")

EXIT_OK = 0
EXIT_ABANDONED = 1

FLUSH_INTERVAL_S = 0.1
"""How often transforms are asked for what they held long enough."""

IDLE_INTERVAL_S = 1.0
"""How often it is looked whether there are such transforms, since a reload may bring some."""

LOOK_AT_SECRETS_S = 5.0
"""How often secrets in files are looked at while a destination refuses the ones we have."""

LAST_STATE_S = 1.5
"""How long the last state may take to be written, behind the deadline."""


class Companion(Protocol):
    """Something that runs beside the graph and shows it, such as the admin's server."""

    async def start(self, runtime: Runtime) -> None:
        """Begin, before the sources do. A ``ConfigError`` stops the start."""

    async def changed(self, runtime: Runtime) -> None:
        """Follow a reload: ``runtime.plan`` is another one."""

    async def stop(self) -> None:
        """End, after everything else."""


def run(
    plan: Plan,
    *,
    reload: Callable[[], Plan] | None = None,
    companions: Sequence[Companion] = (),
) -> int:
    """Run a plan until its sources end or a signal comes; return the exit code.

    ``reload`` gives the new plan on SIGHUP. A ``ConfigError`` of a component that opens is
    raised after everything is closed again: nothing half-started. What a plugin leaves behind
    (a task that ignores its cancellation, a thread that hangs) cannot keep the process alive.
    """
    settings, departure = plan.settings, Departure()
    with (
        open_services(settings.state_dir or "", settings.max_disk_bytes) as services,
        asyncio.Runner() as runner,
    ):
        runtime = Runtime(plan, reload, services, companions)
        try:
            code = run_through(runner, runtime.main())
        finally:
            run_through(runner, end_left_behind(runtime.packages))
        departure.begin(code, runtime.packages)
    departure.end()
    return code


class Runtime:
    """Starts a plan, keeps it running, exchanges it on SIGHUP and drains it at the end."""

    def __init__(
        self,
        plan: Plan,
        reload: Callable[[], Plan] | None = None,
        services: Services | None = None,
        companions: Sequence[Companion] = (),
    ) -> None:
        self.services = services or Services()
        self.plan = plan
        self._at_start = plan.settings
        self.ready = False
        """Whether everything was started and nothing stops it."""
        self.began = time.monotonic()
        self.packages = Packages()
        """Whose code is whose."""
        self._companions = companions
        self._reload = reload
        self._wiring = Wiring(plan, self.services)
        self._hangup = asyncio.Event()
        self._stop = asyncio.Event()
        self._opening = Deadline()
        """Ends what opens, at a stop."""
        self._deadline = Deadline()
        """Ends the drain."""
        self._handover = Deadline()
        """Ends the drain of what the last reload removed or changed."""
        self._successions: dict[str, asyncio.Task[None]] = {}
        self._abandoned = 0

    @property
    def graph(self) -> Graph:
        return self._wiring.graph

    async def main(self) -> int:
        """Run to the end and return the exit code."""
        self._say_what_is_broken(self.plan)
        self._listen()
        self.packages.learn(self.plan)
        with LoopWatch(self.packages, self.services.telemetry):
            return await self._with_state()

    async def _with_state(self) -> int:
        """Run with everything around it that starts before and ends after it."""
        journal = self.services.journal
        if journal:
            journal.start()
        try:
            tables = [runner.table for runner in self.graph.runners]
            await settle_orphans(self.services, tables, self.plan.settings.orphans)
            for companion in self._companions:
                await companion.start(self)
            code = await self._run()
        finally:
            for companion in self._companions:
                await companion.stop()
            if journal:
                await journal.close(LAST_STATE_S)
        return code or self._unwritten()

    async def _run(self) -> int:
        """Open, run until a stop and drain."""
        if not await self._open(self.graph.runners):
            return EXIT_OK
        self.graph.start()
        background = (
            spawn(keep_watchdog_quiet(), "watchdog"),
            spawn(self._flush_by_clock(), "flush"),
            spawn(self._look_at_secrets(), "secrets"),
            spawn(self._trim_letters(), "dead letters"),
        )
        self.ready = True
        notify("READY=1")
        _log.info("running", extra=self._summary())
        await self._until_stopped()
        self.ready = False
        notify("STOPPING=1")
        code = await self._drain()
        await end(background)
        return code

    def _unwritten(self) -> int:
        """Count what was to be left on disk and could not be written; return the exit code."""
        left = sum(runner.count_unwritten() for runner in self.graph.runners)
        return EXIT_ABANDONED if left else EXIT_OK

    def stop(self) -> None:
        """Begin to drain; called again, stop at once."""
        again = self._stop.is_set()
        within_s = 0.0 if again else self.plan.settings.drain_timeout_s
        _log.info("stopping at once" if again else "stopping", extra={"within_s": within_s})
        self._stop.set()
        self._opening.after(0)
        self._handover.after(within_s)
        self._deadline.after(within_s)

    def hang_up(self) -> None:
        """Have the configuration read again and put in place."""
        self._hangup.set()

    async def _open(self, runners: Iterable[SourceRunner | SinkRunner]) -> bool:
        """Open all at once; say whether that was done before a stop came.

        If not, or if the operator has to mend something, close all again, and say all.
        """
        runners = sorted((r for r in runners if not r.broken), key=attrgetter("table"))
        opening = [asyncio.create_task(runner.open()) for runner in runners]
        await self._opening.bound(opening)
        both = zip(runners, opening, strict=True)
        opened = [(r.table, task) for r, task in both if task.done() and not task.cancelled()]
        errors = [f"{table}: {error}" for table, task in opened if (error := task.exception())]
        if len(opened) == len(opening) and not errors:
            return True
        closing = [asyncio.create_task(runner.stop()) for runner in runners]
        await self._deadline.bound(closing, grace_s=2 * LAST_WORDS_S)
        if errors:
            raise ConfigError("\n".join(errors))
        return False

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.hang_up)

    async def _flush_by_clock(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S if self.graph.is_stateful else IDLE_INTERVAL_S)
            self.graph.flush_by_clock()

    async def _trim_letters(self) -> None:
        """Have dead letters discarded that are too old."""
        while True:
            sinks, sources = self.graph.sinks.values(), self.graph.sources.values()
            kept = [sink.settling.dead_letters for sink in sinks]
            for letters in [*kept, *(source.outlet.dead_letters for source in sources)]:
                letters.trim(self.services.wall_clock())
            await asyncio.sleep(TRIM_EVERY_S)

    async def _look_at_secrets(self) -> None:
        """Reload when the secret of what is refused has changed, if the configuration has not."""
        while self._reload:
            await asyncio.sleep(LOOK_AT_SECRETS_S)
            held = [name for name, sink in self.graph.sinks.items() if sink.governor.held]
            refused = [name for name, source in self.graph.sources.items() if source.refused]
            if not (held or refused):
                continue
            try:
                plan = self._reload()
            except ConfigError:
                continue  # SIGHUP says what is wrong with it.
            if plan.fingerprint == self.plan.fingerprint and (
                any(plan.sinks.get(name) != self.plan.sinks.get(name) for name in held)
                or any(plan.sources.get(name) != self.plan.sources.get(name) for name in refused)
            ):
                self.hang_up()

    async def _until_stopped(self) -> None:
        """Return at the end of all input or on a signal to stop; reload in between."""
        stop = asyncio.create_task(self._stop.wait())
        over = False
        while not (stop.done() or over):
            ended = asyncio.create_task(self.graph.ended())
            due = asyncio.create_task(self._reload_due())
            await asyncio.wait((stop, ended, due), return_when=asyncio.FIRST_COMPLETED)
            over = ended.done()
            reload = due.done() and not over and not stop.done()
            ended.cancel()
            due.cancel()
            if reload:
                self._hangup.clear()
                await self._exchange()
        stop.cancel()
        if over:
            _log.info("all sources have come to the end of their input")

    async def _drain(self) -> int:
        graph = self.graph
        await graph.stop_sources(graph.sources.values(), self._deadline)
        graph.flush(graph.pipelines)
        endings = [spawn(self._end(name, sink), sink.table) for name, sink in graph.sinks.items()]
        if tasks := [*endings, *self._successions.values()]:
            await asyncio.wait(tasks)
        self._abandoned += sum(source.leave() for source in graph.sources.values())
        for sink, origin, residue in self.services.ledger.residues():
            extra = {"sink": sink, "origin": origin, "residue": residue}
            _log.error("the ledger does not add up", extra=extra)
        _log.info("stopped", extra={"abandoned": self._abandoned})
        return EXIT_ABANDONED if self._abandoned else EXIT_OK

    async def _end(self, name: str, sink: SinkRunner) -> None:
        """Let a sink deliver what it has, after the one that it succeeded on a reload."""
        if before := self._successions.get(name):
            await asyncio.wait((before,))
        await self.graph.finish(sink, self._deadline)
        self._abandoned += sink.leave()

    # --- reload --------------------------------------------------------------------------

    async def _reload_due(self) -> None:
        """Return when a reload is asked for and the one before is complete."""
        await self._hangup.wait()
        if self._successions:
            await asyncio.wait(self._successions.values())

    async def _exchange(self) -> None:
        """Put the new configuration in place; a bad one leaves everything as it is."""
        if self._reload is None:
            _log.warning("nothing to reload: there is no file")
            return
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            plan = self._reload()
            self._keep_what_runs(plan)
            wiring = Wiring(plan, self.services, self._wiring)
            opened = await self._open(wiring.graph.runners - self.graph.runners)
        except Exception as error:
            self._refuse(error)
        else:
            if opened:
                await self._swap(plan, wiring)
        notify("READY=1")

    def _keep_what_runs(self, plan: Plan) -> None:
        """Refuse a plan by which something would break that works: there is no need to try it."""
        running = self.plan.components
        lost = [f"{table}: {why}" for table, why in plan.broken.items() if table in running]
        if lost:
            raise ConfigError("\n".join(lost))

    def _refuse(self, error: Exception) -> None:
        self.services.telemetry.set(RELOAD_SUCCESSFUL, (), 0)
        defect = None if isinstance(error, ConfigError) else error
        _log.error("reload refused, the old configuration runs on:\n%s", error, exc_info=defect)

    async def _swap(self, plan: Plan, wiring: Wiring) -> None:
        old, new = self.graph, wiring.graph
        self._handover = deadline = Deadline()
        deadline.after(plan.settings.drain_timeout_s)
        self._say_what_is_broken(plan)
        leaving = [source for source in old.sources.values() if source not in new.runners]
        await old.stop_sources(leaving, deadline)
        for source in leaving:
            await end_left_by(source.source, self.packages)
        self._abandoned += sum(source.leave() for source in leaving)
        gone = [name for name, sink in old.sinks.items() if sink not in new.runners]
        new.take_over(old)
        for sink in new.sinks.values():
            sink.governor.release()
            sink.wake()
        self.plan, self._wiring = plan, wiring
        self.packages.learn(plan)
        new.start(later=[new.sinks[name] for name in gone if name in new.sinks])
        for name in gone:
            self._successions[name] = spawn(self._hand_over(old, name), f"sinks.{name}")
        for companion in self._companions:
            await companion.changed(self)
        self.services.telemetry.set(RELOAD_SUCCESSFUL, (), 1)
        _log.info("reloaded", extra=self._summary())

    async def _hand_over(self, old: Graph, name: str) -> None:
        """Let a sink that left deliver what it has; its successor, if any, begins after it."""
        sink = old.sinks[name]
        sink.buffer.detach()
        await old.finish(sink, self._handover)
        await end_left_by(sink.sink, self.packages)
        successor = self.graph.sinks.get(name)
        if successor is None:
            self._abandoned += sink.leave("removed", commit=True)
        else:
            successor.adopt(sink)
            self.graph.run(successor)
        del self._successions[name]

    def _say_what_is_broken(self, plan: Plan) -> None:
        for table, reason in plan.broken.items():
            _log.error("%s does not load and is left out: %s", table, reason)
        for key in plan.settings.waiting(self._at_start):
            _log.warning("[penstock] %s takes effect at the next start", key)

    def _summary(self) -> dict[str, object]:
        graph = self.graph
        return {
            "sources": " ".join(graph.sources),
            "sinks": " ".join(graph.sinks),
            "pipelines": " ".join(pipeline.name for pipeline in graph.pipelines),
        }
