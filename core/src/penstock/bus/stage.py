"""One transform in a pipeline: guarded, and held to its account."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from penstock.api.component import Transform
from penstock.api.errors import PluginError
from penstock.api.event import Batch, Event, Resource, heap_size
from penstock.api.tally import Hold, Tally
from penstock.guard import blame, listed
from penstock.log import Quiet


class Books(NamedTuple):
    """What a stage tells its pipeline to count, per origin.

    Each callable gets an origin and a number of events; ``refused`` gets the events themselves.
    """

    filtered: Callable[[str, str, int], None]
    merged: Callable[[str, int], None]
    held: Callable[[str, int], None]
    created: Callable[[str, int], None]
    refused: Callable[[Resource, Sequence[Event], str], None]


class Stage:
    """Runs one transform instance and checks its account after every call.

    A stateless transform that raises is asked again event by event, and only the culprit is
    refused. A stateful one has lost its state: the batch and all that it held are refused, and
    the instance is made anew.
    """

    def __init__(
        self, table: str, make: Callable[[], Transform], books: Books, log: logging.Logger
    ) -> None:
        self.table = table
        self._make = make
        self._books = books
        self._log = log
        self._quiet = Quiet()
        self._transform = make()
        self._spent: list[Hold] = []

    @property
    def stateful(self) -> bool:
        return self._transform.stateful

    @property
    def holds(self) -> bool:
        """Whether events are held at the moment."""
        return bool(self._transform.tally.holds)

    def apply(self, batch: Batch) -> Sequence[Batch]:
        """Return what the transform makes of a batch."""
        try:
            result = self._transform.apply(batch)
            if result is batch and self._transform.tally.is_clean:
                return (batch,)
            made = listed(result)
            if batch.trail and not all(one.trail for one in made):
                raise PluginError("a batch lost its receipts: use keep, emit or replace")
            self._settle_account(batch.events, made)
        except BaseException as error:  # Nothing is awaited: whatever comes is the plugin's.
            return self._isolate(batch, error)
        return made

    def flush(self, now: float, final: bool) -> Sequence[Batch]:
        """Return what the transform gives up by the clock, or all that it holds if ``final``."""
        try:
            made = listed(self._transform.flush(now, final))
            self._settle_account((), made)
        except BaseException as error:
            self._start_anew(error)
            return ()
        if final and self.holds:
            self._start_anew(PluginError("flush(final=True) left events behind"))
        return made

    def release_spent(self) -> None:
        """Let go of the receipts of spent holds, once what they became is in the buffers."""
        spent, self._spent = self._spent, []
        for hold in spent:
            for receipt in hold.trail:
                receipt.release()

    def _settle_account(self, events: Sequence[Event], made: Sequence[Batch]) -> None:
        tally = self._transform.tally
        if tally.holds and not self.stateful:
            raise PluginError("it holds events but does not say that it is stateful")
        out = sum(len(batch.events) for batch in made)
        missing = len(events) + tally.created - out - tally.unexplained
        if missing:
            raise PluginError(
                f"{abs(missing)} events {'lost' if missing > 0 else 'made'} without account: "
                "use keep, hold and emit"
            )
        if not tally.is_clean:
            self._book(tally)

    def _book(self, tally: Tally) -> None:
        for (origin, rule), count in tally.filtered.items():
            self._books.filtered(origin, f"{self.table}: {rule}", count)
        for origin, count in tally.merged.items():
            self._books.merged(origin, count)
        for origin, count in tally.held.items():
            self._books.held(origin, count)
        for origin, count in tally.made.items():
            self._books.created(origin, count)
        self._spent += tally.spent
        tally.clear()

    def _isolate(self, batch: Batch, error: BaseException) -> Sequence[Batch]:
        tally = self._transform.tally
        has_state = self.stateful or tally.holds or tally.spent
        if has_state:
            self._start_anew(error)
        else:
            tally.clear()
        if has_state or len(batch.events) == 1:
            self._refuse(batch.resource, batch.events, error)
            return ()
        self._say("transform raised, trying event by event", error)
        made: list[Batch] = []
        for event in batch.events:
            one = replace(batch, events=(event,), size=heap_size((event,)))
            made += self.apply(one)
        return made

    def _start_anew(self, error: BaseException) -> None:
        """Refuse all that the instance held and replace it."""
        self._say("transform raised: what it held is dead-lettered, and it is made anew", error)
        tally = self._transform.tally
        for hold in tally.holds | dict.fromkeys(tally.spent):
            if hold not in tally.fresh:
                self._books.held(hold.resource.origin, -len(hold.events))
                self._refuse(hold.resource, hold.events, error)
            self._spent.append(hold)
        self._transform = self._make()

    def _say(self, what: str, error: BaseException) -> None:
        if self._quiet.allows(type(error).__name__):
            blame(self._log, self._transform, what, error)

    def _refuse(self, resource: Resource, events: Sequence[Event], error: BaseException) -> None:
        reason = f"{self.table} raised {type(error).__name__}: {error}"
        self._books.refused(resource, events, reason)
