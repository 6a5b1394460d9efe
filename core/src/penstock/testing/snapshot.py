"""Batches written down and compared, so that whoever changes shared ones is seen."""

from __future__ import annotations

import msgspec

from penstock.api.event import KINDS, Batch, Event, Gauge, Resource


def with_mutable_parts(one: Batch) -> Batch:
    """Copy a batch into one whose maps and events could be changed by whoever wants to."""
    of = Resource(one.resource.origin, dict(one.resource.attributes), dict(one.resource.tags))
    return Batch(of, [_with_mutable_maps(event) for event in one.events], one.size, one.trail)


def as_text(one: Batch) -> str:
    """Write down a batch without its receipts, for comparison."""
    kinds = [KINDS.get(type(event), "?") for event in one.events]
    resource_text = repr((one.resource.origin, dict(one.resource.attributes), one.resource.tags))
    events = [repr(event) for event in one.events]
    shown = ", ".join(f"{kind} {text}" for kind, text in zip(kinds, events, strict=True))
    return f"{resource_text} {one.size} [{shown}]"


def changed(before: str, after: str, word: str = "became") -> str:
    """Say where two texts of a batch begin to differ, empty if they do not."""
    if before == after:
        return ""
    pairs = enumerate(zip(before, after, strict=False))
    at = next((i for i, pair in pairs if len({*pair}) > 1), min(len(before), len(after)))
    start = max(0, at - 40)
    return f"…{before[start : at + 40]}… {word} …{after[start : at + 40]}…"


def _with_mutable_maps(event: Event) -> Event:
    copy = msgspec.structs.replace(event, attributes=dict(event.attributes))
    return msgspec.structs.replace(copy, values=dict(copy.values)) if type(copy) is Gauge else copy
