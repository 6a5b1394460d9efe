"""A container's attributes under OpenTelemetry's names, bounded, as strangers choose them."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

from penstock.api import Patterns, Resource, Value
from penstock_source_docker.answers import Details
from penstock_source_docker.budget import Budget
from penstock_source_docker.text import bounded

MAX_NAME = 256
MAX_VALUE = 8_192
MAX_ALL = 65_536
"""Characters of one container's labels and variables together; more are left out."""

LEFT_OUT = "penstock.attributes_left_out"
"""The attribute that says how many labels and variables are not there."""

MULTILINE = "LOGSPOUT_MULTILINE"
"""Logspout's variable, which is always told: by it a container says if its lines are joined."""

SERVICE_LABELS = ("com.docker.compose.service", "com.docker.swarm.service.name")


class Attributes:
    """Makes the resources of one engine's containers."""

    def __init__(self, labels: Patterns, env: Patterns, budget: Budget) -> None:
        self._labels = labels
        self._env = env
        self._budget = budget
        self.host = ""
        """The name of the engine's host, if it is known."""

    def resource(self, container: Details) -> tuple[Resource, int]:
        """Return a container's resource, and what it took of the budget."""
        attributes: dict[str, Value] = {"container.id": container.id}
        attributes.update(_fixed(container))
        if self.host:
            attributes["host.name"] = self.host
        taken = left_out = 0
        for key, value in self._chosen(container):
            size = len(key) + len(value)
            if taken + size <= MAX_ALL and self._budget.take(size):
                attributes[key] = value
                taken += size
            else:
                left_out += 1
        if left_out:
            attributes[LEFT_OUT] = left_out
        return Resource(origin(container.id), MappingProxyType(attributes)), taken

    def bare(self, container: str, name: str) -> Resource:
        """Return the resource of a container of which no more is known."""
        attributes: dict[str, Value] = {"container.id": container, "container.runtime": "docker"}
        if name:
            attributes["container.name"] = bounded(name, MAX_NAME)
        if self.host:
            attributes["host.name"] = self.host
        return Resource(origin(container), attributes)

    def _chosen(self, container: Details) -> Iterator[tuple[str, str]]:
        for prefix, pairs, wanted in (
            ("container.label.", container.labels, self._labels.matches),
            ("container.env.", container.env, self._is_wanted),
        ):
            for key, value in pairs.items():
                if wanted(key):
                    yield prefix + bounded(key, MAX_NAME), bounded(value, MAX_VALUE)

    def _is_wanted(self, variable: str) -> bool:
        return variable == MULTILINE or self._env.matches(variable)


def origin(container: str) -> str:
    """Return what names a container in positions, the ledger and the ids of events."""
    return f"docker:{container}"


def _fixed(container: Details) -> Iterator[tuple[str, str]]:
    yield "container.runtime", "docker"
    image, tag = split_image(container.config.image)
    service = next((container.labels[key] for key in SERVICE_LABELS if key in container.labels), "")
    for name, value in (
        ("container.name", container.plain_name),
        ("container.image.name", image),
        ("container.image.tag", tag),
        ("service.name", service),
    ):
        if value:
            yield name, bounded(value, MAX_NAME)


def split_image(image: str) -> tuple[str, str]:
    """Split ``ghcr.io/x/nginx:1.25`` into name and tag; a digest behind ``@`` is no tag."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return folder + slash + last, tag
