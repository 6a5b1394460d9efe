"""Dead letters on disk: listed and shown at any time, changed where no process runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.admin_lab import SeenLab, penstock

from penstock.admin.offline import change_offline
from penstock.admin.protocol import Drop, Replay, Selection
from penstock.admin.stored import UnreadableError
from penstock.api import ConfigError
from penstock.testing import log, resource

ALL = Selection()

# --- reading ---------------------------------------------------------------------------------


async def test_list_while_it_runs(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1", "2", "3")
    await seen.refuse("4", sink="y")
    first = (await seen.letters_listed())[0]
    assert first["sink"] == "sinks.x"
    assert first["origin"] == "memory:web"
    assert (first["reason"], first["response"], first["attempts"]) == ("rejected", "no thanks", 1)
    assert str(first["first_attempt"]).endswith("Z")
    assert len(await seen.letters_listed("--sink", "x")) == 3
    assert len(await seen.letters_listed("--sink", "sinks.y")) == 1
    assert len(await seen.letters_listed("--reason", "poison")) == 0
    assert [one["id"] for one in await seen.letters_listed("--limit", "2")] == [1, 2]
    result = await seen.command("dlq", "list", "--sink", "y")
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["ID", "SINK", "REASON"],
        ["4", "sinks.y", "rejected"],
    ]


async def test_show_gives_the_event(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("the line")
    result = await seen.command("dlq", "show", "1")
    shown = json.loads(result.stdout)
    assert shown["reason"] == "rejected"
    assert shown["event"]["message"] == "the line"
    assert shown["event"]["resource"]["container.name"] == "web"
    result = await seen.command("dlq", "show", "2")
    assert (result.exit_code, result.stderr) == (1, "there is no dead letter 2\n")


async def test_nothing_in_a_letter_acts_on_the_terminal(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    evil = "\x1b[2J\x9b31m\u202e\u2028 ok é"
    far = seen.destination("x")
    far.refuse(lambda event: True, f"answer {evil}")
    seen.origin("a").resources["web"] = resource(f"origin {evil}")
    seen.origin("a").write([log(f"line {evil}")])
    await seen.until(lambda: seen.letter_count() == 1)
    await seen.journal_of_state.flush()
    for arguments in (["list"], ["list", "--json"], ["show", "1"]):
        result = await seen.command("dlq", *arguments)
        assert result.exit_code == 0
        assert "ok é" in result.stdout
        assert all(one.isprintable() or one == "\n" for one in result.stdout)
    assert json.loads(result.stdout)["event"]["message"] == f"line {evil}"


def test_where_nothing_is_kept_there_is_nothing(tmp_path: Path) -> None:
    for arguments, code in (
        (["list"], 0),
        (["show", "1"], 1),
        (["replay", "--all"], 1),
        (["drop", "--all"], 1),
    ):
        result = penstock("dlq", *arguments, "--state-dir", "")
        assert result.exit_code == code, arguments
        if arguments[0] != "show":
            assert "nothing is kept" in result.stderr
    result = penstock("dlq", "list", "--json", "--state-dir", "")
    assert (result.exit_code, result.stdout) == (0, "[]\n")


def test_an_empty_folder_stays_empty(tmp_path: Path) -> None:
    where = ("--state-dir", str(tmp_path / "none"))
    result = penstock("dlq", "list", *where)
    assert result.exit_code == 0
    assert result.stderr.startswith("no dead letters: there is no state in ")
    assert penstock("dlq", "show", "1", *where).exit_code == 1
    result = penstock("dlq", "drop", "--all", *where)
    assert (result.exit_code, result.stdout) == (0, "dropped 0 dead letters\n")
    assert penstock("dlq", "drop", "7", *where).exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"not a database" * 100, b""])
def test_a_file_that_is_not_ours_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "penstock.db").write_bytes(content)
    for arguments in (["list"], ["drop", "--all"]):
        result = penstock("dlq", *arguments, "--state-dir", str(tmp_path))
        assert result.exit_code == 1
        assert str(tmp_path / "penstock.db") in result.stderr
    assert (tmp_path / "penstock.db").read_bytes() == content
    with pytest.raises(UnreadableError):
        change_offline(str(tmp_path), Drop(ALL), None)


@pytest.mark.parametrize(
    "arguments",
    [["replay"], ["drop"], ["drop", "--all", "1"], ["drop", "--all", "--sink", "x"],
     ["drop", "x.toml", "y.toml"], ["drop", "9" * 30], ["list", "--limit", "-1"], ["show", "x"]],
)  # fmt: skip
def test_what_is_not_clear_is_usage(arguments: list[str], tmp_path: Path) -> None:
    assert penstock("dlq", *arguments, "--state-dir", str(tmp_path)).exit_code == 2


# --- without a process -----------------------------------------------------------------------


async def stopped_with(seen: SeenLab, *lines: str) -> None:
    """Leave a folder with these dead letters that nobody uses."""
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse(*lines)
    assert await seen.stop() == 0
    seen.shut()


async def test_replay_without_a_process(seen: SeenLab) -> None:
    await stopped_with(seen, "1", "2", "3")
    plan = seen.plan(main="a > x")
    changed = await asyncio.to_thread(
        change_offline, str(seen.folder), Replay(Selection(ids=[1, 3])), plan
    )
    assert (changed.changed, changed.missing) == (2, [])
    seen.boot()
    assert seen.letter_count() == 1
    await seen.start(plan)
    await seen.until(lambda: seen.lines("x") == ["1", "3"])
    row = await seen.row()
    assert (row.replayed, row.carried_in, row.residue) == (2, 0, 0)
    assert row.in_flight.memory == 0


async def test_replay_without_a_process_for_a_sink_that_is_gone(seen: SeenLab) -> None:
    await stopped_with(seen, "1")
    changed = await asyncio.to_thread(
        change_offline, str(seen.folder), Replay(ALL), seen.plan(main="a > y")
    )
    assert (changed.changed, changed.kept) == (0, {"no pipeline has sinks.x": 1})
    seen.boot()
    assert seen.spooled("x") == 0


async def test_drop_without_a_process(seen: SeenLab) -> None:
    await stopped_with(seen, "1", "2")
    result = await seen.command("dlq", "drop", "1")
    assert (result.exit_code, result.stdout) == (0, "dropped 1 dead letter\n")
    assert [one["id"] for one in await seen.letters_listed()] == [2]
    seen.boot()


async def test_a_folder_that_is_taken_is_left_alone(seen: SeenLab) -> None:
    with pytest.raises(ConfigError, match="in use"):
        await asyncio.to_thread(change_offline, str(seen.folder), Drop(ALL), None)
