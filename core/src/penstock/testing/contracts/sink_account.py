"""What core counts of a sink is what happened at its destination."""

from __future__ import annotations

import asyncio

from penstock.api.event import Gap
from penstock.api.settings import BatchSettings
from penstock.testing.contracts.base import Test, asynchronous
from penstock.testing.contracts.secrets import Eavesdropper
from penstock.testing.contracts.sink_rig import SinkRig
from penstock.testing.events import batch, tick
from penstock.testing.hostile import hostile_batches
from penstock.testing.loop_guard import LoopGuard
from penstock.testing.obligation import difference, first_of_each, require
from penstock.testing.route import Account, Route
from penstock.testing.waiting import eventually
from penstock.testing.watch import Watch

REFUSED = "refuse me"
ROTATED = "rotated in the contract"


class SinkAccount(SinkRig):
    """Ledger, receipts and metrics, in a pipeline that is wired as a process wires it."""

    @asynchronous
    async def test_account_agrees_with_the_destination(self) -> None:
        """Sent = delivered + accounted for: what core's ledger calls delivered is there, once.

        Two lanes and a gap go through the real pipeline, with an outage and a refused event where
        the contract can make them.
        """
        test = self.test_account_agrees_with_the_destination
        lanes = {lane: [f"{lane} {n:03}" for n in range(60)] for lane in ("web", "db")}
        refused = [REFUSED] if self._can("refuse") else []
        async with Route(sink=self.make_sink, batch=_small()) as route:
            await self._send_through_trouble(route, lanes, refused)
            account = await route.finish(self.patience_s)
        lines = [line for of in lanes.values() for line in of]
        # A sink that accepts gaps may write them as text, too.
        got = [text for text in first_of_each(await self._collect(lines)) if ROTATED not in text]
        self._require_account(account, len(lines) + len(refused) + 1, len(refused), test)
        require(
            sorted(got) == sorted(lines),
            test,
            seen=f"core counts {account.delivered} delivered; {difference(lines, got)}",
            do="return from `write` when the destination has the events, and name in a Report "
            "those that it has not",
        )

    async def _send_through_trouble(
        self, route: Route, lanes: dict[str, list[str]], refused: list[str]
    ) -> None:
        for text in refused:
            await self.refuse(text)
        for lane, lines in lanes.items():
            route.origin.write(lines[:20], lane)
        await self._collect([*lanes["web"][:20], *lanes["db"][:20]])
        if self._can("break_destination"):
            await self.break_destination()
        route.origin.write([*lanes["web"][20:40], *refused], "web")
        route.origin.write([*lanes["db"][20:40], Gap(tick(), ROTATED)], "db")
        if self._can("break_destination"):
            await eventually(lambda: route.metrics().get("penstock_retries_total"), 0.5)
            await self.mend_destination()
            for text in refused:
                await self.refuse(text)
        for lane, lines in lanes.items():
            route.origin.write(lines[40:], lane)
        sent = sum(map(len, lanes.values())) + len(refused) + 1
        await eventually(lambda: route.account().read == sent, self.patience_s)

    @staticmethod
    def _require_account(account: Account, sent: int, refused: int, test: Test) -> None:
        lost = {key: n for key, n in account.outcomes.items() if key in ("abandoned", "dropped")}
        dead = account.outcomes.get("dead_lettered", 0)
        counts = ", ".join(f"{outcome} {n}" for outcome, n in account.outcomes.items())
        require(
            account.adds_up and account.read == sent and not account.in_flight and not lost,
            test,
            seen=f"of {sent} events {account.read} were read, {account.in_flight} are in flight, "
            f"the rest is {counts}",
            do="have `write` return once `drain` was called, and ask again only for what waiting "
            "mends: what is open or comes back until the end is abandoned",
        )
        require(
            dead == refused,
            test,
            seen=f"{dead} events are dead letters, {refused} should be",
            do="name in a Report, or reject, what the destination refuses, and nothing else",
        )

    @asynchronous
    async def test_metrics_are_kept(self) -> None:
        """Core's metrics of the sink are there under its name: events, writes, and retries."""
        lines = [f"metric {number}" for number in range(10)]
        async with Route(sink=self.make_sink) as route:
            if fails := self._can("break_destination"):
                await self.break_destination()
            route.origin.write(lines)
            if fails:
                await eventually(lambda: "penstock_retries_total" in route.metrics(), 1.0)
                await self.mend_destination()
            await self._collect(lines)
            account = await route.finish(self.patience_s)
            metrics = route.metrics()
        require(
            metrics.get("penstock_write_duration_seconds") and account.delivered == len(lines),
            self.test_metrics_are_kept,
            seen=f"{account.delivered} of {len(lines)} events counted as delivered; {metrics}",
            do="leave `name` as it is on the class, and deliver in `write` alone: core counts "
            "what goes through it",
        )

    @asynchronous
    async def test_no_secret_is_said(self) -> None:
        """No secret is in what is logged, raised or printed, also when things go wrong."""
        secrets = self._secrets()
        with Eavesdropper() as heard:
            async with self._line() as line:
                await line.send(*list(hostile_batches().values())[:6])
                if fails := self._can("break_destination"):
                    await self.break_destination()
                await line.send(batch(["said 1", "said 2"]))
                await asyncio.sleep(0.2)
                if fails:
                    await self.mend_destination()
                await line.drain(self.patience_s)
            for error in [*line.sink.retryable, *line.sink.undeclared]:
                heard.hear(error)
            heard.said += [repr(report) for _, report in line.sink.reports]
        self._require_silence(secrets, heard.said, self.test_no_secret_is_said)

    @asynchronous
    async def test_does_not_block_the_loop(self) -> None:
        """No call stops the event loop for half a second: it would stop every other pipeline."""
        watch = Watch()
        lines = [f"{number:04} ".ljust(120, ".") for number in range(2000)]
        async with LoopGuard() as guard:
            async with self._line(watch, events_per_write=500) as line:
                await line.send(*(batch(lines[at : at + 100]) for at in range(0, 2000, 100)))
                await line.drain(self.patience_s)
            await self._write_in_an_outage()
        require(
            not guard.blocked,
            self.test_does_not_block_the_loop,
            seen=f"it stood at {'; '.join(guard.blocked[:2])}",
            do="await what waits; run what blocks in a thread (`penstock.api.ThreadedSink`), and "
            "divide what computes long",
        )

    async def _write_in_an_outage(self) -> None:
        if not self._can("break_destination"):
            return
        await self.break_destination()
        async with self._line() as late:
            await late.send(batch(["in an outage"]))
            await eventually(lambda: late.sink.retryable, 0.2)
            await self.mend_destination()
            await late.drain(self.patience_s)


def _small() -> BatchSettings:
    return BatchSettings(max_events=7, max_wait_ms=0)
