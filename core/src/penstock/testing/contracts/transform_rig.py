"""What the tests of a transform stand on: the transform under core's own account."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import ClassVar

import msgspec

from penstock.api.component import Component, Transform
from penstock.api.event import Batch, Event, Resource, event_id
from penstock.bus.stage import Books, Stage
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import BatchReceipt, Lane
from penstock.testing.contracts.component import ComponentContract
from penstock.testing.events import WEB, batch, log, one_of_each, resource
from penstock.testing.hostile import hostile_batches
from penstock.testing.obligation import ObligationError, short

RETURNED = "``apply`` returns a batch or several, ``flush`` several: nothing else comes out."
RETURN = "return the batch, a list of batches, or an empty list: never None, events or text"
DB = resource("docker:" + "db" * 32, {"container.name": "db-1"}, {"env": "test"})


class TransformRig(ComponentContract):
    """What a subclass of ``TransformContract`` gives."""

    may_hold_s: ClassVar[float] = 3600.0
    """How long an event may be held, with the settings of ``make_transform``."""

    def make_transform(self) -> Transform:
        """Return a new transform with settings that let it act on ``inputs``."""
        raise NotImplementedError

    def inputs(self) -> Sequence[Batch]:
        """Return batches that the transform acts on: some changed, some left out, some not."""
        return sample_batches()

    def make_component(self) -> Component:
        return self.make_transform()

    def _all_inputs(self) -> list[Batch]:
        return [*self.inputs(), *sample_batches(), *hostile_batches().values()]

    def _outputs(self, inputs: Sequence[Batch]) -> list[Batch]:
        transform = self.make_transform()
        made = [one for batch in inputs for one in listed(transform.apply(batch))]
        return made + listed(transform.flush(1e9, True))


def staged(transform: Transform) -> tuple[Stage, list[str]]:
    """Put a transform into one of core's stages; the list tells what core finds wrong with it."""
    faults: list[str] = []
    # Core lives on after an error, as event by event it may not come again: here it counts.
    log = logging.Logger("penstock.contract")
    log.addHandler(_Faults(faults))

    def uncounted(*_: object) -> None:
        pass

    def refused(_of: Resource, _events: Sequence[Event], reason: str) -> None:
        faults.append(reason)

    books = Books(uncounted, uncounted, uncounted, uncounted, refused)
    return Stage("transforms.contract", lambda: transform, books, log), faults


def sample_batches() -> list[Batch]:
    """Make batches of two containers: plain lines, twin lines, a stack trace, every kind."""
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1', "ValueError: no"]
    return [
        batch(["GET /healthz 200", "GET / 200", "GET / 200"]),
        batch([log(text, "stderr", severity=17) for text in trace]),
        batch(["ready to accept connections", "checkpoint starting"], DB),
        batch(one_of_each()),
        batch([log("with attributes", attributes={"level": "debug", "ok": True})], DB),
        batch([]),
        batch(["the last line"], WEB),
    ]


def with_receipts(batches: Sequence[Batch]) -> list[tuple[Batch, BatchReceipt]]:
    """Give each batch a receipt of its own, as an outlet does."""
    positions = MemoryPositions()
    made = []
    for number, one in enumerate(batches):
        receipt = Lane(("sources.contract", str(number)), positions).open(number + 1)
        made.append((msgspec.structs.replace(one, trail=(receipt,)), receipt))
    return made


def ids(one: Batch) -> list[str]:
    """Return the stable ids of a batch's events, without what tells of joined lines."""
    return [event_id(one.resource.origin, event).split("+")[0] for event in one.events]


def made_by(result: object) -> list[object]:
    """Return what a call made, as it is: also what is no batch."""
    if isinstance(result, Batch):
        return [result]
    return list(result) if isinstance(result, Iterable) else [result]


def listed(made: Batch | Iterable[Batch]) -> list[Batch]:
    """Return the batches that a call made."""
    batches = made_by(made)
    if wrong := [one for one in batches if not isinstance(one, Batch)]:
        raise ObligationError(RETURNED, f"it returned {short(wrong[0])}", RETURN)
    return [one for one in batches if isinstance(one, Batch)]


class _Faults(logging.Handler):
    """Collects the errors that core logs."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__()
        self._faults = faults

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._faults.append(str(error or record.getMessage()))
