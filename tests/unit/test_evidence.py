"""Evidence: whose fault a failure is, by how the other writes fare."""

from __future__ import annotations

import pytest

from penstock.delivery.evidence import Evidence, Record


def after(*records: Record) -> Evidence:
    """Return the evidence after failures, at which all writes had fared so."""
    evidence = Evidence(Record())
    for record in records:
        evidence.failed(record)
    return evidence


def test_an_outage_is_one_strike_at_most() -> None:
    assert after(*(Record(0, count) for count in range(1, 100))).strikes == 0
    assert after(*(Record(1, count) for count in range(1, 100))).strikes == 1


def test_each_failure_after_a_success_of_others_is_a_strike() -> None:
    evidence = after(Record(0, 1), Record(0, 2), Record(3, 3), Record(3, 4), Record(4, 5))
    assert evidence.strikes == 2
    assert evidence.last == Record(4, 5)


def test_nothing_is_unlikely_while_nothing_comes_through() -> None:
    assert after().chance == 1.0
    assert after(*(Record(0, count) for count in range(1, 100))).chance == 1.0


def test_failures_among_successes_are_unlikely() -> None:
    lonely = after(*(Record(count, count) for count in range(1, 8)))
    assert lonely.chance == pytest.approx((1 / 8) ** 7)


def test_failures_among_failures_are_not() -> None:
    flaky = after(*(Record(count, 2 * count) for count in range(1, 8)))
    assert flaky.chance == pytest.approx((8 / 15) ** 7)


def test_what_was_before_it_does_not_count() -> None:
    evidence = Evidence(Record(1000, 0))
    evidence.failed(Record(1001, 1))
    assert evidence.chance == 0.5


def test_defects_are_counted_apart() -> None:
    evidence = after(Record(0, 1))
    evidence.failed(Record(0, 2), by_defect=True)
    assert evidence.defects == 1
