"""The output of every container of one Docker engine."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.api import SEVERITIES, Outlet, Patterns, Source
from penstock_source_docker.access import connect
from penstock_source_docker.attributes import Attributes
from penstock_source_docker.budget import Budgets
from penstock_source_docker.engine import Engine
from penstock_source_docker.errors import AwayError
from penstock_source_docker.host import DEFAULT_HOST, parse_address, resolve
from penstock_source_docker.own import own_container_id
from penstock_source_docker.pace import Pace
from penstock_source_docker.selection import Matches, Selection
from penstock_source_docker.shared import ENGINE_LANE, Shared
from penstock_source_docker.watcher import Watcher

UNHEEDED_NS = 10_000_000_000
"""What was created so shortly before the last event may not have been read at all."""

Severity = Literal["trace", "debug", "info", "warn", "error", "fatal"]


class Severities(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a line's stream says of it."""

    stdout: Annotated[Severity, Meta(description="Of lines on standard output.")] = "info"
    stderr: Annotated[Severity, Meta(description="Of lines on standard error.")] = "error"


class Docker(Source):
    """Reads containers that run, and those that are started later, through the engine's API."""

    name = "docker"
    requires_api = "1.0"
    stability = "beta"
    uses_tls = True

    class Config(Source.Config, frozen=True, kw_only=True):
        """Which engine, which of its containers, and from where on."""

        host: Annotated[
            str,
            Meta(
                description="The engine: unix:///path or tcp://name:port. Empty: DOCKER_HOST, "
                f"else the current Docker context, else {DEFAULT_HOST}."
            ),
        ] = ""
        start_at: Annotated[
            Literal["end", "beginning"],
            Meta(description="Where containers begin that ran before and have no checkpoint."),
        ] = "end"
        start_lines: Annotated[
            int,
            Meta(
                ge=0, description='How many of their last lines come first, with start_at = "end".'
            ),
        ] = 0
        streams: Annotated[
            tuple[Literal["stdout", "stderr"], ...],
            Meta(min_length=1, description="Which output is read."),
        ] = ("stdout", "stderr")
        severity: Annotated[Severities, Meta(description="The severity of each stream.")] = (
            Severities()
        )
        max_line_bytes: Annotated[
            int, Meta(ge=64, description="Longer lines are cut, with a mark that says by how much.")
        ] = 1_048_576
        label_attributes: Annotated[
            Patterns, Meta(description="Labels that become container.label.<key>.")
        ] = Patterns("*")
        env_attributes: Annotated[
            Patterns, Meta(description="Variables that become container.env.<KEY>.")
        ] = Patterns()
        include: Annotated[
            Matches, Meta(description="Only containers that match every key that is set.")
        ] = Matches()
        exclude: Annotated[
            Matches, Meta(description="No containers that match any key that is set.")
        ] = Matches()

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.host:
            parse_address(config.host)
        self.pace = Pace()
        self._budgets = Budgets()
        self._engine: Engine | None = None
        self._host_name = ""
        self._began = 0

    async def open(self) -> None:
        """Find the engine and agree with it; an engine that is away may come yet."""
        await self.close()
        endpoint = resolve(self.config.host, self.context.tls)
        engine = self._engine = Engine(endpoint, self._budgets.reading)
        await connect(engine)
        self._host_name = await engine.host_name()
        self._began = self._began or engine.clock.now()

    async def run(self, out: Outlet) -> None:
        """Read until cancelled."""
        if self._engine is None:
            raise AwayError("not open")
        await Watcher(self._shared(self._engine, out)).run()

    async def close(self) -> None:
        """Hang up."""
        engine, self._engine = self._engine, None
        if engine:
            await engine.close()

    def _shared(self, engine: Engine, out: Outlet) -> Shared:
        config = self.config
        attributes = Attributes(
            config.label_attributes, config.env_attributes, self._budgets.attributes
        )
        attributes.host = self._host_name
        severities = (config.severity.stdout, config.severity.stdout, config.severity.stderr)
        began = last_event = self._began
        if isinstance(known := out.position(ENGINE_LANE), int):
            began, last_event = min(began, known - UNHEEDED_NS), known
        return Shared(
            engine=engine,
            out=out,
            log=self.context.log,
            pace=self.pace,
            selection=Selection(config.include, config.exclude, own_container_id()),
            attributes=attributes,
            budgets=self._budgets,
            streams={name: name in config.streams for name in ("stdout", "stderr")},
            severities=[SEVERITIES[name] for name in severities],
            max_line_bytes=config.max_line_bytes,
            start_at=config.start_at,
            start_lines=config.start_lines,
            began=began,
            last_event=last_event,
            troubled=self._troubled,
        )

    def _troubled(self, trouble: str) -> None:
        self.trouble = trouble
