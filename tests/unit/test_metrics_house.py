"""Metrics through the whole house: every kind and every field, from the source to the far end."""

from __future__ import annotations

import gc
import json
import math
import re
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from tests.admin_lab import SeenLab

from penstock.api import (
    KINDS,
    Batch,
    BufferSettings,
    Component,
    Counter,
    Event,
    Gap,
    Gauge,
    GaugeValue,
    Log,
    Resource,
    Template,
    Timer,
    TitledEvent,
    encode_event,
    event_id,
    heap_size,
)
from penstock.config.plan import Plan, TransformPlan
from penstock.plugins import Plugins
from penstock.state.pages import DamagedPageError, decode_batches, encode_batches
from penstock.testing import configured

NOW = 1_700_000_000_000_000_001
BIG = 2**64 - 1
EVERY = tuple(KINDS.values())
TAGS: Mapping[str, Any] = {"job": "router", "index": 3, "ratio": 0.5, "leader": True, "": ""}


def metrics() -> list[Event]:
    """Make events whose every field is hard to carry."""
    return [
        Log(NOW, "first", "stdout", 9, attributes=TAGS),
        Counter(NOW + 1, "requests", BIG, BIG, 1, TAGS),
        Counter(NOW + 1, "unknown total", 3, None, 2),
        Counter(NOW + 1, "reset", 0, 0, 3, TAGS),
        Counter(NOW + 2, "beyond", 2**70, 2**64),
        Gauge(
            NOW + 3,
            {
                "cpu": GaugeValue(12.5, "percentage"),
                "nan": GaugeValue(math.nan),
                "inf": GaugeValue(math.inf, "s"),
                "minus": GaugeValue(-0.0),
                "small": GaugeValue(5e-324),
                "é\n\x00": GaugeValue(1e300, "\u2028"),
            },
            0,
            TAGS,
        ),
        Gauge(NOW + 4, {}),
        Timer(NOW + 5, "http", NOW, NOW + 5, 7, {"uri": "/x", **TAGS}),
        Timer(NOW + 5, "backwards", NOW, 0, 8),
        TitledEvent(NOW + 6, "deployed", "a\nb\ud800", 0, TAGS),
        Gap(NOW + 7, "rotated", 1, NOW, 12, "stderr", 0, TAGS),
        Log(NOW + 8, "last", "stderr", 17),
    ]


def plain(events: list[Event], *, clean: bool = False) -> list[object]:
    """Say what events hold in a form that compares, NaN and -0.0 included."""
    shown = [(type(event), _plain(asdict(event))) for event in events]
    # A page holds no lone surrogates: it spells them out.
    return [repr(one).replace("\\ud800", "\\\\ud800") if clean else repr(one) for one in shown]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return value


@pytest.fixture
def all_kinds(seen: SeenLab) -> Callable[..., Plan]:
    """``all_kinds("a > x")``: a plan whose sinks take every kind."""

    def make(text: str) -> Plan:
        for sink in text.rsplit(">", maxsplit=1)[-1].split():
            seen.settings(sink, kinds=EVERY)
        return seen.plan(main=text)

    return make


def transform(type_: str, **settings: Any) -> TransformPlan:
    component: Any = Plugins().component("transform", type_)
    made: Component = configured(component, settings)
    return TransformPlan(table=f"transforms.{type_}", component=component, config=made.config)


def with_transforms(plan: Plan, *transforms: TransformPlan) -> Plan:
    named = {one.component.name: one for one in transforms}
    pipelines = {
        name: replace(one, transforms=tuple(named)) for name, one in plan.pipelines.items()
    }
    return replace(plan, transforms=named, pipelines=pipelines)


async def arrived(seen: SeenLab, sink: str = "x", count: int | None = None) -> list[Event]:
    """Return what a sink's destination has, once all of it is there."""
    far = seen.destination(sink)
    wanted = len(metrics()) if count is None else count
    await far.until(lambda: len(far.events()) >= wanted)
    return far.events()


async def test_everything_through_memory(seen: SeenLab, all_kinds: Callable[..., Plan]) -> None:
    seen.settings("x", buffer=BufferSettings(type="memory"))
    seen.origin("a").write(metrics())
    await seen.start(all_kinds("a > x"))
    assert plain(await arrived(seen)) == plain(metrics())
    row = await seen.row()
    assert [(one.outcome, one.events) for one in row.outcomes] == [("delivered", len(metrics()))]
    assert row.residue == 0


async def test_everything_through_the_disk_and_a_crash(
    seen: SeenLab, all_kinds: Callable[..., Plan]
) -> None:
    seen.settings("x", buffer=BufferSettings(type="disk"))
    seen.destination("x").hang()
    seen.origin("a").write(metrics())
    plan = all_kinds("a > x")
    await seen.start(plan)
    await seen.until(lambda: seen.spooled("x") == len(metrics()))
    await seen.journal_of_state.flush()
    await seen.crash()
    seen.destination("x").mend()
    seen.boot()
    await seen.start(plan)
    assert plain(await arrived(seen)) == plain(metrics(), clean=True)


async def test_transforms_of_logs_leave_metrics_alone_and_in_their_place(
    seen: SeenLab, all_kinds: Callable[..., Plan]
) -> None:
    trace = ["Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: no"]
    events = [*metrics()[:5], *[Log(NOW + 4, line, "stderr") for line in trace], *metrics()[5:]]
    seen.origin("a").write(events)
    plan = with_transforms(
        all_kinds("a > x"),
        transform("multiline", preset="python", max_wait_ms=50),
        transform("tagging", add={"env": "prod"}),
        transform("hostname", value="node-1"),
    )
    await seen.start(plan)
    got = await arrived(seen, count=len(metrics()) + 1)
    others = [event for event in got if type(event) is not Log]
    assert plain(others) == plain([one for one in metrics() if type(one) is not Log])
    assert [event.body for event in got if type(event) is Log] == [
        "first",
        "\n".join(trace),
        "last",
    ]
    resources = [of for of, _ in seen.destination("x").received]
    assert {of.attributes["host.name"] for of in resources} == {"node-1"}
    assert {of.tags["env"] for of in resources} == {"prod"}


@pytest.mark.parametrize(
    ("rules", "kinds"),
    [
        ({"keep": {"kind": ["counter", "gauge"]}}, {"counter", "gauge"}),
        ({"keep": {"kind": "!log"}}, {"counter", "gauge", "timer", "event", "gap"}),
        ({"drop": {"kind": "re:^(log|g)"}}, {"counter", "timer", "event"}),
        ({"keep": [{"severity": "info"}, {"attributes.uri": "*"}]}, {"log", "timer"}),
        ({"keep": {"attributes.leader": "true", "kind": "g*"}}, {"gauge", "gap"}),
    ],
)
async def test_filters_choose_kinds_and_count_the_rest(
    seen: SeenLab, all_kinds: Callable[..., Plan], rules: dict[str, Any], kinds: set[str]
) -> None:
    seen.origin("a").write(metrics())
    seen.origin("a").end()
    plan = with_transforms(all_kinds("a > x"), transform("filter", **rules))
    assert await seen.run(plan) == 0
    assert {KINDS[type(event)] for event in seen.destination("x").events()} == kinds
    outcomes = seen.outcomes("x")
    left = sum(count for reason, count in outcomes.items() if reason.startswith("filtered"))
    assert outcomes["delivered"] + left == len(metrics())
    passes = configured(plan.transforms["filter"].component, rules).passes(frozenset(KINDS))
    assert kinds <= {KINDS[kind] for kind in passes}


async def test_what_a_sink_leaves_out_is_counted_by_kind_and_shown(seen: SeenLab) -> None:
    seen.settings("x", kinds=("log", "gap"))
    seen.settings("y", kinds=("gauge", "event"))
    seen.origin("a").write(metrics())
    await seen.start(seen.plan(main="a > x y"))
    await arrived(seen, "x", 3)
    await arrived(seen, "y", 3)
    logs, gauges = await seen.row("x"), await seen.row("y")
    assert {(one.outcome, one.reason): one.events for one in logs.outcomes} == {
        ("delivered", ""): 3,
        ("filtered", "kind: counter"): 4,
        ("filtered", "kind: gauge"): 2,
        ("filtered", "kind: timer"): 2,
        ("filtered", "kind: event"): 1,
    }
    assert {one.reason for one in gauges.outcomes} == {
        "",
        "kind: log",
        "kind: counter",
        "kind: timer",
        "kind: gap",
    }
    assert (logs.residue, gauges.residue) == (0, 0)
    shown = await seen.command("status")
    assert "kind: counter" in shown.stdout


async def test_dead_letters_of_every_kind_are_shown_and_replayed(
    seen: SeenLab, all_kinds: Callable[..., Plan]
) -> None:
    far = seen.destination("x")
    far.refuse(lambda _: True, "no thanks")
    seen.origin("a").write(metrics())
    await seen.start(all_kinds("a > x"))
    await seen.until(lambda: seen.letter_count() == len(metrics()))
    await seen.journal_of_state.flush()
    kinds = set()
    for letter in await seen.letters_listed():
        result = await seen.command("dlq", "show", str(letter["id"]))
        kinds.add(re.search(r'"kind": ?"(\w+)"', result.stdout)[1])
    assert kinds == set(EVERY)
    far.mend()
    assert (await seen.replay()).changed == len(metrics())
    got = await arrived(seen)
    assert sorted(map(str, plain(got))) == sorted(map(str, plain(metrics(), clean=True)))
    assert (await seen.row()).residue == 0


async def test_an_intake_counts_what_it_drops_by_kind(
    seen: SeenLab, all_kinds: Callable[..., Plan]
) -> None:
    size = max(heap_size([event]) for event in metrics())
    small = BufferSettings(type="memory", max_memory_bytes=65_536, when_full="drop_oldest")
    seen.settings("x", buffer=BufferSettings(type="memory", max_memory_bytes=65_536))
    seen.destination("x").hang()
    plan = all_kinds("a > x")
    sources = {"a": replace(plan.sources["a"], buffer=small)}
    many = [event for _ in range(100) for event in metrics()]
    seen.origin("a").write(many)
    await seen.start(replace(plan, sources=sources))
    await seen.until(lambda: seen.services.ledger.source("sources.a")[0] == len(many))
    await seen.pause()
    rows = {
        origin: row for table, origin, row in seen.services.ledger.rows() if table == "sources.a"
    }
    assert set(rows) == set(EVERY)
    dropped = {
        kind: sum(n for (outcome, _), n in row.outcomes.items() if outcome.value == "dropped")
        for kind, row in rows.items()
    }
    assert all(dropped.values()), dropped
    assert sum(row.read for row in rows.values()) == len(many)
    assert size < 65_536
    seen.destination("x").mend()


def test_a_page_writes_what_events_share_once() -> None:
    shared = {f"tag{n}": "v" * 20 for n in range(10)}
    own = [Counter(NOW, "c", n, attributes=dict(shared)) for n in range(100)]
    one = [Counter(NOW, "c", n, attributes=shared) for n in range(100)]
    logs = [Log(NOW, "x", attributes=shared), Log(NOW, "y"), Log(NOW, "z", attributes=shared)]
    of = Resource("o")
    assert len(encode_batches([Batch(of, one, 1)])) * 4 < len(encode_batches([Batch(of, own, 1)]))
    first, second = decode_batches(encode_batches([Batch(of, one, 1), Batch(of, logs, 1)]))
    assert len({id(event.attributes) for event in first.events}) == 1
    assert [dict(event.attributes) for event in second.events] == [shared, {}, shared]
    assert plain([*first.events]) == plain([*one])


def test_pages_that_were_written_before_are_read() -> None:
    import msgspec

    heads = [("o", {}, {})]
    counter = asdict(Counter(NOW, "c", 1, 2)) | {"attributes": {"a": "1"}}
    logs = (2, [1, 2], ["x", "y"], "", 0, 0, 0, [{"b": "2"}, {}])
    data = msgspec.msgpack.encode((heads, [(0, 10, [(1, counter), (0, logs)])]))
    (batch,) = decode_batches(data)
    assert [dict(event.attributes) for event in batch.events] == [{"a": "1"}, {"b": "2"}, {}]


@pytest.mark.parametrize("row", [(2, [[1, 5, 0, None]]), (1, [5]), (4, [[]]), (9, [[1]]), (3, 7)])
def test_rows_of_another_make_are_damage(row: object) -> None:
    import msgspec

    data = msgspec.msgpack.encode(([("o", {}, {})], [(0, 1, [row])], []))
    with pytest.raises(DamagedPageError):
        decode_batches(data)


# --- what is said of them -----------------------------------------------------------------


def test_the_json_form_of_every_kind() -> None:
    of = Resource("cf/0")
    records = [json.loads(encode_event(of, event)) for event in metrics()]
    assert [one["kind"] for one in records] == [KINDS[type(event)] for event in metrics()]
    assert [one["id"] for one in records] == [event_id("cf/0", event) for event in metrics()]
    assert records[1]["metric"] == {"name": "requests", "delta": BIG, "total": BIG}
    assert records[1]["attributes"] == TAGS
    assert "total" not in records[2]["metric"]
    assert records[3]["metric"] == {"name": "reset", "delta": 0, "total": 0}
    assert records[4]["metric"] == {"name": "beyond", "delta": 2**70, "total": 2**64}
    values = records[5]["metric"]["values"]
    assert values["cpu"] == {"value": 12.5, "unit": "percentage"}
    # JSON has no word for these: null says that it is no number, not that there is none.
    assert (values["nan"], values["inf"]) == ({"value": None}, {"value": None, "unit": "s"})
    assert values["small"] == {"value": 5e-324}
    assert records[6]["metric"] == {"values": {}}
    assert records[7]["metric"] == {"name": "http", "start": NOW, "stop": NOW + 5}
    assert records[9]["event"] == {"title": "deployed", "body": "a\nb?"}


def test_templates_know_the_kind() -> None:
    render = Template('{kind}:{attributes.job}:{message|"-"}').render
    assert [render(Resource("o"), event) for event in metrics()[:3]] == [
        "log:router:first",
        "counter:router:-",
        "counter::-",
    ]


HUNGRY: dict[str, Callable[[int], Event]] = {
    "gauges of many readings": lambda n: Gauge(
        NOW + n, {f"reading {m} {n}": GaugeValue(n + 0.5, f"unit {m}") for m in range(200)}
    ),
    "attributes of its own": lambda n: Counter(
        NOW + n, f"c{n}", n + 1000, n + 1000, 0, {f"tag {m}": f"{n} " * 10 for m in range(30)}
    ),
    "long names": lambda n: Timer(NOW + n, f"{n}" * 2000, NOW + n, NOW + n + 1),
    "long titles": lambda n: TitledEvent(NOW + n, f"{n} " * 2000, ""),
    "plain lines": lambda n: Log(NOW + n, f"line {n} " * 12),
}


@pytest.mark.parametrize("what", HUNGRY)
def test_sizes_follow_the_heap(what: str) -> None:
    make, count = HUNGRY[what], 300
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    events = [make(n) for n in range(count)]
    really = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert really / 1.5 < heap_size(events) < really * 1.5


def test_attributes_that_are_shared_count_once() -> None:
    shared = {"k": "v" * 10_000}
    one = heap_size([Counter(NOW, "c", attributes=shared)])
    assert heap_size([Counter(NOW, "c", attributes=shared) for _ in range(10)]) < one + 10 * 200
    own = [Counter(NOW, "c", attributes=dict(shared)) for _ in range(10)]
    assert heap_size(own) == 10 * one
