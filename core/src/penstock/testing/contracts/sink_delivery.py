"""A sink delivers what it says it delivered."""

from __future__ import annotations

from penstock.api.event import KINDS, Batch, Resource
from penstock.testing.contracts.base import asynchronous
from penstock.testing.contracts.sink_rig import SinkRig
from penstock.testing.events import batch, log, one_of_each, resource
from penstock.testing.hostile import hostile_batches
from penstock.testing.obligation import difference, first_of_each, require, short
from penstock.testing.snapshot import as_text, changed, with_mutable_parts
from penstock.testing.waiting import eventually

DB = resource("docker:" + "db" * 32, {"container.name": "db-1", "service.name": "db"})


class SinkDelivery(SinkRig):
    """What reaches the destination while all is well, and in what shape."""

    @asynchronous
    async def test_delivers(self) -> None:
        """What ``write`` returned for is at the destination, all of it, in order."""
        lines = [f"delivers {number:03}" for number in range(20)]
        async with self._line() as line:
            await line.send(*(batch(lines[at : at + 5]) for at in range(0, 20, 5)))
            await self._drain(line, self.test_delivers)
            got = await self._collect(lines)
        require(
            got == lines if self._keeps_order else sorted(got) == lines,
            self.test_delivers,
            seen=difference(lines, got),
            do="return from `write` only when the destination has taken the events: await the "
            "answer, the acknowledgement or the send buffer's way out",
        )

    @asynchronous
    async def test_delivers_before_it_says_so(self) -> None:
        """When ``write`` has returned the events are at the destination, without a further write.

        A ``write`` that waits for later ones may wait for ``drain``.
        """
        lines = ["says so 1", "says so 2"]
        async with self._line() as line:
            await line.send(batch(lines))
            await eventually(lambda: len(line.sink.taken) == len(lines), 0.5)
            if not line.sink.taken:
                await self._drain(line, self.test_delivers_before_it_says_so)
            got = await self._collect(lines)
        require(
            got == lines if self._keeps_order else sorted(got) == lines,
            self.test_delivers_before_it_says_so,
            seen=difference(lines, got),
            do="do not return from `write` with events in a buffer of your own",
        )

    @asynchronous
    async def test_keeps_order_of_each_resource(self) -> None:
        """The events of one resource stay in order, as far as the sink's ``order`` promises."""
        web = [f"web {number:03}" for number in range(24)]
        db = [f"db {number:03}" for number in range(24)]
        async with self._line(events_per_write=5) as line:
            for at in range(0, 24, 3):
                await line.send(batch(web[at : at + 3]), batch(db[at : at + 3], DB))
            await self._drain(line, self.test_keeps_order_of_each_resource)
            got = await self._collect([*web, *db])
        for expected in (web, db):
            mine = [text for text in got if text in expected]
            require(
                mine == expected if self._keeps_order else sorted(mine) == expected,
                self.test_keeps_order_of_each_resource,
                seen=difference(expected, mine),
                do='write the events as they come, or say `order = "none"`',
            )

    @asynchronous
    async def test_takes_the_same_events_again(self) -> None:
        """Events that come again are written again: after an outage core cannot know better."""
        lines = [f"again {number}" for number in range(4)]
        twice = batch(lines)
        async with self._line() as line:
            await line.send(twice, twice)
            await self._drain(line, self.test_takes_the_same_events_again)
            got = await self._collect(lines)
        require(
            set(got) == set(lines) and not line.sink.rejected,
            self.test_takes_the_same_events_again,
            seen=f"{len(line.sink.rejected)} rejected; {difference(lines, first_of_each(got))}",
            do="keep no memory of what was written; if the destination de-duplicates, let it",
        )

    @asynchronous
    async def test_leaves_batches_alone(self) -> None:
        """Batches, their events and their resources are shared: a sink changes none of them."""
        shared = Resource("docker:shared", {"container.name": "shared"}, {"env": "test"})
        logs = [log(f"alone {n}", attributes={"level": "info"}) for n in range(3)]
        plain = Batch(shared, logs, 800)
        kinds = Batch(shared, [e for e in one_of_each() if type(e) in self.make_sink().accepts], 99)
        mutable = [with_mutable_parts(one) for one in (plain, kinds)]
        before = [as_text(one) for one in mutable]
        async with self._line() as line:
            await line.send(*mutable)
            await self._drain(line, self.test_leaves_batches_alone)
        after = [as_text(one) for one in mutable]
        require(
            after == before,
            self.test_leaves_batches_alone,
            seen=next((changed(a, b) for a, b in zip(before, after, strict=True) if a != b), ""),
            do="copy what you change: other sinks have the same objects",
        )

    @asynchronous
    async def test_takes_every_kind_it_accepts(self) -> None:
        """``accepts`` names kinds of event, and the sink takes every kind that it names."""
        async with self._line() as line:
            accepts = line.sink.accepts
            require(
                accepts and accepts <= KINDS.keys(),
                self.test_takes_every_kind_it_accepts,
                seen=f"accepts = {accepts!r}",
                do="give a frozenset of event classes of `penstock.api`",
            )
            await line.send(batch(one_of_each()))
            await self._drain(line, self.test_takes_every_kind_it_accepts)
            now = line.sink.sink.accepts
        require(
            now == accepts,
            self.test_takes_every_kind_it_accepts,
            seen=f"accepts = {accepts!r}, and later {now!r}",
            do="leave `accepts` alone once the sink is made: core asks it for every batch",
        )

    @asynchronous
    async def test_hostile_input(self) -> None:
        """Text and names of strangers break nothing: each event is taken or rejected by name.

        Nothing that they hold can forge a further record at the destination.
        """
        hostile = hostile_batches()
        async with self._line(events_per_write=1) as line:
            await line.send(*hostile.values(), batch(["after the hostile ones"]))
            await self._drain(line, self.test_hostile_input)
            taken = len(set(line.sink.taken))
            got = await self._collect(["after the hostile ones"], count=taken)
            last = got if line.sink.sink.in_flight > 1 else got[-1:]
        require(
            "after the hostile ones" in last,
            self.test_hostile_input,
            seen=f"the last record is {short(got[-1:])}",
            do="after an event that cannot be written, leave the connection fit for the next",
        )
        require(
            len(got) == taken,
            self.test_hostile_input,
            seen=f"{taken} events became {len(got)} records",
            do="escape or frame what separates records at the destination",
        )
