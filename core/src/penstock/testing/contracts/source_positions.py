"""A source that can be read again goes on where everything was settled."""

from __future__ import annotations

from penstock.api.event import event_id
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.source_rig import SourceRig, stored
from penstock.testing.obligation import difference, require, short
from penstock.testing.outlet import RecordingOutlet, Sent


class SourcePositions(SourceRig):
    """What becomes of positions at a restart."""

    @asynchronous
    async def test_resumes_without_loss_or_repeat(self) -> None:
        """A restart goes on after the last settled batch: nothing is lost, nothing repeated."""
        self._only_replayable()
        first, settled = await self._half_settled("resumed")
        lines = self._expected
        outlet = RecordingOutlet(stored(first.committed), settle=True)
        async with self._run(outlet) as run:
            again = await run.lines(20 if self.generates else len(lines) - len(settled))
        self._require_alive(run, self.test_resumes_without_loss_or_repeat)
        fault = await self._compare(lines, [*settled, *again])
        require(
            not fault,
            self.test_resumes_without_loss_or_repeat,
            seen=f"{len(settled)} lines settled, then from {short(first.committed)}: {fault}",
            do="give `send` the position after the batch's last event, and begin behind "
            "`out.position(lane)`",
        )

    @asynchronous
    async def test_ids_are_stable(self) -> None:
        """A line that is read again has the same id, so that a destination can know it."""
        self._only_replayable()
        first, settled = await self._half_settled("stable")
        outlet = RecordingOutlet(stored(first.committed), settle=True)
        async with self._run(outlet) as run:
            await run.lines(20 if self.generates else len(self._expected) - len(settled))
        before = _ids(first.sent)
        changed = {
            body: (before[body], number)
            for body, number in _ids(outlet.sent).items()
            if body in before and before[body] != number
        }
        require(
            not changed,
            self.test_ids_are_stable,
            seen=f"ids differ: {_first(changed)}",
            do="take time and ordinal from what is read, not from when it is read; or say "
            "`replayable = False`",
        )

    @asynchronous
    async def test_reads_what_came_while_it_was_away(self) -> None:
        """What was written while no source ran is read at the next start, and no more."""
        self._only_replayable()
        self._only_produced()
        before = await self._prepare("before")
        outlet = RecordingOutlet(settle=True)
        async with self._run(outlet) as run:
            await run.lines(len(before))
        meanwhile = await self._prepare("meanwhile", 10)
        later = RecordingOutlet(stored(outlet.committed), settle=True)
        async with self._run(later) as run:
            got = await run.lines(len(meanwhile))
        self._require_alive(run, self.test_reads_what_came_while_it_was_away)
        require(
            got == meanwhile,
            self.test_reads_what_came_while_it_was_away,
            seen=difference(meanwhile, got),
            do="read from the position on, however long ago it was committed",
        )

    @asynchronous
    async def test_stopped_anywhere(self) -> None:
        """``run`` may be cancelled at any await: nothing is lost, repeated or left behind."""
        lines = await self._prepare("stopped", 20)
        async with self._run(RecordingOutlet(settle=True)) as undisturbed:
            await undisturbed.lines(len(lines))
        for at in undisturbed.steps.spread(self.most_awaits):
            outlet = RecordingOutlet(settle=True)
            async with self._run(outlet, cancel_at=at) as run:
                await run.cancelled()
            self._require_alive(run, self.test_stopped_anywhere)
            await self._require_clean(run, self.test_stopped_anywhere)
            if self.make_source().replayable:
                await self._require_rest(lines, outlet, at)

    async def _require_rest(self, lines: list[str], outlet: RecordingOutlet, at: int) -> None:
        """Check that a second source brings exactly what the first one did not."""
        first = outlet.lines()
        later = RecordingOutlet(stored(outlet.committed), settle=True)
        async with self._run(later) as run:
            got = [*first, *await run.lines(20 if self.generates else len(lines) - len(first))]
        fault = await self._compare(lines, got)
        require(
            not fault,
            self.test_stopped_anywhere,
            seen=f"cancelled at await {at} after {len(first)} lines, then restarted: {fault}",
            do="send a batch together with its position: what was not sent is read again",
        )

    async def _half_settled(self, what: str) -> tuple[RecordingOutlet, list[str]]:
        """Read in several batches, settle some of them, stop; return what was settled."""
        outlet = RecordingOutlet(capacity=6)
        self._expected = []
        async with self._run(outlet) as run:
            for portion in range(1 if self.generates else 5):
                if not self.generates:
                    self._expected += await self._prepare(f"{what} {portion}", 8)
                await run.until(
                    lambda: outlet.waiting or 0 < len(self._expected) <= len(outlet.lines())
                )
            settling = max(1, len(outlet.sent) // 2)
            outlet.settle(settling)
            settled = [text for sent in outlet.sent[:settling] for text in sent.lines]
        return outlet, settled

    _expected: list[str]


def _first(changed: dict[str, tuple[str, str]]) -> str:
    """Show the first line whose id is another."""
    return next((f"{was} became {now} ({text!r})" for text, (was, now) in changed.items()), "")


def _ids(sent: list[Sent]) -> dict[str, str]:
    """Return the id of every line, for lines that differ from all others."""
    ids: dict[str, list[str]] = {}
    for one in sent:
        for text, event in zip(one.lines, one.batch.events, strict=False):
            ids.setdefault(text, []).append(event_id(one.batch.resource.origin, event))
    return {text: numbers[0] for text, numbers in ids.items() if len(numbers) == 1}
