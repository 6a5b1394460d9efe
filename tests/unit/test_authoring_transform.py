"""``@transform``: one function per event, and the account that it keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from msgspec import Meta
from msgspec.structs import replace

from penstock.api import (
    KINDS,
    Batch,
    Counter,
    Event,
    Gap,
    Log,
    PluginError,
    Resource,
    Transform,
    event_id,
    heap_size,
    transform,
)
from penstock.bus.stage import Books, Stage
from penstock.testing import TransformContract, batch, configured, lines, log, one_of_each

if TYPE_CHECKING:
    from decimal import Decimal


class Words(Transform.Config, frozen=True, kw_only=True):
    """A word."""

    word: Annotated[str, Meta(description="What is acted on.")] = "GET"


@transform(config=Words, requires_api="1.0")
def mask(event: Log, config: Words) -> Log:
    """Mask a word."""
    if config.word not in event.body:
        return event
    return replace(event, body=event.body.replace(config.word, "***"))


@transform(name="drop-word", config=Words, requires_api="1.0")
def drop(event: Log, config: Words) -> Log | None:
    return None if config.word in event.body else event


@transform(requires_api="1.0")
def count(event: Log, resource: Resource) -> Iterator[Event]:
    """Go on with the line, and a counter for each word of it."""
    yield event
    for word in event.body.split()[:3]:
        yield Counter(event.time_unix_nano, f"{resource.origin} {word}", delta=1)


@transform(requires_api="1.0")
def split(event: Log) -> Iterable[Log]:
    return [replace(event, body=part) for part in event.body.split()]


class Account:
    """A transform in one of core's stages, and what the stage was told to count."""

    def __init__(self, made: Transform) -> None:
        self.filtered = self.created = 0
        self.reasons: list[str] = []
        books = Books(self._filter, self._ignore, self._ignore, self._create, self._refuse)
        log = logging.Logger("account")
        log.addHandler(logging.NullHandler())
        log.addFilter(self._note)
        self.stage = Stage("transforms.account", lambda: made, books, log)

    def _filter(self, _origin: str, _reason: str, events: int) -> None:
        self.filtered += events

    def _create(self, _origin: str, events: int) -> None:
        self.created += events

    def _ignore(self, _origin: str, _events: int) -> None:
        pass

    def _refuse(self, _of: Resource, _events: Sequence[Event], reason: str) -> None:
        self.reasons.append(reason)

    def _note(self, record: logging.LogRecord) -> bool:
        self.reasons.append(record.getMessage())
        return True


def applied(made: type[Transform], given: Batch, **settings: Any) -> tuple[list[Batch], Account]:
    """Apply a transform as core does, and return what came out, with the books."""
    account = Account(configured(made, settings))
    return list(account.stage.apply(given)), account


class TestMask(TransformContract):
    def make_transform(self) -> Transform:
        return configured(mask, {"word": "GET"})


class TestDrop(TransformContract):
    def make_transform(self) -> Transform:
        return configured(drop, {"word": "GET"})


class TestCount(TransformContract):
    def make_transform(self) -> Transform:
        return configured(count)


class TestSplit(TransformContract):
    def make_transform(self) -> Transform:
        return configured(split)


def test_the_class_is_called_like_the_function() -> None:
    assert (mask.name, drop.name, mask.__name__) == ("mask", "drop-word", "mask")
    assert mask.__doc__ == "Mask a word."
    assert (mask.__module__, mask.Config) == (__name__, Words)
    assert issubclass(mask, Transform)
    assert mask.function(log("GET /"), Words()).body == "*** /"  # type: ignore[union-attr]


def test_a_batch_without_change_is_the_same_object() -> None:
    given = batch(["quiet", *one_of_each()])
    assert configured(mask).apply(given) is given
    assert configured(drop).apply(given) is given


def test_changed_events_keep_their_place_and_the_size_fits() -> None:
    given = batch(["a", "GET b", "c"])
    (made,), _ = applied(mask, given, word="GET b")
    assert lines([made]) == ["a", "***", "c"]
    assert made.events[0] is given.events[0]
    assert made.size == heap_size(made.events)
    assert made.resource is given.resource


def test_none_is_filtered_under_the_name() -> None:
    transformed = configured(drop)
    made = transformed.apply(batch(["GET a", "b", "GET c"]))
    assert isinstance(made, Batch)
    assert lines([made]) == ["b"]
    assert list(transformed.tally.filtered.values()) == [2]
    assert [rule for _, rule in transformed.tally.filtered] == ["drop-word"]


def test_nothing_at_all_is_filtered_too() -> None:
    (made,), account = applied(split, batch(["", "one"]))
    assert lines([made]) == ["one"]
    assert (account.filtered, account.created) == (1, 0)


def test_further_events_are_created() -> None:
    made, account = applied(split, batch(["a b c", "d", "", "e f", "g"]))
    assert lines(made) == ["a", "b", "c", "d", "e", "f", "g"]
    assert (account.created, account.filtered, account.reasons) == (3, 1, [])


def test_created_events_have_ids_of_their_own_at_every_replay() -> None:
    given = batch(["a b c a"])
    ids = [
        [event_id("", event) for one in applied(split, given)[0] for event in one.events]
        for _ in range(2)
    ]
    assert len(set(ids[0])) == 4
    assert ids[0] == ids[1]
    assert ids[0][0] == event_id("", given.events[0])


def test_only_events_of_the_annotated_kinds_are_given() -> None:
    seen: list[Event] = []

    @transform
    def look(event: Gap | Counter) -> Event:
        seen.append(event)
        return event

    @transform
    def look_at_all(event: Event) -> Event:
        seen.append(event)
        return event

    given = batch(one_of_each())
    applied(look, given)
    assert [type(event) for event in seen] == [Counter, Gap]
    seen.clear()
    applied(look_at_all, given)
    assert seen == list(given.events)


def test_the_resource_comes_after_the_config() -> None:
    @transform(config=Words)
    def both(event: Log, config: Words, resource: Resource) -> Log:
        return replace(event, body=f"{config.word} {resource.origin}")

    made, _ = applied(both, batch(["x"], Resource("test:1")), word="from")
    assert lines(made) == ["from test:1"]


def test_the_kinds_that_come_out_are_those_of_the_annotation() -> None:
    @transform
    def to_counter(event: Log) -> Counter | None:
        return None

    @transform
    def unsaid(event: Log):  # type: ignore[no-untyped-def]
        return event

    logs = frozenset({Log})
    assert configured(mask).passes(logs) == logs
    assert configured(to_counter).passes(logs) == {Counter}
    assert configured(to_counter).passes(frozenset({Log, Gap})) == {Counter, Gap}
    assert configured(to_counter).passes(frozenset({Gap})) == {Gap}
    assert configured(split).passes(logs) == logs
    assert configured(count).passes(logs) == set(KINDS)
    assert configured(unsaid).passes(logs) == set(KINDS)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("text", "returned str"),
        ({"a": 1}, "returned dict"),
        (7, "returned int"),
        ([log("x"), "y"], "returned str among several"),
        ([log("x")] * 2, "returned one event twice"),
    ],
    ids=["text", "mapping", "number", "among several", "twice"],
)
def test_a_wrong_result_costs_its_event_alone(result: Any, said: str) -> None:
    @transform
    def wrong(event: Log) -> Log:
        return result if event.body == "bad" else event

    made, account = applied(wrong, batch(["a", "bad", "b"]))
    assert lines(made) == ["a", "b"]
    refusal = account.reasons[-1]
    assert said in refusal
    assert f"{__name__}.test_a_wrong_result_costs_its_event_alone.<locals>.wrong" in refusal


def test_an_exception_costs_its_event_alone() -> None:
    @transform
    def fails(event: Log) -> Sequence[Log]:
        if event.body == "bad":
            raise ValueError("no")
        return [event, replace(event, body="more")]

    made, account = applied(fails, batch(["a", "bad", "b"]))
    assert lines(made) == ["a", "more", "b", "more"]
    assert account.created == 2
    assert len(account.reasons) == 2, "said once for the batch, once for the event"


def _no_annotation(event):  # type: ignore[no-untyped-def]
    return event


def _of_text(event: str) -> str:
    return event


def _unresolved(event: Decimal) -> None: ...


def _nothing() -> None: ...


def _too_many(event: Log, a: Resource, b: int) -> Log:
    return event


def _keyword(event: Log, *, extra: int) -> Log:
    return event


async def _async(event: Log) -> Log:
    return event


def Capital(event: Log) -> Log:  # noqa: N802
    return event


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_no_annotation, "annotate event with the events that it takes"),
        (_of_text, "annotate event with the events that it takes"),
        (_unresolved, "the annotation of event cannot be resolved (name 'Decimal'"),
        (_nothing, "takes (), and has to take (event)"),
        (_too_many, "settings come with @transform(config="),
        (_keyword, "and has to take (event)"),
        (_async, "is async: a transform waits for nothing"),
        (Capital, "'Capital' is no name of a type"),
        (7, "@transform goes above a function"),
    ],
)
def test_a_function_that_does_not_fit_is_named(function: Any, said: str) -> None:
    with pytest.raises(PluginError) as raised:
        transform(function)
    assert said in str(raised.value)
    assert getattr(function, "__name__", "7") in str(raised.value)


def test_a_config_has_to_be_one() -> None:
    with pytest.raises(PluginError, match=r"has to be a class, derived from Transform\.Config"):
        transform(config=dict)(mask.function)  # type: ignore[type-var]


def test_a_config_that_is_not_taken_is_noticed() -> None:
    with pytest.raises(PluginError, match=r"has to take \(event, config\)"):
        transform(config=Words)(split.function)
