"""The control socket: whom it lets in, and what it puts up with."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.admin_lab import SeenLab

from penstock.admin import control
from penstock.admin.protocol import MAX_REQUEST_BYTES, Refused, Told, decode_answer
from penstock.testing import log, resource

STATUS = b'{"do": "status"}\n'


def talk(path: Path, said: bytes, *, shut: bool = False) -> bytes:
    """Return all that is answered to these bytes."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(20)
        channel.connect(str(path))
        with contextlib.suppress(BrokenPipeError):
            channel.sendall(said)
        if shut:
            channel.shutdown(socket.SHUT_WR)
        return channel.makefile("rb").readline()


@pytest.fixture
async def path(seen: SeenLab) -> Path:
    """Give the socket of a lab that runs."""
    await seen.start(seen.plan(main="a > x"))
    return seen.folder / "penstock.sock"


async def test_it_is_for_its_owner_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_was_never_open_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with control._bind(tmp_path / "s"):
            assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600
    finally:
        os.umask(before)


async def test_one_line_is_answered_by_one(path: Path) -> None:
    answer = await asyncio.to_thread(talk, path, STATUS)
    assert answer.count(b"\n") == 1
    assert isinstance(decode_answer(answer), Told)


@pytest.mark.parametrize(
    "said", [b"\n", b"status\n", b'{"do": "format"}\n', b'{"do": "drop"}\n', b"\xff\xfe\n", b"[]\n"]
)
async def test_what_is_no_request_is_refused(path: Path, said: bytes) -> None:
    answer = decode_answer(await asyncio.to_thread(talk, path, said))
    assert isinstance(answer, Refused)
    assert "not a request" in answer.error
    assert isinstance(decode_answer(await asyncio.to_thread(talk, path, STATUS)), Told)


async def test_a_request_has_bounds(path: Path) -> None:
    said = b"x" * (3 * MAX_REQUEST_BYTES)
    answer = decode_answer(await asyncio.to_thread(talk, path, said))
    assert isinstance(answer, Refused)
    assert "longer than" in answer.error


async def test_who_hangs_up_without_a_word_gets_none(path: Path) -> None:
    assert await asyncio.to_thread(talk, path, b'{"do"', shut=True) == b""


async def test_only_so_many_are_let_in(seen: SeenLab, path: Path) -> None:
    silent = []
    for _ in range(control.MAX_CONNECTIONS):
        silent.append(socket.socket(socket.AF_UNIX))
        silent[-1].connect(str(path))
    await seen.until(lambda: len(seen.control._tasks) == control.MAX_CONNECTIONS)
    answer = decode_answer(await asyncio.to_thread(talk, path, STATUS))
    assert isinstance(answer, Refused)
    for one in silent:
        one.close()
    await seen.until(lambda: not seen.control._tasks)
    assert isinstance(decode_answer(await asyncio.to_thread(talk, path, STATUS)), Told)


async def test_a_client_that_never_reads_holds_up_nobody(seen: SeenLab, path: Path) -> None:
    for number in range(3000):
        seen.services.ledger.row("sinks.x", f"{number}:" + "o" * 200)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(path))
        deaf.sendall(STATUS)
        await seen.until(lambda: seen.control._tasks)
        seen.origin("a").write(["1"])
        await seen.destination("x").until_lines(1)
        assert isinstance(decode_answer(await asyncio.to_thread(talk, path, STATUS)), Told)
        assert await seen.stop() == 0


async def test_it_goes_when_the_process_does(seen: SeenLab, path: Path) -> None:
    assert await seen.stop() == 0
    assert not path.exists()


async def test_a_stale_socket_is_replaced(seen: SeenLab) -> None:
    path = seen.folder / "penstock.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    await seen.start(seen.plan(main="a > x"))
    assert isinstance(decode_answer(await asyncio.to_thread(talk, path, STATUS)), Told)


async def test_without_it_events_are_delivered_all_the_same(seen: SeenLab) -> None:
    (seen.folder / "penstock.sock").mkdir()
    seen.origin("a").write(["1"])
    await seen.start(seen.plan(main="a > x"))
    await seen.destination("x").until_lines(1)
    assert (await seen.command("status")).exit_code == 1


async def test_the_folder_may_have_a_long_name(tmp_path: Path) -> None:
    lab = SeenLab(tmp_path / ("long" * 40))
    await lab.start(lab.plan(main="a > x"))
    assert (await lab.status()).process.state_dir == str(lab.folder)
    assert stat.S_IMODE((lab.folder / "penstock.sock").stat().st_mode) == 0o600
    await lab.close()
    assert not (lab.folder / "penstock.sock").exists()


async def test_names_that_are_no_unicode_do_not_stop_it(seen: SeenLab) -> None:
    seen.origin("a").resources["web"] = resource("odd\ud800")
    seen.origin("a").write([log("1")])
    await seen.start(seen.plan(main="a > x"))
    await seen.destination("x").until_lines(1)
    origins = {row.origin for row in (await seen.status()).ledger}
    assert any(one.startswith("odd") for one in origins)
