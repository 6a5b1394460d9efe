"""The attribute ``host.name`` of resources, filled in once for each."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, ClassVar
from weakref import WeakKeyDictionary

from msgspec import Meta
from msgspec.structs import replace

from penstock.api import Batch, ConfigError, Resource, Template, Transform
from penstock_transform_hostname import names


class Hostname(Transform):
    """Fills in a missing name of the host, or replaces it.

    ``value`` replaces ``host.name`` wherever it has a text.
    """

    name = "hostname"
    requires_api = "1.0"
    stability = "beta"
    mounted: ClassVar[str] = names.MOUNTED
    """The name that the operator mounted: better than the one that Docker tells."""
    own: ClassVar[str] = names.OWN
    """The last resort."""

    class Config(Transform.Config, frozen=True, kw_only=True):
        """Where the name comes from."""

        value: Annotated[
            Template | None,
            Meta(
                description="A template for the name. Default: the content of "
                "/etc/host_hostname, else the Docker host's name, else this machine's."
            ),
        ] = None

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.value is not None and not config.value.per_resource:
            raise ConfigError(
                f"value: {{{config.value.event_fields[0]}}} differs from event to event, but a "
                "host's name belongs to all events of a container; use fields such as "
                "{container.label.com.example.node}"
            )
        # None stands for an unchanged resource, which as a value would keep itself alive.
        self._known: WeakKeyDictionary[Resource, Resource | None] = WeakKeyDictionary()

    def apply(self, batch: Batch) -> Batch:
        """Give the batch a resource with a host's name."""
        resource = batch.resource
        try:
            changed = self._known[resource]
        except KeyError:
            changed = self._known[resource] = self._change(resource)
        return batch if changed is None else replace(batch, resource=changed)

    def _change(self, resource: Resource) -> Resource | None:
        host = self._name(resource)
        if not host or host == resource.attributes.get("host.name"):
            return None
        attributes = {**resource.attributes, "host.name": host}
        return replace(resource, attributes=MappingProxyType(attributes))

    def _name(self, resource: Resource) -> str:
        known = str(resource.attributes.get("host.name", ""))
        if (template := self.config.value) and (text := template.render(resource, None)):
            return text
        if resource.attributes.get("container.runtime") == "docker":
            return self.mounted or known or self.own
        return known or self.mounted or self.own
