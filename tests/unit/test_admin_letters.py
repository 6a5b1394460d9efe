"""Dead letters of a running process: delivered again, dropped, capped and counted."""

from __future__ import annotations

import sqlite3
import time

import pytest
from msgspec.structs import replace
from tests.admin_lab import SeenLab

from penstock.admin import letters as desk
from penstock.admin.protocol import Drop, Refused, Replay, Selection
from penstock.api import BufferSettings, Counter
from penstock.api.settings import DeadLetterSettings
from penstock.telemetry import LETTERS_DISCARDED

ALL = Selection()


# --- replay ----------------------------------------------------------------------------------


async def test_replayed_letters_arrive_and_are_no_letters_any_more(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1", "2", "3")
    assert len(await seen.letters_listed()) == 3
    changed = await seen.replay()
    assert (changed.changed, changed.kept, changed.missing, changed.trouble) == (3, {}, [], "")
    await seen.until(lambda: seen.lines("x") == ["1", "2", "3"])
    assert seen.lines("y") == ["1", "2", "3"]
    assert await seen.letters_listed() == []
    assert (await seen.sink()).dead_letters.count == 0
    assert (await seen.sink()).dead_letters.bytes == 0
    row = await seen.row()
    assert (row.read, row.replayed, row.residue) == (3, 3, 0)
    assert {one.outcome: one.events for one in row.outcomes} == {
        "delivered": 3,
        "dead_lettered": 3,
    }


async def test_letters_are_chosen_by_id_sink_and_reason(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1", "2", "3")
    await seen.refuse("4", sink="y")
    assert (await seen.replay(2, 3)).changed == 2
    await seen.until(lambda: seen.lines("x") == ["4", "2", "3"])
    assert (await seen.replay(sink="sinks.x", reason="poison")).changed == 0
    assert (await seen.replay(sink="sinks.y", reason="rejected")).changed == 1
    await seen.until(lambda: seen.lines("y") == ["1", "2", "3", "4"])
    changed = await seen.replay(1, 2, 77)
    assert (changed.changed, changed.missing) == (1, [2, 77])
    await seen.until(lambda: seen.lines("x") == ["4", "2", "3", "1"])


async def test_what_is_refused_again_is_a_new_letter(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    seen.destination("x").refuse(lambda event: True, "still not")
    assert (await seen.replay()).changed == 2
    await seen.until(lambda: seen.services.ledger.total("sinks.x").in_flight == 0)
    await seen.journal_of_state.flush()
    letters = await seen.letters_listed()
    assert [(one["id"], one["response"]) for one in letters] == [(3, "still not"), (4, "still not")]
    assert (await seen.row()).residue == 0


async def test_many_are_replayed_piece_by_piece(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    count = 2 * desk.AT_ONCE + 10
    await seen.refuse(*[str(number) for number in range(count)])
    assert (await seen.replay()).changed == count
    await seen.until(lambda: len(seen.lines("x")) == count)
    assert seen.lines("x") == [str(number) for number in range(count)]
    assert (await seen.sink()).dead_letters.count == 0


async def test_large_ones_too(seen: SeenLab) -> None:
    seen.settings("x", buffer=BufferSettings(max_memory_bytes=1 << 26))
    await seen.start(seen.plan(main="a > x"))
    texts = [f"{number}" + "x" * desk.AT_ONCE_BYTES for number in range(3)]
    await seen.refuse(*texts)
    assert (await seen.replay()).changed == 3
    await seen.until(lambda: [one[0] for one in seen.lines("x")] == ["0", "1", "2"])


async def test_letters_of_a_sink_that_is_gone_stay(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1", "2")
    await seen.refuse("3", sink="y")
    assert await seen.reload(seen.plan(main="a > y"))
    result = await seen.command("dlq", "replay", "--all")
    assert result.exit_code == 1
    assert result.stdout == "replayed 1 dead letter\n"
    assert result.stderr == "2 dead letters stay: no pipeline has sinks.x\n"
    assert [one["sink"] for one in await seen.letters_listed()] == ["sinks.x", "sinks.x"]
    assert (await seen.drop(1)).changed == 1
    assert seen.letter_count("x") == 1


async def test_letters_of_a_broken_sink_stay(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1")
    assert await seen.reload(seen.plan(main="a > y"))
    seen.broken = {"sinks.x": "does not load"}
    assert await seen.reload(seen.plan(main="a > x y"))
    assert (await seen.replay()).kept == {"sinks.x is broken": 1}


async def test_letters_of_a_kind_that_is_not_taken_any_more_stay(seen: SeenLab) -> None:
    seen.settings("x", kinds=("log", "counter"))
    await seen.start(seen.plan(main="a > x"))
    far = seen.destination("x")
    far.refuse(lambda event: True)
    seen.origin("a").write([Counter(1, "requests", 1), "2"])
    await seen.until(lambda: seen.letter_count() == 2)
    far.mend()
    seen.settings("x", kinds=("log",))
    assert await seen.reload(seen.plan(main="a > x"))
    changed = await seen.replay()
    assert (changed.changed, changed.kept) == (1, {"sinks.x takes no counter": 1})
    await far.until_lines(1)
    assert (await seen.row()).residue == 0


async def test_what_the_disk_has_no_room_for_stays(seen: SeenLab) -> None:
    seen.settings("x", buffer=BufferSettings(max_disk_bytes=1000))
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2" * 2000, "3")
    changed = await seen.replay()
    assert changed.changed == 2
    assert list(changed.kept.values()) == [1]
    await seen.until(lambda: seen.lines("x") == ["1", "3"])


async def test_a_damaged_letter_stays(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    with sqlite3.connect(seen.folder / "penstock.db") as file:
        file.execute("UPDATE letters SET data = x'00ff' WHERE id = 1")
    file.close()
    changed = await seen.replay()
    assert (changed.changed, changed.kept) == (1, {"it is damaged": 1})
    await seen.until(lambda: seen.lines("x") == ["2"])
    assert (await seen.command("dlq", "show", "1")).exit_code == 1


async def test_an_origin_that_is_gone_is_folded_again(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1")
    seen.services.ledger.fold("memory:web")
    assert (await seen.replay()).changed == 1
    await seen.until(lambda: seen.lines("x") == ["1"])
    await seen.until(lambda: [one for _, one, _ in seen.services.ledger.rows()] == ["(gone)"])
    assert (await seen.row(origin="(gone)")).replayed == 1


# --- what a crash, a stop and a broken disk leave --------------------------------------------


async def test_a_crash_after_the_answer_loses_nothing(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    seen.destination("x").hang()
    assert (await seen.replay()).changed == 2
    kept = await seen.crash()
    assert kept.lines == {"sinks.x": ["1", "2"]}
    assert kept.letters == []
    seen.destination("x").mend()
    seen.boot()
    await seen.start(seen.plan(main="a > x"))
    await seen.until(lambda: {"1", "2"} <= {*seen.lines("x")})


async def test_a_crash_at_any_moment_leaves_the_letter_or_the_event(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1")
    seen.destination("x").hang()
    seen.disk.units.clear()
    assert (await seen.replay()).changed == 1
    changes = [one for one in seen.disk.units if one.pages or one.deleted_letters]
    assert [(len(one.pages), list(one.deleted_letters)) for one in changes] == [(1, [1])]
    seen.destination("x").mend()


async def test_a_stop_right_after_the_answer_loses_nothing(seen: SeenLab) -> None:
    seen.drain_timeout_s = 0.2
    runtime = await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    seen.destination("x").hang()
    assert (await seen.replay()).changed == 2
    runtime.stop()
    assert await seen.ended() == 0
    kept = seen.shut()
    assert (kept.lines, kept.letters) == ({"sinks.x": ["1", "2"]}, [])
    seen.destination("x").mend()
    seen.boot()
    await seen.start(seen.plan(main="a > x"))
    await seen.until(lambda: seen.lines("x") == ["1", "2"])
    assert (await seen.row()).residue == 0


async def test_nothing_is_changed_while_it_stops(seen: SeenLab) -> None:
    runtime = await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1")
    seen.destination("x").hang()
    seen.origin("a").write(["2"])
    await seen.until(lambda: seen.destination("x").writing)
    runtime.stop()
    await seen.until(lambda: not runtime.ready)
    assert isinstance(await seen.ask(Replay(ALL)), Refused)
    assert isinstance(await seen.ask(Drop(ALL)), Refused)
    seen.destination("x").mend()
    assert await seen.ended() == 0
    assert [text for _, _, text in seen.shut().letters] == ["1"]
    seen.boot()


async def test_while_the_disk_does_not_let_us_nothing_is_changed(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1")
    seen.disk.error = "disk full"
    seen.origin("a").write(["2"])
    await seen.until(lambda: seen.journal_of_state.trouble)
    for changed in (await seen.replay(), await seen.drop()):
        assert (changed.changed, changed.trouble) == (0, "state cannot be written: disk full")
    seen.disk.error = ""
    await seen.until(lambda: not seen.journal_of_state.trouble)
    assert (await seen.replay()).changed == 1
    await seen.until(lambda: seen.lines("x") == ["2", "1"])


async def test_a_disk_that_fails_meanwhile_loses_nothing(
    seen: SeenLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PATIENCE_S", 0.2)
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1")
    seen.disk.stand_still()
    changed = await seen.replay()
    assert changed.trouble
    assert changed.changed == 0
    seen.disk.go_on()
    assert (await seen.replay()).changed == 1
    await seen.until(lambda: seen.lines("x") == ["1"])


# --- drop, caps and counts -------------------------------------------------------------------


async def test_dropped_letters_are_gone(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2", "3")
    used = seen.journal_of_state.budget.used
    result = await seen.command("dlq", "drop", "1", "3")
    assert (result.exit_code, result.stdout) == (0, "dropped 2 dead letters\n")
    assert [one["id"] for one in await seen.letters_listed()] == [2]
    assert seen.letter_count() == 1
    assert 0 < seen.journal_of_state.budget.used < used
    assert (await seen.drop()).changed == 1
    assert seen.journal_of_state.budget.used == 0
    assert (await seen.row()).residue == 0


async def test_a_reload_keeps_the_count(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    seen.settings("x", dead_letter=DeadLetterSettings(max_bytes=1 << 20))
    assert await seen.reload(seen.plan(main="a > x"))
    assert (await seen.sink()).dead_letters.count == 2
    await seen.refuse("3")
    assert (await seen.sink()).dead_letters.count == 3


async def test_the_count_outlives_the_process(seen: SeenLab) -> None:
    await seen.start(seen.plan(main="a > x"))
    await seen.refuse("1", "2")
    assert await seen.stop() == 0
    seen.boot()
    await seen.start(seen.plan(main="a > x"))
    letters = (await seen.sink()).dead_letters
    assert letters.count == 2
    assert letters.bytes == seen.journal_of_state.budget.used > 0


async def test_letters_that_are_too_old_go_by_themselves(seen: SeenLab) -> None:
    seen.settings("x", dead_letter=DeadLetterSettings(max_age_s=3600))
    await seen.start(seen.plan(main="a > x y"))
    await seen.refuse("1", "2")
    await seen.refuse("3", sink="y")
    assert await seen.stop() == 0
    seen.boot()
    seen.services = replace(seen.services, wall_clock=lambda: time.time_ns() + 3601 * 10**9)
    await seen.start(seen.plan(main="a > x y"))
    await seen.until(lambda: seen.letter_count("x") == 0)
    await seen.journal_of_state.flush()
    assert [one["sink"] for one in await seen.letters_listed()] == ["sinks.y"]
    discarded = seen.services.telemetry.value(LETTERS_DISCARDED, ("sinks.x", "age"))
    assert discarded == 2


async def test_a_cap_and_a_request_count_a_letter_once(seen: SeenLab) -> None:
    seen.settings("x", dead_letter=DeadLetterSettings(max_bytes=2000))
    await seen.start(seen.plan(main="a > x"))
    seen.destination("x").refuse(lambda event: True)
    for number in range(30):
        seen.origin("a").write([f"{number}" + "x" * 300])
        if number % 5 == 0:
            await seen.drop()
    await seen.until(lambda: [*seen.services.ledger.total("sinks.x").outcomes.values()] == [30])
    await seen.drop()
    assert await seen.letters_listed() == []
    assert seen.letter_count() == 0
    assert seen.journal_of_state.budget.used == 0
