"""What is remembered belongs to its two objects, and takes a bounded room for all together."""

from __future__ import annotations

import gc
import weakref

from penstock.api import Counter, Event, Gauge, GaugeValue, Log, Resource
from penstock.testing import batch, configured, resource
from penstock_sink_syslog.loggregator import MOST_SHORT, _escaped, _form
from penstock_sink_syslog.memory import MOST, Memory
from penstock_sink_syslog.sink import SyslogSink


class Tags(dict[str, str]):
    """A map that can be watched."""


def test_found_is_what_was_kept_for_both() -> None:
    memory: Memory[str] = Memory()
    one, other = resource("a"), resource("b")
    shared, equal = {"job": "x"}, {"job": "x"}
    memory.keep(one, shared, "one's")
    memory.keep(other, shared, "other's")
    assert memory.find(one, shared) == "one's"
    assert memory.find(other, shared) == "other's"
    assert memory.find(one, equal) is None


def test_a_resource_at_the_address_of_another_is_not_taken_for_it() -> None:
    memory: Memory[str] = Memory()
    shared = {"job": "x"}
    addresses = set()
    again = 0
    for _ in range(300):
        mortal = Resource("o")
        again += id(mortal) in addresses
        addresses.add(id(mortal))
        assert memory.find(mortal, shared) is None
        memory.keep(mortal, shared, "made")
        del mortal
    assert again, "no address came again: nothing was tried"


def sink() -> SyslogSink:
    table = {"address": "tcp://127.0.0.1:9", "metrics": "structured_data"}
    return configured(SyslogSink, {**table, "proc_id": "{attributes.n}"})


def written(event: Event) -> bytes:
    return sink()._framer.octets([batch([event], resource())])


def test_maps_of_single_events_take_no_more_the_more_resources_there_are() -> None:
    one = sink()
    watched: list[weakref.ref[Tags]] = []
    resources = [resource(f"app/{number}") for number in range(200)]
    for of in resources:
        maps = [Tags(n=str(number)) for number in range(80)]
        watched += map(weakref.ref, maps)
        events = [kind(1, "x", attributes=own) for own in maps for kind in (Log, Counter)]
        assert one._framer.octets([batch(events, of)]).count(b"tags@47450") == len(maps)
        del maps, events
    gc.collect()
    assert len(watched) > 3 * MOST
    assert sum(known() is not None for known in watched) <= 3 * MOST


def test_long_names_are_not_remembered() -> None:
    forms, names = _form.cache_info().currsize, len(_escaped)
    for digit in "01234":
        name = digit * 5000
        values = {name: GaugeValue(1.0, name), "b": GaugeValue(1.0, name)}
        got = written(Gauge(1, values, 0, {name: "v"}))
        assert b'[gauge@47450 name="b" ' in got
        assert got.count(f'[tags@47450 {name[:32]}="v"]'.encode()) == 2
    assert _form.cache_info().currsize == forms
    assert len(_escaped) <= names + 1


def test_short_names_are_remembered_up_to_a_bound() -> None:
    written(Gauge(1, {f"reading {n}": GaugeValue(1.0) for n in range(MOST_SHORT + 10)}))
    assert 0 < len(_escaped) <= MOST_SHORT
