"""The ledger: rows that add up, fold, and say what is missing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Outcome
from penstock.delivery.ledger import GONE, MAX_ROWS, Ledger, Row

COUNTS = st.integers(0, 1000)


def test_a_row_adds_up() -> None:
    row = Row()
    row.read, row.created = 10, 2
    row.in_flight = 9
    row.count(Outcome.FILTERED, "rule", 3)
    assert row.residue == 0
    row.settle(Outcome.DELIVERED, "", 5)
    row.settle(Outcome.DELIVERED, "", 3)
    assert (row.residue, row.in_flight) == (0, 1)
    assert row.outcomes == {(Outcome.FILTERED, "rule"): 3, (Outcome.DELIVERED, ""): 8}


def test_residues_name_what_is_missing() -> None:
    ledger = Ledger()
    ledger.row("sinks.a", "x").read = 3
    ledger.row("sinks.a", "y").count(Outcome.DROPPED, "drop_newest", 2)
    ledger.row("sinks.b", "x")
    assert ledger.residues() == [("sinks.a", "x", 3), ("sinks.a", "y", -2)]


def test_fold_takes_the_origin_in_every_sink() -> None:
    ledger = Ledger()
    for sink in ("sinks.a", "sinks.b"):
        for origin in ("x", "y"):
            row = ledger.row(sink, origin)
            row.read = 5
            row.count(Outcome.DELIVERED, "", 5)
    ledger.fold("x")
    ledger.fold("x")
    assert {(sink, origin) for sink, origin, _ in ledger.rows()} == {
        ("sinks.a", GONE),
        ("sinks.a", "y"),
        ("sinks.b", GONE),
        ("sinks.b", "y"),
    }
    assert ledger.total("sinks.a").read == 10
    assert ledger.residues() == []


def test_fold_leaves_what_is_under_way() -> None:
    ledger = Ledger()
    row = ledger.row("sinks.a", "x")
    row.read = row.in_flight = 1
    ledger.fold("x")
    row.settle(Outcome.DELIVERED, "", 1)
    assert [origin for _, origin, _ in ledger.rows()] == ["x"]
    ledger.fold("x")
    assert [origin for _, origin, _ in ledger.rows()] == [GONE]
    assert ledger.residues() == []


class Looked(str):
    """An origin that counts how often one of its kind is looked up."""

    __slots__ = ()
    times = 0

    def __hash__(self) -> int:
        Looked.times += 1
        return super().__hash__()


def test_who_goes_is_found_without_a_look_at_all_others() -> None:
    ledger = Ledger()
    for number in range(1000):
        row = ledger.row("sinks.a", Looked(f"origin {number}"))
        row.read = number
        row.count(Outcome.DELIVERED, "", number)
    busy = ledger.row("sinks.a", Looked("busy"))
    busy.read = busy.in_flight = 1
    ledger.fold("busy")
    before = Looked.times
    ledger.fold("origin 7")
    assert Looked.times - before < 20
    busy.settle(Outcome.DELIVERED, "", 1)
    ledger.fold()
    assert Looked.times - before < 40
    left = {origin for _, origin, _ in ledger.rows()}
    assert GONE in left
    assert not {"busy", "origin 7"} & left


@given(st.lists(st.tuples(st.sampled_from("xyz"), COUNTS, COUNTS, st.booleans()), max_size=30))
def test_folding_changes_no_total(steps: list[tuple[str, int, int, bool]]) -> None:
    ledger = Ledger()
    for origin, read, delivered, fold in steps:
        row = ledger.row("sinks.a", origin)
        row.read += read
        row.count(Outcome.DELIVERED, "", delivered)
        if fold:
            ledger.fold(origin)
    total = ledger.total("sinks.a")
    assert total.read == sum(read for _, read, _, _ in steps)
    assert sum(total.outcomes.values()) == sum(delivered for _, _, delivered, _ in steps)


def settled(ledger: Ledger, sink: str, origin: str, events: int = 1) -> None:
    row = ledger.row(sink, origin)
    row.read += events
    row.count(Outcome.DELIVERED, "", events)


def test_the_oldest_idle_rows_fold_where_there_are_too_many() -> None:
    ledger = Ledger()
    settled(ledger, "sources.s", "log", 7)
    ledger.row("sinks.a", "busy").read = ledger.row("sinks.a", "busy").in_flight = 1
    for number in range(3 * MAX_ROWS):
        settled(ledger, "sinks.a", f"origin {number}")
        ledger.make_room()
    left = {(sink, origin) for sink, origin, _ in ledger.rows()}
    assert len(left) <= MAX_ROWS + 1
    assert {("sources.s", "log"), ("sinks.a", "busy"), ("sinks.a", GONE)} <= left
    assert ("sinks.a", f"origin {3 * MAX_ROWS - 1}") in left
    assert ledger.total("sinks.a").read == 3 * MAX_ROWS + 1
    assert ledger.residues() == []
    assert ledger.touched >= {("sinks.a", "origin 0"), ("sinks.a", GONE)}


def test_rows_with_something_under_way_are_kept_however_many() -> None:
    ledger = Ledger()
    for number in range(MAX_ROWS + 2000):
        row = ledger.row("sinks.a", f"origin {number}")
        row.read = row.in_flight = 1
        ledger.make_room()
    assert len(list(ledger.rows())) == MAX_ROWS + 2000
    for number in range(MAX_ROWS + 2000):
        ledger.row("sinks.a", f"origin {number}").settle(Outcome.DELIVERED, "", 1)
    for number in range(MAX_ROWS):
        settled(ledger, "sinks.a", f"later {number}")
        ledger.make_room()
    assert len(list(ledger.rows())) <= MAX_ROWS + 2000
    assert ledger.residues() == []


def test_what_is_on_its_way_into_a_row_is_not_folded() -> None:
    ledger = Ledger()
    ledger.row("sinks.a", "x").read = 1
    ledger.fold("x")
    ledger.row("sinks.a", "x").in_flight += 1
    assert ledger.residues() == []
    ledger.row("sinks.a", "x").settle(Outcome.DELIVERED, "", 1)
    ledger.fold()
    assert [origin for _, origin, _ in ledger.rows()] == [GONE]
