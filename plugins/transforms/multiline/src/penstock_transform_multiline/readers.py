"""How each container's lines are joined: as the operator says, or as the container asks."""

from __future__ import annotations

import logging
from functools import partial

from penstock.api import Resource
from penstock_transform_multiline.choice import asked
from penstock_transform_multiline.presets import MACHINES
from penstock_transform_multiline.reader import Reader
from penstock_transform_multiline.scores import Scores
from penstock_transform_multiline.settings import AUTO, OFF, PresetNames
from penstock_transform_multiline.traces import Presets, TraceReader

_AUTO = PresetNames(AUTO)


class Readers:
    """Makes the reader of each container. ``by_pattern`` is shared by all that are read by it."""

    def __init__(self, names: PresetNames, by_pattern: Reader | None, allow_labels: bool) -> None:
        self._names = names
        self._by_pattern = by_pattern
        self._allow_labels = allow_labels
        self._presets: dict[tuple[str, ...], Presets] = {}

    def reader(self, resource: Resource, log: logging.Logger) -> Reader | None:
        """Return a container's reader; None if its lines are left alone."""
        try:
            wanted = asked(resource) if self._allow_labels else None
        except ValueError as error:
            log.warning("%s; the settings apply", error, extra={"origin": resource.origin[:256]})
            wanted = None
        if wanted is None:
            return self._by_pattern or self._traces(self._names, resource, log)
        if wanted is False:
            return None
        if wanted is True:
            is_off = self._names.names == (OFF,)
            names = _AUTO if is_off else self._names
            return self._by_pattern or self._traces(names, resource, log)
        return self._traces(wanted, resource, log)

    def _traces(
        self, names: PresetNames, resource: Resource, log: logging.Logger
    ) -> TraceReader | None:
        if names.names == (OFF,):
            return None
        if names.names != (AUTO,):
            return TraceReader(self._some(names.names), _forget)
        reader = TraceReader(self._some(tuple(MACHINES)), _forget)
        who = str(resource.attributes.get("container.name", resource.origin))[:256]
        reader.learn = Scores(partial(self._say, reader, who, log)).learn
        return reader

    def _say(
        self, reader: TraceReader, who: str, log: logging.Logger, preset: str, settled: bool
    ) -> None:
        if settled:
            reader.presets = self._some((preset,))
        log.info(
            "only stack traces of one language are looked for from now on"
            if settled
            else "stack traces were recognised",
            extra={"container": who, "preset": preset},
        )

    def _some(self, names: tuple[str, ...]) -> Presets:
        if names not in self._presets:
            self._presets[names] = Presets([MACHINES[name] for name in names])
        return self._presets[names]


def _forget(preset: str) -> None:
    """Learn nothing: the presets were chosen."""
