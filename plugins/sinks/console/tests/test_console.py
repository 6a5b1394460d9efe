"""What reaches the descriptor behind standard output."""

from __future__ import annotations

import asyncio
import json
import os
import resource as limits
import select
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.api import ConfigError, Counter, RetryableError, encode_event
from penstock.testing import batch, hostile_batches, log, one_of_each, resource
from penstock_sink_console.console import Console
from penstock_sink_console.describe import describe

WEB = resource("docker:web", {"container.name": "web-1"})


class Piped(Console):
    """A console whose standard output is any descriptor, and which stops nobody."""

    def __init__(self, config: Console.Config, descriptor: int) -> None:
        super().__init__(config)
        self.stops = 0
        self._descriptor = descriptor

    def descriptor(self) -> int:
        return self._descriptor

    def stop(self) -> None:
        self.stops += 1


class Pipe:
    """A pipe, or a terminal, and what can be read from its other end."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.reader, self.writer = os.openpty() if terminal else os.pipe()
        os.set_blocking(self.reader, False)

    def console(self, **settings: Any) -> Piped:
        hook = lambda kind, value: kind.from_setting(value)  # noqa: E731
        config = msgspec.convert(settings, Console.Config, dec_hook=hook)
        return Piped(config, self.writer)

    def read(self) -> bytes:
        found = b""
        while True:
            try:
                part = os.read(self.reader, 1_000_000)
            except OSError:
                return found
            if not part:
                return found
            found += part

    async def has_something(self) -> None:
        """Wait until there is something to read."""
        while not select.select([self.reader], [], [], 0)[0]:
            await asyncio.sleep(0.01)

    def close(self) -> None:
        for descriptor in (self.reader, self.writer):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    one = Pipe()
    yield one
    one.close()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    one = Pipe(terminal=True)
    yield one
    one.close()


async def _read_during(pipe: Pipe, write: Coroutine[Any, Any, object]) -> bytes:
    """Read what arrives until a write is done, and the rest."""
    task = asyncio.create_task(write)
    got = b""
    while not task.done():
        got += pipe.read()
        await asyncio.sleep(0.001)
    assert task.result() is None
    return got + pipe.read()


async def _shown(pipe: Pipe, *batches: Any, **settings: Any) -> str:
    """Write batches and return what arrived."""
    console = pipe.console(**settings)
    await console.open()
    got = await _read_during(pipe, console.write(batches))
    await console.close()
    return got.decode().replace("\r\n", "\n")


async def test_json_is_the_one_vocabulary(pipe: Pipe) -> None:
    some = batch(one_of_each(), WEB)
    lines = (await _shown(pipe, some)).encode().splitlines()
    assert lines == [encode_event(WEB, event) for event in some.events]


async def test_batches_of_a_write_keep_their_order(pipe: Pipe) -> None:
    shown = await _shown(pipe, batch(["one", "two"]), batch(["three"], WEB))
    assert [json.loads(line)["message"] for line in shown.splitlines()] == ["one", "two", "three"]


async def test_text_is_just_the_message(pipe: Pipe) -> None:
    assert await _shown(pipe, batch(["a\tb", "", "c"]), format="text") == "a\tb\n\nc\n"


async def test_text_by_a_template(pipe: Pipe) -> None:
    shown = await _shown(
        pipe,
        batch([log("a", "stderr")], WEB),
        format="text",
        template="{container.name}/{stream}: {message}",
    )
    assert shown == "web-1/stderr: a\n"


async def test_an_event_is_one_line_of_text(pipe: Pipe) -> None:
    assert await _shown(pipe, batch(["a\nb\r\x1b[2J"]), format="text") == "a\\nb\\r\\x1b[2J\n"


@pytest.mark.parametrize("settings", [{}, {"template": "{message}"}])
async def test_nothing_vanishes_from_text(pipe: Pipe, settings: dict[str, str]) -> None:
    some = one_of_each()
    shown = await _shown(pipe, batch(some), format="text", **settings)
    assert shown.splitlines() == [describe(event) for event in some]


async def test_a_template_shows_other_kinds_in_words(pipe: Pipe) -> None:
    counter = Counter(1, "requests", 3, 17, attributes={"job": "router"})
    shown = await _shown(
        pipe,
        batch([counter], WEB),
        format="text",
        template="{container.name} {attributes.job}: {message}",
    )
    assert shown == "web-1 router: counter requests +3 = 17\n"
    kinds = await _shown(
        pipe, batch([counter], WEB), format="text", template="{kind}: {message|id}"
    )
    assert kinds == "counter requests +3 = 17\n"
    named = await _shown(pipe, batch([counter], WEB), format="text", template="{kind}/{stream}")
    assert named == "counter/\n"


async def test_auto_is_pretty_on_a_terminal_and_json_elsewhere(pipe: Pipe, terminal: Pipe) -> None:
    assert "web-1" in await _shown(terminal, batch(["hello"], WEB))
    assert not (await _shown(terminal, batch(["hello"], WEB))).startswith("{")
    assert (await _shown(pipe, batch(["hello"], WEB))).startswith("{")


async def test_pretty_has_colours_on_a_terminal_only(pipe: Pipe, terminal: Pipe) -> None:
    assert "\x1b[" in await _shown(terminal, batch(["hello"], WEB), format="pretty")
    assert "\x1b" not in await _shown(pipe, batch(["hello"], WEB), format="pretty")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
async def test_colours_can_be_refused(
    terminal: Pipe, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in await _shown(terminal, batch(["hello"], WEB))


@pytest.mark.parametrize("settings", [{}, {"format": "json"}, {"format": "text"}])
@pytest.mark.parametrize("what", list(hostile_batches()))
async def test_nothing_drives_a_terminal(
    terminal: Pipe, monkeypatch: pytest.MonkeyPatch, what: str, settings: dict[str, str]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    hostile = hostile_batches()[what]
    shown = await _shown(terminal, hostile, **settings)
    assert shown.endswith("\n")
    driving = [char for char in shown if ord(char) < 32 or 0x7F <= ord(char) < 0xA0]
    assert set(driving) <= {"\n"}
    assert not set(shown) & set("\u202e\u2066\u2028\u2029")
    if settings:
        assert shown.count("\n") == 1


async def test_hostile_json_stays_the_same_json(terminal: Pipe) -> None:
    text = "\x7f\x9b31m\u202e\\u202e"
    shown = await _shown(terminal, batch([text]), format="json")
    assert json.loads(shown)["message"] == text


async def test_a_reader_who_stops_reading_holds_up_nobody_else(pipe: Pipe) -> None:
    console = pipe.console(format="text")
    await console.open()
    write = asyncio.create_task(console.write([batch(["x" * 99] * 10_000)]))
    await pipe.has_something()
    assert not write.done()
    got = await _read_during(pipe, asyncio.wait_for(write, 10))
    await console.close()
    assert got.count(b"\n") == 10_000


async def test_close_gives_up_a_blocked_write(pipe: Pipe) -> None:
    console = pipe.console(format="text")
    await console.open()
    write = asyncio.create_task(console.write([batch(["x" * 99] * 10_000)]))
    await pipe.has_something()
    write.cancel()
    await console.close()
    got = pipe.read()
    await asyncio.sleep(0.05)
    assert 0 < len(got) < 1_000_000
    assert pipe.read() == b""


async def test_what_a_cancelled_write_did_not_begin_is_forgotten(pipe: Pipe) -> None:
    console = pipe.console(format="text")
    await console.open()
    begun = asyncio.create_task(console.write([batch(["x" * 99] * 10_000)]))
    await pipe.has_something()
    behind = asyncio.create_task(console.write([batch(["forgotten"])]))
    await asyncio.sleep(0)
    begun.cancel()
    behind.cancel()
    got = await _read_during(pipe, console.write([batch(["again"])]))
    await console.close()
    lines = got.decode().splitlines()
    assert set(lines) == {"x" * 99, "again"}
    assert len(lines) == 10_001


async def test_without_a_reader_penstock_stops_and_says_what_was_not_shown(pipe: Pipe) -> None:
    console = pipe.console()
    await console.open()
    os.close(pipe.reader)
    for texts in (["a", "b"], ["c"]):
        some = batch(texts)
        report = await console.write([some])
        assert report is not None
        assert dict(report.rejected) == dict.fromkeys(
            some.events, "standard output was closed by its reader"
        )
    assert console.stops == 1
    await console.close()


async def test_a_full_disk_is_tried_again() -> None:
    with Path("/dev/full").open("wb") as full:
        console = Piped(Console.Config(), full.fileno())
        await console.open()
        with pytest.raises(RetryableError, match="No space left"):
            await console.write([batch(["a"])])
        await console.close()


async def test_half_a_line_is_ended_before_it_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("wb") as file:
        console = Piped(Console.Config(format="text"), file.fileno())
        await console.open()
        soft, hard = limits.getrlimit(limits.RLIMIT_FSIZE)
        limits.setrlimit(limits.RLIMIT_FSIZE, (9, hard))
        try:
            with pytest.raises(RetryableError, match="too large"):
                await console.write([batch(["first", "second"])])
        finally:
            limits.setrlimit(limits.RLIMIT_FSIZE, (soft, hard))
        await console.write([batch(["first", "second"])])
        await console.close()
    assert path.read_text() == "first\nsec\nfirst\nsecond\n"


async def test_a_descriptor_that_does_not_wait_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    console = pipe.console(format="text")
    await console.open()
    got = await _read_during(pipe, console.write([batch(["x" * 99] * 10_000)]))
    await console.close()
    assert got.count(b"\n") == 10_000
    assert not os.get_blocking(pipe.writer)


async def test_closed_standard_output_is_an_error_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(ConfigError, match="standard output is closed"):
        await Console(Console.Config()).open()


async def test_it_writes_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    console = Console(Console.Config(format="text"))
    await console.open()
    await console.write([batch(["hello"])])
    await console.close()
    assert capfd.readouterr().out == "hello\n"


async def test_no_descriptor_is_left_open(pipe: Pipe) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await _shown(pipe, batch(["a"]))
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_template_belongs_to_text(pipe: Pipe) -> None:
    with pytest.raises(ConfigError, match='only format = "text"'):
        pipe.console(template="{message}")
    with pytest.raises(msgspec.ValidationError, match="did you mean message"):
        pipe.console(format="text", template="{mesage}")
