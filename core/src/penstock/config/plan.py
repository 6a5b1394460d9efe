"""What a configuration amounts to once it is checked: plain data that the runtime wires up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.api.component import Component, Sink, Source, Transform
from penstock.api.settings import (
    BatchSettings,
    BufferSettings,
    DeadLetterSettings,
    RetrySettings,
    TlsSettings,
)


class PenstockSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[penstock]`` table."""

    state_dir: Annotated[
        str | None, Meta(description='Folder of what outlives the process; "" keeps nothing.')
    ] = None
    drain_timeout_s: Annotated[
        float, Meta(gt=0, description="Time to deliver what is under way when stopping.")
    ] = 8.0
    max_disk_bytes: Annotated[int, Meta(ge=0, description="Over all buffers and dead letters.")] = (
        4_294_967_296
    )
    orphans: Annotated[
        Literal["refuse", "dead_letter"], Meta(description="What to do with a lost sink's spool.")
    ] = "refuse"
    extensions: Annotated[
        tuple[str, ...], Meta(description="Plugins that add commands or observe.")
    ] = ()

    def __post_init__(self) -> None:
        if "\0" in (self.state_dir or ""):
            raise ValueError("state_dir: a path has no character of code 0")

    def waiting(self, started: PenstockSettings) -> list[str]:
        """Name the settings that a reload cannot put in place and that a start had otherwise."""
        fixed = ("state_dir", "max_disk_bytes")
        return [key for key in fixed if getattr(self, key) != getattr(started, key)]


class AdminSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[admin]`` table."""

    listen: Annotated[
        str,
        Meta(
            description="HOST:PORT of metrics and health over HTTP, or a PORT on loopback; "
            "empty = off."
        ),
    ] = ""
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Further names with a dot under which clients reach it."),
    ] = ()

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        is_bare = ":" in host and not (host.startswith("[") and host.endswith("]"))
        is_port = port.isascii() and port.isdecimal() and int(port) <= 65_535
        is_host = not is_bare and host.isprintable() and " " not in host
        if self.listen and not (is_host and is_port):
            raise ValueError('listen: expected "HOST:PORT", such as "127.0.0.1:8686", or a port')

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen, None for not at all; a port alone is loopback's."""
        host, _, port = self.listen.rpartition(":")
        return (host.strip("[]") or "127.0.0.1", int(port)) if port else None


class SourcePlan(Struct, frozen=True, kw_only=True):
    """A source that some pipeline uses."""

    table: str
    component: type[Source]
    config: Component.Config
    tls: TlsSettings = TlsSettings()
    tls_files: str = ""
    """Tells what is in the files of ``tls`` from what was in them: one renewed is another plan."""
    buffer: BufferSettings | None = None
    """The intake of a source that cannot be read again; others have none."""


class TransformPlan(Struct, frozen=True, kw_only=True):
    """A transform that some pipeline uses; each pipeline has an instance of its own."""

    table: str
    component: type[Transform]
    config: Component.Config


class SinkPlan(Struct, frozen=True, kw_only=True):
    """A sink that some pipeline uses, with the settings that core carries out for it."""

    table: str
    component: type[Sink]
    config: Component.Config
    tls: TlsSettings = TlsSettings()
    tls_files: str = ""
    """As of a source."""
    batch: BatchSettings = BatchSettings()
    buffer: BufferSettings = BufferSettings()
    retry: RetrySettings = RetrySettings()
    dead_letter: DeadLetterSettings = DeadLetterSettings()


class PipelinePlan(Struct, frozen=True, kw_only=True):
    """A pipeline: names of sources, of transforms in order, and of sinks."""

    name: str
    sources: tuple[str, ...]
    transforms: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()


class Plan(Struct, frozen=True, kw_only=True):
    """The whole: components by name (without their kind), pipelines by name.

    ``broken`` maps the table of a component whose plugin does not load to the reason. Pipelines
    still name it; it has no entry among the components. ``fingerprint`` tells one text of the
    configuration from another.
    """

    settings: PenstockSettings = PenstockSettings()
    admin: AdminSettings = AdminSettings()
    sources: Mapping[str, SourcePlan] = {}
    transforms: Mapping[str, TransformPlan] = {}
    sinks: Mapping[str, SinkPlan] = {}
    pipelines: Mapping[str, PipelinePlan] = {}
    broken: Mapping[str, str] = {}
    fingerprint: str = ""

    @property
    def components(self) -> dict[str, SourcePlan | TransformPlan | SinkPlan]:
        """The components that work, by their tables."""
        return {
            **{f"sources.{name}": source for name, source in self.sources.items()},
            **{f"transforms.{name}": transform for name, transform in self.transforms.items()},
            **{f"sinks.{name}": sink for name, sink in self.sinks.items()},
        }
