"""Tags and attributes of resources, changed once for each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, TypeVar
from weakref import WeakKeyDictionary

from msgspec import Meta, field
from msgspec.structs import replace

from penstock.api import Batch, ConfigError, Patterns, Resource, Template, Transform

_LABEL = "container.label."

V = TypeVar("V")


class Tagging(Transform):
    """Adds tags, takes them from labels, and removes tags and attributes.

    ``add`` sees everything as it was before the removals and has the last word, so that a tag or
    a label can be given another name.
    """

    name = "tagging"
    requires_api = "1.0"
    stability = "beta"

    class Config(Transform.Config, frozen=True, kw_only=True):
        """What is added and removed."""

        add: Annotated[
            dict[str, Template],
            Meta(description="Tags to set: a template for each. Without a value, no tag."),
        ] = field(default_factory=dict)
        from_labels: Annotated[
            Patterns, Meta(description="Container labels that become tags, by their keys.")
        ] = Patterns()
        remove: Annotated[Patterns, Meta(description="Tags to remove, by their keys.")] = Patterns()
        remove_attributes: Annotated[
            Patterns, Meta(description="Resource attributes to remove, by their names.")
        ] = Patterns()

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        for tag, template in config.add.items():
            _refuse_event_fields(tag, template)
        # None stands for an unchanged resource, which as a value would keep itself alive.
        self._known: WeakKeyDictionary[Resource, Resource | None] = WeakKeyDictionary()

    def apply(self, batch: Batch) -> Batch:
        """Give the batch the changed resource."""
        resource = batch.resource
        try:
            changed = self._known[resource]
        except KeyError:
            changed = self._known[resource] = self._change(resource)
        return batch if changed is None else replace(batch, resource=changed)

    def _change(self, resource: Resource) -> Resource | None:
        config = self.config
        tags = {**resource.tags, **self._from_labels(resource)}
        tagged = replace(resource, tags=tags)
        added = {key: template.render(tagged, None) for key, template in config.add.items()}
        tags = _without(tags, config.remove)
        tags.update((key, text) for key, text in added.items() if text is not None)
        attributes = _without(resource.attributes, config.remove_attributes)
        if tags == resource.tags and len(attributes) == len(resource.attributes):
            return None
        return replace(
            resource, tags=MappingProxyType(tags), attributes=MappingProxyType(attributes)
        )

    def _from_labels(self, resource: Resource) -> dict[str, str]:
        wanted = self.config.from_labels
        labels = (
            (name.removeprefix(_LABEL), value)
            for name, value in resource.attributes.items()
            if wanted and name.startswith(_LABEL)
        )
        return {key: str(value) for key, value in labels if wanted.matches(key)}


def _refuse_event_fields(tag: str, template: Template) -> None:
    if not tag:
        raise ConfigError('add: a tag needs a name; "" is none')
    if not template.per_resource:
        raise ConfigError(
            f"add.{tag}: {{{template.event_fields[0]}}} differs from event to event, but a tag "
            "belongs to all events of a container; use fields of the container, such as "
            "{container.name}, or name the event's field in the sink's own templates"
        )


def _without(values: Mapping[str, V], patterns: Patterns) -> dict[str, V]:
    return {key: value for key, value in values.items() if not patterns.matches(key)}
