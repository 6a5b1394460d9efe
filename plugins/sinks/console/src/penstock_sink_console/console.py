"""Events on standard output: for people, as JSON, or as text."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from penstock.api import (
    Batch,
    BatchSettings,
    BufferSettings,
    ConfigError,
    Counter,
    Event,
    Gap,
    Gauge,
    Log,
    Report,
    RetryableError,
    Sink,
    Template,
    Timer,
    TitledEvent,
    encode_events,
)
from penstock_sink_console.describe import describe, in_words
from penstock_sink_console.output import Output
from penstock_sink_console.pretty import Pretty
from penstock_sink_console.safe import safe, safe_json

Format = Callable[[Batch], bytes]

NO_READER = "standard output was closed by its reader"


class Console(Sink):
    """Writes every event to standard output.

    When its reader is gone for good, as after ``penstock run | head``, Penstock is asked to stop.
    """

    name = "console"
    requires_api = "1.0"
    stability = "beta"
    accepts = frozenset({Log, Counter, Gauge, Timer, TitledEvent, Gap})
    order = "stream"
    write_timeout_s = None
    default_batch: ClassVar[BatchSettings] = BatchSettings(max_wait_ms=0)
    default_buffer: ClassVar[BufferSettings] = BufferSettings(type="memory")

    class Config(Sink.Config, frozen=True, kw_only=True):
        """How events look."""

        format: Annotated[
            Literal["auto", "pretty", "json", "text"],
            Meta(description="auto = pretty on a terminal, else json."),
        ] = "auto"
        template: Annotated[
            Template | None,
            Meta(description='What format = "text" writes of an event; default: its message.'),
        ] = None

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.template is not None and config.format != "text":
            raise ConfigError('template: only format = "text" has one')
        self._output: Output | None = None
        self._format: Format = _json
        self._is_terminal = False
        self._is_over = False

    async def open(self) -> None:
        """Look at standard output and start to write to it."""
        descriptor = self.descriptor()
        self._is_terminal = os.isatty(descriptor)
        self._format = self._choose(os.environ)
        self._output = Output(descriptor)

    async def write(self, batches: Sequence[Batch]) -> Report | None:
        """Write all events at once."""
        if self._is_over:
            return _refused(batches)
        if self._output is None:
            raise RetryableError("standard output is not open")
        data = b"".join(map(self._format, batches))
        try:
            await self._output.write(data)
        except OSError as error:
            if error.errno != errno.EPIPE and not (self._is_terminal and error.errno == errno.EIO):
                raise RetryableError(f"standard output: {error}") from error
            self._is_over = True
            self.stop()
            return _refused(batches)
        return None

    async def close(self) -> None:
        """Write nothing more."""
        if self._output is not None:
            self._output.close()
            self._output = None

    def descriptor(self) -> int:
        """Return the descriptor of standard output."""
        if sys.stdout is None:
            raise ConfigError("standard output is closed: redirect it, or leave out this sink")
        with suppress(OSError):
            sys.stdout.flush()
        try:
            return sys.stdout.fileno()
        except io.UnsupportedOperation:
            return 1

    def stop(self) -> None:
        """End Penstock, as SIGPIPE ends other programs; but this one drains its other sinks."""
        self.context.log.warning("%s; stopping", NO_READER)
        signal.raise_signal(signal.SIGTERM)

    def _choose(self, environment: Mapping[str, str]) -> Format:
        style, is_terminal = self.config.format, self._is_terminal
        if style == "text":
            return self._text
        if style == "pretty" or (style == "auto" and is_terminal):
            plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
            return Pretty(colour=is_terminal and not plain)
        return _json_for_terminals if is_terminal else _json

    def _text(self, batch: Batch) -> bytes:
        """Return a line for each event; one without the template's fields is described."""
        template, resource = self.config.template, batch.resource
        lines: list[str] = []
        for event in batch.events:
            shown = in_words(event, template) if template else event
            text = template.render(resource, shown) if template and shown else None
            lines.append(safe(describe(event) if text is None else text))
        lines.append("")
        return "\n".join(lines).encode()


def _json(batch: Batch) -> bytes:
    return b"\n".join([*encode_events(batch.resource, batch.events), b""])


def _json_for_terminals(batch: Batch) -> bytes:
    return b"\n".join([*map(safe_json, encode_events(batch.resource, batch.events)), b""])


def _refused(batches: Sequence[Batch]) -> Report:
    rejected: dict[Event, str] = {event: NO_READER for one in batches for event in one.events}
    return Report(rejected=rejected)
