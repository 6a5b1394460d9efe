"""When the lines of one demo container are due."""

from __future__ import annotations

from penstock.api import Log
from penstock_source_demo.container import BATCH, Container, Position

WEB, WORKER = 0, 2
START = 1_700_000_000_000_000_000
STEP = 100_000_000


def _worker(number: int = 0, total: int | None = None) -> Container:
    return Container(WORKER, 0, Position(START, number, STEP), total)


def _read(container: Container, now: int | None = None) -> list[Log]:
    logs: list[Log] = []
    while taken := container.take(now):
        batch, position = taken
        container.go_on(position)
        logs += [event for event in batch.events if isinstance(event, Log)]
    return logs


def test_a_line_is_due_at_its_time() -> None:
    container = Container(WEB, 0, Position(START, 0, STEP), None)
    assert container.due_at == START
    assert container.take(START - 1) is None
    assert [log.time_unix_nano for log in _read(container, START)] == [START]
    assert container.due_at == START + STEP
    assert len(_read(container, START + 3 * STEP)) == 3


def test_the_lines_of_a_trace_are_due_with_the_first() -> None:
    container = _worker()
    logs = _read(container, START + 500 * STEP)
    bodies = [log.body for log in logs]
    first = bodies.index("Traceback (most recent call last):") - 1
    last = next(at for at in range(first, len(bodies)) if bodies[at].startswith("TimeoutError"))
    assert {log.stream for log in logs[first : last + 1]} == {"stderr"}
    assert [log.time_unix_nano - logs[first].time_unix_nano for log in logs[first : last + 1]] == [
        at * 1000 for at in range(last + 1 - first)
    ]
    again = _worker()
    due = logs[first].time_unix_nano
    assert [log.body for log in _read(again, due)][-1] == bodies[last]


def test_a_batch_is_bounded_but_for_the_rest_of_a_trace() -> None:
    container = _worker()
    sizes = []
    for _ in range(20):
        taken = container.take()
        assert taken is not None
        batch, position = taken
        container.go_on(position)
        sizes.append(len(batch.events))
        assert batch.size > sum(
            len(str(event.body)) for event in batch.events if type(event) is Log
        )
    assert min(sizes) >= BATCH
    assert max(sizes) < BATCH + 20


def test_it_begins_again_where_it_is_told() -> None:
    whole = _read(_worker(total=3000))
    for number in (0, 1, 577, 1311, 2999):
        part = _read(_worker(number, 3000))
        assert [(log.time_unix_nano, log.body) for log in part] == [
            (log.time_unix_nano, log.body) for log in whole[number:]
        ]


def test_what_was_not_sent_comes_again() -> None:
    container = _worker()
    first, again = container.take(), container.take()
    assert first is not None
    assert again is not None
    assert first[1] == again[1]
    assert len(first[0].events) == len(again[0].events)


def test_the_last_line_is_the_last() -> None:
    container = _worker(total=7)
    assert len(_read(container)) == 7
    assert container.due_at is None
    assert container.take() is None
