"""The selectors of the RLP gateway's query, and which envelopes they let through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

KINDS = ("log", "counter", "gauge", "timer", "event")
Query = Mapping[str, Sequence[str]]


class Selector(Struct, frozen=True):
    """A kind, from one source or from all, of one name or a set of them, or of any."""

    kind: str
    source_id: str = ""
    names: frozenset[str] = frozenset()

    def takes(self, envelope: Mapping[str, Any]) -> bool:
        """Say whether it selects an envelope; a gauge has exactly the names, no more."""
        body = envelope.get(self.kind)
        if body is None or self.source_id not in ("", envelope["source_id"]):
            return False
        return not self.names or self.names == frozenset(names_of(envelope))


def names_of(envelope: Mapping[str, Any]) -> list[str]:
    """Return a counter's or a gauge's names."""
    if "gauge" in envelope:
        return sorted(envelope["gauge"]["metrics"])
    return [envelope["counter"]["name"]] if "counter" in envelope else []


def selectors(query: Query) -> tuple[Selector, ...]:
    """Return what a query selects; nothing where it names no kind."""
    sources = query.get("source_id", [""])
    chosen = list(dict.fromkeys(_chosen(query)))
    return tuple(Selector(kind, source, names) for source in sources for kind, names in chosen)


def _chosen(query: Query) -> Iterator[tuple[str, frozenset[str]]]:
    for kind in KINDS:
        if kind in query:
            yield kind, frozenset()
        for value in query.get(f"{kind}.name", ()) if kind in ("counter", "gauge") else ():
            names = value.split(",") if kind == "gauge" else [value]
            yield kind, frozenset(filter(None, names))
