"""Dead letters without a state folder: capped, and what goes by the cap is told."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from penstock.api import Log, Resource
from penstock.api.settings import DeadLetterSettings
from penstock.delivery.dead_letters import MAX_MEMORY_BYTES, DeadLetter, MemoryDeadLetters
from penstock.telemetry import LETTERS_DISCARDED, Telemetry

SECOND = 1_000_000_000


def letter(body: str, at_s: int = 0) -> DeadLetter:
    resource, event = Resource("web", {}), Log(1, body)
    at = at_s * SECOND
    return DeadLetter("sinks.x", resource, event, "refused", "no", 1, at, at)


@pytest.mark.parametrize("cap", ["size", "age"])
def test_what_a_cap_discards_is_counted_and_told(cap: str, caplog: Any) -> None:
    telemetry = Telemetry()
    kept = MemoryDeadLetters("sinks.x", DeadLetterSettings(max_age_s=60), telemetry)
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            body = "x" * (MAX_MEMORY_BYTES // 2 - 1000 if cap == "size" else 10)
            kept.add(letter(body, at_s=100 * number))
        kept.trim(210 * SECOND if cap == "age" else 0)
    left, gone = (2, 1) if cap == "size" else (1, 2)
    assert kept.count == left
    assert kept.bytes <= MAX_MEMORY_BYTES
    assert telemetry.value(LETTERS_DISCARDED, ("sinks.x", cap)) == gone
    assert [record.message for record in caplog.records] == [
        "dead letters were discarded by their cap"
    ]
