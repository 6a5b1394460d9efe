"""What core counts of a source is what came, and what is sent stays as it was."""

from __future__ import annotations

from typing import Any

from penstock.api.delivery import Receipt
from penstock.api.event import KINDS, Batch, Gap, Log
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.source_rig import SourceRig
from penstock.testing.obligation import require
from penstock.testing.outlet import RecordingOutlet
from penstock.testing.route import Route
from penstock.testing.snapshot import as_text, changed
from penstock.testing.waiting import eventually


class SourceAccount(SourceRig):
    """Ledger, receipts and metrics, in a pipeline that is wired as a process wires it."""

    @asynchronous
    async def test_account_agrees_with_the_destination(self) -> None:
        """Sent = delivered + accounted for: what core's ledger says was read comes out, once."""
        test = self.test_account_agrees_with_the_destination
        lines = await self._prepare("accounted", 60)
        async with Route(source=self.make_source) as route:
            arrived = route.destination.lines
            await eventually(lambda: len(arrived()) >= len(lines), self.patience_s)
            account = await route.finish(self.patience_s)
            committed, events = route.committed(), len(route.destination.events())
        got = arrived()
        fault = await self._compare(lines, got)
        require(
            account.adds_up and not account.in_flight and account.delivered == events and not fault,
            test,
            seen=f"{account.read} read, {account.delivered} delivered, {events} arrived; {fault}",
            do="hand over every batch by `await out.send(…)`, once",
        )
        require(
            committed or not self.make_source().replayable,
            test,
            seen="everything is delivered, and no position is committed",
            do="give `send` a position, or say `replayable = False`",
        )

    @asynchronous
    async def test_metrics_are_kept(self) -> None:
        """Core's metrics of the source are there under its name: events, and how late they came."""
        lines = await self._prepare("metric", 20)
        async with Route(source=self.make_source) as route:
            arrived = route.destination.lines
            await eventually(lambda: len(arrived()) >= len(lines), self.patience_s)
            await route.finish(self.patience_s)
            metrics, received = route.metrics(), route.received()
        require(
            received >= len(lines) and "penstock_source_lag_seconds" in metrics,
            self.test_metrics_are_kept,
            seen=f"{received} of {len(lines)} events counted as received; {metrics}",
            do="leave `name` as it is on the class, and send through the outlet that `run` gets",
        )

    @asynchronous
    async def test_leaves_sent_batches_alone(self) -> None:
        """What is sent is shared from then on: the source changes nothing of it afterwards."""
        lines = await self._prepare("shared", 60)
        outlet = _Noting(settle=True)
        async with self._run(outlet) as run:
            await run.lines(len(lines))
        spoiled = [
            changed(text, now)
            for text, sent in zip(outlet.texts, outlet.sent, strict=True)
            if (now := as_text(sent.batch)) != text
        ]
        require(
            not spoiled,
            self.test_leaves_sent_batches_alone,
            seen=f"{len(spoiled)} batches changed after they were sent: {''.join(spoiled[:1])}",
            do="make new lists and maps for each batch; never clear or fill one that was sent",
        )

    @asynchronous
    async def test_sends_the_kinds_that_it_names(self) -> None:
        """``kinds`` names the kinds of event that it sends; gaps may come besides."""
        lines = await self._prepare("kinds", 20)
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.lines(len(lines))
        source = self.make_source()
        sent = {type(event) for event in outlet.events()} - {Gap}
        named = getattr(source, "kinds", frozenset({Log}))
        require(
            sent <= named <= KINDS.keys(),
            self.test_sends_the_kinds_that_it_names,
            seen=f"it sends {_names(sent)} and names {_names(named)}",
            do="set `kinds` to a frozenset of event classes: `penstock check` tells by it which "
            "of them no sink would carry",
        )


class _Noting(RecordingOutlet):
    """Writes down each batch as it is when it comes."""

    def __init__(self, *, settle: bool) -> None:
        super().__init__(settle=settle)
        self.texts: list[str] = []

    async def send(self, batch: Batch, *, lane: str = "", position: object = None) -> Receipt:
        text = as_text(batch)
        receipt = await super().send(batch, lane=lane, position=position)
        self.texts.append(text)
        return receipt


def _names(kinds: Any) -> str:
    found = kinds if isinstance(kinds, set | frozenset) else {kinds}
    return ", ".join(sorted(str(KINDS.get(kind, kind)) for kind in found)) or "nothing"
