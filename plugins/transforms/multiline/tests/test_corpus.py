"""What real programs print, and which of it is one event: see corpus/README.md."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.api import Batch, Log
from penstock.testing import batch, configured, log, resource
from penstock_transform_multiline.multiline import Multiline

FILES = sorted(Path(__file__).parent.glob("corpus/*.txt"))
START = 1_700_000_000_000_000_000
STEP_NS = 20_000


def fixture(file: Path) -> list[list[str]]:
    """Return the events of a file, each as its lines."""
    events: list[list[str]] = []
    for line in file.read_text().removesuffix("\n").split("\n"):
        if line.startswith(">"):
            events.append([line[1:]])
        elif line.startswith("|"):
            events[-1].append(line[1:])
    return events


def preset(file: Path) -> str:
    """Return the preset that a file is of."""
    return file.stem.removeprefix("handwritten-").partition("-")[0]


def logs(events: Sequence[Sequence[str]], stream: str = "stderr") -> list[Log]:
    """Return a log for each line, as close together as programs write them."""
    lines = [line for event in events for line in event]
    return [log(line, stream, time_unix_nano=START + at * STEP_NS) for at, line in enumerate(lines)]


def joined(transform: Multiline, batches: Iterable[Batch]) -> list[Log]:
    """Return the events that come out."""
    made: list[Batch] = []
    for one in batches:
        result = transform.apply(one)
        made += [result] if isinstance(result, Batch) else result
    made += transform.flush(1e9, True)
    return [event for one in made for event in one.events if type(event) is Log]


def bodies(events: Iterable[Log]) -> list[str]:
    return [event.body for event in events]


def wanted(file: Path) -> list[str]:
    return ["\n".join(lines) for lines in fixture(file)]


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def file(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_by_its_preset(file: Path) -> None:
    transform = configured(Multiline, {"preset": preset(file)})
    out = joined(transform, [batch(logs(fixture(file)))])
    assert bodies(out) == wanted(file)
    assert [event.merged for event in out] == [len(lines) - 1 for lines in fixture(file)]


def test_among_all_presets(file: Path) -> None:
    transform = configured(Multiline, {"preset": "auto"})
    assert bodies(joined(transform, [batch(logs(fixture(file)))])) == wanted(file)


def test_line_by_line(file: Path) -> None:
    transform = configured(Multiline, {"preset": preset(file)})
    lines = logs(fixture(file))
    assert bodies(joined(transform, [batch([line]) for line in lines])) == wanted(file)


@pytest.mark.parametrize("seed", range(3))
def test_in_batches_of_any_size(file: Path, seed: int) -> None:
    lines, chance = logs(fixture(file)), random.Random(seed)
    parts = []
    while lines:
        size = chance.randint(1, 12)
        parts.append(batch(lines[:size]))
        lines = lines[size:]
    transform = configured(Multiline, {"preset": "auto"})
    assert bodies(joined(transform, parts)) == wanted(file)


def test_two_streams_of_two_containers_at_once(file: Path) -> None:
    other = FILES[(FILES.index(file) + 7) % len(FILES)]
    of = [resource(f"docker:{number}") for number in range(2)]
    transform = configured(Multiline)
    pairs = [[(one, logs(fixture(file))), (one, logs(fixture(other), "stdout"))] for one in of]
    queues = [pair for two in pairs for pair in two]
    chance = random.Random(1)
    batches = []
    while queues := [queue for queue in queues if queue[1]]:
        one, _ = chance.choice(queues)
        mine = [lines for of_, lines in queues if of_ is one]
        batches.append(batch([chance.choice(mine).pop(0)], one))
    out = joined(transform, batches)
    for stream, source in (("stderr", file), ("stdout", other)):
        found = bodies(event for event in out if event.stream == stream)
        assert sorted(found) == sorted(wanted(source) * 2)


LINES = sorted({line for file in FILES for lines in fixture(file) for line in lines})
PIECE = st.one_of(
    st.sampled_from(LINES).map(lambda line: [line]),
    st.sampled_from(FILES).map(lambda file: [line for lines in fixture(file) for line in lines]),
)
CUT = st.tuples(st.integers(0, 9), st.integers(0, 200))
SETTINGS: list[dict[str, Any]] = [
    {"max_lines": 7},
    {"max_bytes": 1024},
    {"preset": ["ruby", "go"]},
    {"pattern": r"^\s", "max_lines": 3},
    {"pattern": r"^(\s+|\d+)*x?[A-Z]", "match": "last"},
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(PIECE, st.booleans(), CUT), max_size=6),
    st.sampled_from(SETTINGS),
    st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=40),
)
def test_no_line_is_lost_or_moved_whatever_comes(
    pieces: list[tuple[list[str], bool, tuple[int, int]]],
    settings_: dict[str, Any],
    sizes: list[tuple[int, bool]],
) -> None:
    """Traces cut anywhere, one after the other, on two streams, flushed now and then."""
    lines = [
        log(line, "stderr" if err else "stdout")
        for piece, err, (start, length) in pieces
        for line in piece[start : start + length]
    ]
    transform, out, now = configured(Multiline, settings_), [], 0.0
    rest = lines
    for size, flushes in [*sizes, (len(lines), False)]:
        made = transform.apply(batch(rest[:size]))
        out += [made] if isinstance(made, Batch) else made
        rest, now = rest[size:], now + 1
        out += transform.flush(now, False) if flushes else ()
    out += transform.flush(now, True)
    events = [event for one in out for event in one.events if type(event) is Log]
    for stream in ("stdout", "stderr"):
        before = [line.body for line in lines if line.stream == stream]
        assert "\n".join(e.body for e in events if e.stream == stream) == "\n".join(before)
    assert sum(event.merged + 1 for event in events) == len(lines)
    assert not transform.tally.holds
