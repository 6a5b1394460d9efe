"""B6: what multiline costs over 1,000,000 lines, where one entry in ten is a trace."""

from __future__ import annotations

import gc
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from penstock.api import Batch, Log, Resource, heap_size
from penstock.bus.stage import Books, Stage
from penstock.delivery.positions import MemoryPositions
from penstock.delivery.receipts import Lane
from penstock.testing import configured
from penstock_transform_multiline.multiline import Multiline
from tests.benchmarks.bench import Bench
from tests.benchmarks.report import Round, Row, Target, number

LINES = 1_000_000
BATCH = 512
TRACE_LINES = 20
PARTS = 20
"""The lines are made and measured in so many portions, so that memory is not what is measured."""
DIFFERENT = 10_000
"""How many lines are made up, to be printed again and again."""
START = 1_700_000_000_000_000_000
RESOURCE = Resource("b6:a", {"container.name": "web"})
SETTINGS: dict[str, dict[str, str] | None] = {
    "none": None,
    "auto": {},
    "java": {"preset": "java"},
    "pattern": {"pattern": r"^\s"},
    "pattern-re2": {"pattern": r"^(?:\s+at|\s+\.\.\.|Caused by:)"},
}
WORDS = ("request", "served", "session", "cache", "upstream", "latency", "order", "payment")


def run(bench: Bench) -> None:
    """Run all settings in each round."""
    lines = bench.scaled(LINES)
    targets = [
        Target("lines that are missing", number("missing", name), 0)
        for name in SETTINGS
        if name != "none"
    ]
    targets += [
        Target(f"CPU a line: {name} more than without", more(name), 1.5, unit=" µs")
        for name in ("auto", "java", "pattern")
    ]
    for _ in bench.rounds("B6", targets):
        for name in bench.chosen(SETTINGS):
            bench.record(name, partial(measure, name, lines))


def more(name: str) -> Callable[[Round], float]:
    """How much more CPU time a line takes than without the transform."""
    return lambda measured: float(
        measured[name]["cpu_us_per_line"] - measured["none"]["cpu_us_per_line"]
    )


def measure(name: str, lines: int) -> Row:
    """Pass the lines through the transform alone: nothing behind it saves what was joined."""
    account = Account(SETTINGS[name])
    lane = Lane(("sources.b6", "a"), MemoryPositions())
    entries, spent, sent = make_entries(random.Random(6)), 0.0, 0
    for _ in range(PARTS):
        batches = make_batches(entries, lines // PARTS)
        gc.collect()
        started = time.process_time()
        for batch in batches:
            sent += len(batch.events)
            receipt = lane.open(sent)
            account.take(Batch(batch.resource, batch.events, batch.size, (receipt,)))
            receipt.release()
        spent += time.process_time() - started
    account.end()
    return {
        "cpu_us_per_line": spent / sent * 1e6,
        "cpu_total_s": spent,
        "missing": sent - account.events - account.merged,
        "events": account.events,
    }


class Account:
    """The transform in a stage of core's, if there is one, and what came out of it."""

    def __init__(self, settings: dict[str, str] | None) -> None:
        self.events = 0
        self.merged = 0
        nothing = lambda *_: None  # noqa: E731
        books = Books(nothing, self._merged, nothing, nothing, nothing)
        make = partial(configured, Multiline, settings)
        log = logging.getLogger("penstock.b6")
        self._stage = None if settings is None else Stage("transforms.b6", make, books, log)

    def take(self, batch: Batch) -> None:
        """Pass a batch through."""
        self._settle(self._stage.apply(batch) if self._stage else (batch,))

    def end(self) -> None:
        """Let go of what is held."""
        if self._stage:
            self._settle(self._stage.flush(0.0, final=True))

    def _settle(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            self.events += len(batch.events)
        if self._stage:
            self._stage.release_spent()

    def _merged(self, _origin: str, events: int) -> None:
        self.merged += events


def make_entries(chance: random.Random) -> Iterator[list[str]]:
    """Make up entries for ever; one in ten is a trace."""
    lines = [[_line(chance)] for _ in range(DIFFERENT)]
    traces = [_trace(chance) for _ in range(DIFFERENT // 10)]
    while True:
        yield chance.choice(traces if chance.random() < 0.1 else lines)


def make_batches(entries: Iterator[list[str]], lines: int) -> list[Batch]:
    """Take so many lines, or a few more, in batches that end anywhere."""
    bodies: list[str] = []
    while len(bodies) < lines:
        bodies += next(entries)
    logs = [Log(START + at * 20_000, body, "stdout", 9) for at, body in enumerate(bodies)]
    parts = [logs[at : at + BATCH] for at in range(0, len(logs), BATCH)]
    return [Batch(RESOURCE, part, heap_size(part)) for part in parts]


def _line(chance: random.Random) -> str:
    words = " ".join(chance.choice(WORDS) for _ in range(12))
    return f"2024-11-21T02:45:39.{chance.randrange(10**6):06}Z INFO app.module {words}"


def _trace(chance: random.Random) -> list[str]:
    frames = [
        f"\tat com.example.shop.orders.OrderService.step{at}(OrderService.java:{at})"
        for at in range(TRACE_LINES - 5)
    ]
    return [
        f"java.lang.IllegalStateException: order {chance.randrange(1000)} failed",
        *frames,
        "Caused by: java.io.IOException: Connection refused",
        "\tat com.example.shop.Database.connect(Database.java:31)",
        "\tat com.example.shop.Database.query(Database.java:52)",
        f"\t... {TRACE_LINES - 6} more",
    ]
