"""What is read of the engine's answers; everything else in them is passed over."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from penstock_source_docker.stamps import parse_time

RUNNING = ("running", "paused", "restarting")
"""States in which a container's log may grow."""


class Listed(Struct, rename="pascal"):
    """A container in the list."""

    id: str
    names: tuple[str, ...] | None = None
    state: str = ""
    created: int = 0

    @property
    def name(self) -> str:
        """Its own name: links of other containers to it have more slashes."""
        names = [name.removeprefix("/") for name in self.names or ()]
        return next((name for name in names if "/" not in name), "")

    @property
    def runs(self) -> bool:
        """Whether its log may grow."""
        return self.state in RUNNING


class State(Struct, rename="pascal"):
    """Whether a container runs, and since when."""

    running: bool = False
    started_at: str = ""
    finished_at: str = ""

    @property
    def started(self) -> int:
        """Unix nanoseconds; 0 if it never was."""
        return parse_time(self.started_at)

    @property
    def finished(self) -> int:
        """Unix nanoseconds of the last end, maybe of an earlier run; 0 if there was none."""
        return parse_time(self.finished_at)


class ContainerConfig(Struct, rename="pascal"):
    """What a container was created with."""

    tty: bool = False
    image: str = ""
    labels: dict[str, str] | None = None
    env: list[str] | None = None


class LogConfig(Struct, rename="pascal"):
    """Its log driver."""

    type: str = ""
    config: dict[str, str] | None = None


class HostConfig(Struct, rename="pascal"):
    """What a container was created with, of the host's side."""

    log_config: LogConfig = field(default_factory=LogConfig)


class Details(Struct, rename="pascal"):
    """A container, inspected."""

    id: str
    name: str = ""
    created: str = ""
    state: State = field(default_factory=State)
    config: ContainerConfig = field(default_factory=ContainerConfig)
    host_config: HostConfig = field(default_factory=HostConfig)

    @property
    def plain_name(self) -> str:
        """Its name without the slash."""
        return self.name.removeprefix("/")

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        return self.config.labels or {}

    @property
    def env(self) -> dict[str, str]:
        """Its environment as it was created."""
        pairs = (entry.partition("=") for entry in self.config.env or ())
        return {key: value for key, _, value in pairs}


class Actor(Struct, rename="pascal"):
    """What an event is about."""

    id: str = field(default="", name="ID")
    attributes: dict[str, str] | None = None


class EngineEvent(Struct, rename="pascal"):
    """One of the engine's events."""

    action: str = ""
    actor: Actor = field(default_factory=Actor)
    time_nano: int = field(default=0, name="timeNano")


class Info(Struct, rename="pascal"):
    """The engine's host."""

    name: str = ""


class Version(Struct, rename="pascal"):
    """The engine's own version."""

    api_version: str = ""


class Failure(Struct):
    """An error's text."""

    message: str = ""


def failure_text(body: bytes) -> str:
    """Return the text of an error's body, JSON or not, on one line."""
    try:
        text = msgspec.json.decode(body, type=Failure).message
    except msgspec.DecodeError:
        text = body.decode("utf-8", "replace")
    return " ".join(text.split())[:300] or "no reason given"
