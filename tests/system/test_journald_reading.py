"""What is read of a journal, and what happens when something is wrong with it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from penstock.api import ConfigError, Log, RetryableError
from penstock.testing import configured
from penstock.testing.source_run import SourceRun
from penstock_source_journald.source import Journald
from tests.system.parts.journal import Gateway, JournalFolder
from tests.system.parts.journal_entries import MACHINE, entries, entry
from tests.system.parts.journal_source import reading
from tests.system.parts.require import require


@pytest.fixture
def journal(tmp_path: Path) -> JournalFolder:
    require("journal-remote")
    return JournalFolder(tmp_path / "journal")


@pytest.fixture(params=["directory", "files", "url"])
def where(
    request: pytest.FixtureRequest, journal: JournalFolder, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """The settings that lead to the journal, in each of the three ways."""
    if request.param == "directory":
        yield {"directory": str(journal.folder)}
    elif request.param == "files":
        yield {"files": [str(journal.folder / "*.journal")]}
    else:
        gateway = Gateway(journal.folder, tmp_path)
        gateway.start()
        yield {"url": gateway.url}
        gateway.stop()


def logs_of(run: SourceRun) -> list[Log]:
    return [event for event in run.outlet.events() if type(event) is Log]


async def test_long_binary_and_repeated_fields_come_whole(
    journal: JournalFolder, where: dict[str, Any]
) -> None:
    long = "x" * 50_000
    journal.write(
        entry(long, LONG="y" * 5_000)
        + entry(b"\xff\xfe not text\nsecond line", BIN=bytes(range(256)))
        + entry("repeated", TAG=["one", "two", b"\xff"])
        + entry(["a", "b"])
    )
    async with reading(where) as run:
        await run.lines(4)
    first, second, third, fourth = logs_of(run)
    assert (first.body, first.attributes["LONG"]) == (long, "y" * 5_000)
    assert second.body == "\ufffd\ufffd not text\nsecond line"
    assert second.attributes["BIN"] == bytes(range(256)).decode("utf-8", "replace")
    assert str(third.attributes["TAG"]).split("\n") == ["one", "two", "\ufffd"]
    assert fourth.body.split("\n") == ["a", "b"]


async def test_units_and_matches_are_filtered_in_the_journal(
    journal: JournalFolder, where: dict[str, Any]
) -> None:
    journal.write(
        entry("no: unit", unit="b.service", PRIORITY="3")
        + entry("yes", unit="a.service", PRIORITY="3")
        + entry("no: priority", unit="a.service", PRIORITY="6")
        + entry("yes too", unit="a.service", PRIORITY="2")
    )
    settings = {**where, "units": "a", "matches": {"PRIORITY": ["2", "3"]}}
    async with reading(settings) as run:
        assert await run.lines(2) == ["yes", "yes too"]


async def test_resume_is_exact(journal: JournalFolder, where: dict[str, Any]) -> None:
    journal.write(entries(["one", "two"]))
    async with reading(where) as run:
        await run.lines(2)
    journal.write(entries(["three"]))
    async with reading(where, run.outlet.committed) as later:
        assert await later.lines(1) == ["three"]
    assert later.outlet.gaps == []


async def test_a_message_beyond_the_limit_is_cut_and_says_so(
    journal: JournalFolder, where: dict[str, Any]
) -> None:
    journal.write(entry("z" * 700_000) + entry("next"))
    async with reading({**where, "max_line_bytes": 10_000}) as run:
        await run.lines(2)
    first, second = logs_of(run)
    assert len(first.body.encode()) <= 10_000
    cut = first.attributes["penstock.cut_bytes"]
    assert isinstance(cut, int)
    assert first.body == "z" * (700_000 - cut) + f"… [{cut} bytes cut]"
    assert second.body == "next"


def journalctls() -> list[int]:
    """Ids of the journalctl processes that this one started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        name, _, rest = stat.partition("(")[2].rpartition(")")
        if name == "journalctl" and int(rest.split()[1]) == os.getpid():
            found.append(int(folder.name))
    return found


async def test_a_journalctl_that_dies_is_replaced(journal: JournalFolder) -> None:
    journal.write(entries(["one"]))
    async with reading({"directory": str(journal.folder)}) as run:
        await run.lines(1)
        for number in range(3):
            (pid,) = await one_process()
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(journal.write, entries([f"after {number}"]))
            await run.lines(2 + number)
        assert run.outlet.lines() == ["one", "after 0", "after 1", "after 2"]
        assert len(run.retried) == 3
        assert "status -9" in str(run.retried[0])
    assert journalctls() == []


async def one_process() -> list[int]:
    async with asyncio.timeout(10):
        while len(found := journalctls()) != 1:
            await asyncio.sleep(0.01)
    return found


async def test_an_unknown_unit_is_a_warning(
    journal: JournalFolder, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write(entries(["one"], unit="a.service"))
    source = configured(
        Journald, {"directory": str(journal.folder), "units": ["a", "typo.service", "glob-*"]}
    )
    with caplog.at_level(logging.WARNING):
        await source.open()
    await source.close()
    assert [record.getMessage() for record in caplog.records] == [
        "the journal has nothing of a unit 'typo.service' so far"
    ]


async def test_no_permission_names_the_group(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # As it prints it to a user without the group, whom root cannot be.
    fake_journalctl(
        monkeypatch,
        tmp_path,
        'echo "No journal files were opened due to insufficient permissions." >&2',
    )
    source = configured(Journald, {})
    with pytest.raises(ConfigError, match="group systemd-journal"):
        await source.open()
    await source.close()


async def test_what_journalctl_complains_of_is_retried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_journalctl(monkeypatch, tmp_path, 'echo "Failed to open files: broken" >&2; exit 1')
    source = configured(Journald, {})
    with pytest.raises(RetryableError, match="Failed to open files: broken"):
        await source.open()
    await source.close()


def fake_journalctl(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


Handler = Callable[[web.Request], Any]


@asynccontextmanager
async def gateway_that(answers: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answers)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


GARBAGE: dict[str, Handler] = {
    "a page": lambda _: web.Response(text="<html>", content_type="text/html"),
    "an error": lambda _: web.Response(status=502, text="bad gateway"),
    "noise": lambda _: web.Response(
        body=b"\xff\x00noise\n\n" * 99, content_type="application/vnd.fdo.journal"
    ),
    "other fields": lambda _: web.Response(
        body=b"A=1\nB=2\n\n", content_type="application/vnd.fdo.journal"
    ),
}


@pytest.mark.parametrize("kind", GARBAGE)
async def test_a_gateway_that_sends_garbage_is_tried_again(kind: str) -> None:
    well = asyncio.Event()
    served = entries_as_exported("after the garbage")

    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/machine") or not well.is_set():
            is_up = request.path.startswith("/machine")
            return web.Response(text="{}") if is_up else GARBAGE[kind](request)
        if request.path.startswith("/fields"):
            return web.Response(text=MACHINE)
        return web.Response(body=served, content_type="application/vnd.fdo.journal")

    async with gateway_that(answer) as url, reading({"url": url}) as run:
        async with asyncio.timeout(10):
            while len(run.retried) < 2:
                await asyncio.sleep(0.01)
        well.set()
        assert await run.lines(1) == ["after the garbage"]


def entries_as_exported(text: str) -> bytes:
    place = f"s={'5e' * 16};i=1;b={'b0' * 16};m=1;t=5e3d0c4d5a1c0;x=1"
    return f"__CURSOR={place}\n__REALTIME_TIMESTAMP=1657000000000000\nMESSAGE={text}\n\n".encode()
