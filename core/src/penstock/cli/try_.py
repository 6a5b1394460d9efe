"""``penstock try``: feed lines through one transform and see what comes out."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

import click

from penstock.cli.options import EXIT_FAILED, LogOptions, config_exit, log_options

if TYPE_CHECKING:
    from penstock.api import Batch, Log, Transform

_CHUNK = 65_536


@click.command(
    "try",
    short_help="Feed lines through one transform.",
    context_settings={"ignore_unknown_options": True},
    options_metavar="[--KEY VALUE]… [OPTIONS]",
)
@click.argument("transform")
@click.argument("rest", nargs=-1, type=click.UNPROCESSED, metavar="[FILE]")
@click.option("-c", "--config", "config", help="A configuration; TRANSFORM is a table in it.")
@log_options
def command(transform: str, rest: tuple[str, ...], config: str | None, log: LogOptions) -> None:
    """Feed FILE (standard input) through one transform; show the events as JSON.

    TRANSFORM is a type, with its settings as options: `--preset python`, `--add.env prod`.
    What was filtered or merged is said on standard error.
    """
    from penstock.api.errors import ConfigError
    from penstock.cli.try_options import parse_options
    from penstock.config.single import load_transform

    log.start()
    options, files = parse_options(rest)
    if len(files) > 1:
        raise click.UsageError(f"one FILE at most, not {' '.join(files)}")
    try:
        plan = load_transform(transform, options, config)
    except ConfigError as error:
        config_exit(str(error))
    with _opened(files[0] if files else "-") as lines:
        Trial(plan.component(plan.config)).run(lines)


class Trial:
    """One transform at work, and the count of what went in and came out."""

    def __init__(self, transform: Transform) -> None:
        from penstock.api import Resource

        self._transform = transform
        self._resource = Resource("try:stdin")
        self._read = 0
        self._shown = 0
        self._filtered: Counter[str] = Counter()
        self._merged = 0

    def run(self, file: IO[bytes]) -> None:
        """Feed all lines, flush at the end, report."""
        try:
            for lines in _lines(file):
                self._show(self._apply(lines))
            self._show(self._transform.flush(time.monotonic(), True))
        except OSError:
            raise  # A transform does no I/O: this is the reader of the output, or its disk.
        except Exception as error:
            click.echo(f"the transform failed: {type(error).__name__}: {error}", err=True)
            raise SystemExit(EXIT_FAILED) from None
        self._report()

    def _apply(self, lines: list[bytes]) -> Iterable[Batch]:
        from penstock.api import Batch, heap_size

        events = [self._event(line) for line in lines]
        result = self._transform.apply(Batch(self._resource, events, heap_size(events)))
        return [result] if isinstance(result, Batch) else result

    def _event(self, line: bytes) -> Log:
        from penstock.api import Log

        self._read += 1
        text = line.removesuffix(b"\r").decode("utf-8", "replace")
        return Log(time.time_ns(), text, stream="stdout", ordinal=self._read)

    def _show(self, batches: Iterable[Batch]) -> None:
        from penstock.api import encode_event

        for batch in batches:
            for event in batch.events:
                click.echo(encode_event(batch.resource, event))
                self._shown += 1
        self._count()

    def _count(self) -> None:
        tally = self._transform.tally
        for (_, rule), number in tally.filtered.items():
            self._filtered[rule] += number
        self._merged += sum(tally.merged.values())
        tally.clear()

    def _report(self) -> None:
        parts = [f"{self._read} read", f"{self._shown} shown"]
        parts += [f"{number} filtered by {rule}" for rule, number in self._filtered.items()]
        parts += [f"{self._merged} merged into others"] if self._merged else []
        click.echo(", ".join(parts), err=True)


def _opened(name: str) -> IO[bytes]:
    try:
        return click.open_file(name, "rb")
    except OSError as error:
        raise click.UsageError(f"{name} cannot be read: {error.strerror}") from None
    except RuntimeError:  # click's word for a descriptor that is closed
        raise click.UsageError("standard input is closed: name a FILE") from None


def _lines(file: IO[bytes]) -> Iterator[list[bytes]]:
    """Yield the lines that are there, as they come; Ctrl+C is the end of input."""
    rest: list[bytes] = []
    try:
        while chunk := file.read1(_CHUNK):  # type: ignore[attr-defined]
            whole, newline, end = chunk.rpartition(b"\n")
            if newline:
                yield b"".join((*rest, whole)).split(b"\n")
                rest = []
            rest.append(end)
    except KeyboardInterrupt:
        pass
    if last := b"".join(rest):
        yield [last]
