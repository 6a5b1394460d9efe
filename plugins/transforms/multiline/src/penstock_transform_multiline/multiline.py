"""Entries of several lines, joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar
from weakref import WeakKeyDictionary

from msgspec import Meta

from penstock.api import Batch, ConfigError, Resource, Transform
from penstock_transform_multiline.assembly import Assembly, Limits
from penstock_transform_multiline.entries import EntryReader, Match
from penstock_transform_multiline.joining import Container, Pass, emit_held
from penstock_transform_multiline.reader import Look
from penstock_transform_multiline.readers import Readers
from penstock_transform_multiline.settings import AUTO, PresetNames, Regex


class Multiline(Transform):
    """Joins stack traces by presets, or entries by a pattern, each container and stream alone."""

    name = "multiline"
    requires_api = "1.0"
    stability = "beta"
    stateful = True
    max_held_bytes: ClassVar[int] = 67_108_864
    """What may be held over all containers; then what was held first is emitted first."""

    class Config(Transform.Config, frozen=True, kw_only=True):
        """What is joined, and how much of it."""

        preset: Annotated[
            PresetNames,
            Meta(
                description="Whose stack traces: auto, or of java python go node ruby dotnet rust "
                "php one or several; off: of those containers only whose label asks for it."
            ),
        ] = PresetNames(AUTO)
        pattern: Annotated[
            Regex | None,
            Meta(description="A regular expression, instead of presets; `match` says of what."),
        ] = None
        match: Annotated[
            Match,
            Meta(description="What a line is that matches `pattern`; non-: that does not."),
        ] = "nonfirst"
        separator: Annotated[str, Meta(description="What is put between two lines.")] = "\n"
        max_wait_ms: Annotated[
            int, Meta(ge=1, le=3_600_000, description="Silence after which an entry is whole.")
        ] = 500
        max_lines: Annotated[
            int, Meta(ge=2, description="Lines of one event; a longer entry becomes several.")
        ] = 1000
        max_bytes: Annotated[
            int, Meta(ge=1024, description="Bytes of one event, unless one line has more.")
        ] = 262_144
        allow_labels: Annotated[
            bool,
            Meta(
                description="Whether a container's label penstock.multiline, or "
                "LOGSPOUT_MULTILINE in its environment, has the last word."
            ),
        ] = True

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.pattern and config.preset.names != (AUTO,):
            raise ConfigError("pattern and preset are two ways to the same end: leave out one")
        if config.match != "nonfirst" and not config.pattern:
            raise ConfigError("match says what lines are that match `pattern`, which is missing")
        self._limits = Limits(config.separator, config.max_lines, config.max_bytes)
        self._readers = Readers(config.preset, self._by_pattern(), config.allow_labels)
        self._containers: WeakKeyDictionary[Resource, Container] = WeakKeyDictionary()
        self._holding: dict[str, Container] = {}
        self._held = 0

    def apply(self, batch: Batch) -> Batch | Sequence[Batch]:
        """Return the batch with lines joined, and without those that are held."""
        resource = batch.resource
        container = self._containers.get(resource)
        if container is None:
            container = self._meet(resource)
        reader = container.reader
        if reader is None:
            return batch
        look = reader.look(batch.events)
        if look.is_clean and not container.entries and resource.origin not in self._holding:
            if batch.events:
                look.passed(batch.events[-1])
            return batch
        return self._join(
            batch, container, Pass(self, batch, container, reader, self._limits), look
        )

    def flush(self, now: float, final: bool) -> Iterable[Batch]:
        """Give up what no line was added to for ``max_wait_ms``, or all."""
        made: list[Batch] = []
        for origin, container in list(self._holding.items()):
            for stream, entry in list(container.entries.items()):
                if entry.holds and (final or self._is_silent(entry, now)):
                    made.append(self._give_up(container, stream, entry, final=final))
            self._count(origin, container)
        return made

    def _by_pattern(self) -> EntryReader | None:
        pattern = self.config.pattern
        return EntryReader(pattern.matcher, self.config.match) if pattern else None

    def _meet(self, resource: Resource) -> Container:
        reader = self._readers.reader(resource, self.context.log)
        container = self._containers[resource] = Container(reader)
        return container

    def _join(
        self, batch: Batch, container: Container, over: Pass, look: Look
    ) -> Batch | Sequence[Batch]:
        origin = batch.resource.origin
        made: list[Batch] = []
        before = self._holding.get(origin)
        if before is not None and before is not container:
            # The container is described anew: what it printed before comes first.
            made += self._empty(origin, before)
        result = over.run(look)
        self._count(origin, container)
        while self._held > self.max_held_bytes:
            made += self._empty(*next(iter(self._holding.items())))
        if not made:
            return result
        return [*made, *([result] if isinstance(result, Batch) else result)]

    def _empty(self, origin: str, container: Container) -> list[Batch]:
        made = [
            self._give_up(container, stream, entry, final=True)
            for stream, entry in list(container.entries.items())
            if entry.holds
        ]
        container.entries.clear()
        self._count(origin, container)
        return made

    def _give_up(self, container: Container, stream: str, entry: Assembly, *, final: bool) -> Batch:
        """Emit an entry; one that may go on does so as its next part, unless this is the end."""
        made = emit_held(self, entry, self._limits)
        if container.reader:
            container.reader.settled(entry)
        if final or not entry.candidates or entry.sure < entry.count:
            del container.entries[stream]
        else:
            entry.next_part()
        return made

    def _is_silent(self, entry: Assembly, now: float) -> bool:
        if entry.fresh:
            entry.fresh = False
            entry.since = now
        return now - entry.since >= self.config.max_wait_ms / 1000

    def _count(self, origin: str, container: Container) -> None:
        """Note what a container holds now."""
        held = sum(entry.size for entry in container.entries.values() if entry.holds)
        self._held += held - container.held
        container.held = held
        if held:
            self._holding[origin] = container
        elif self._holding.get(origin) is container:
            del self._holding[origin]
