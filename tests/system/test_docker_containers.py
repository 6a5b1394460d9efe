"""Containers come, go, are restarted and renamed: nothing of them is missed."""

from __future__ import annotations

import asyncio
from collections import Counter

import aiohttp

from penstock.testing import RecordingOutlet
from tests.system.parts.docker_source import all_of, docker, logs, matches, reading, run
from tests.system.parts.engine import IMAGE, Engine


async def start_at_once(engine: Engine, scripts: dict[str, str], *, rm: bool = False) -> list[str]:
    """Create containers, then start all of them at the same time; return their ids."""
    connector = aiohttp.UnixConnector(str(engine.socket), limit=0)
    async with aiohttp.ClientSession("http://docker", connector=connector) as session:

        async def create(name: str, script: str) -> str:
            body = {
                "Image": IMAGE,
                "Cmd": ["sh", "-c", script],
                "HostConfig": {"NetworkMode": "none", "AutoRemove": rm},
            }
            async with session.post("/containers/create", params={"name": name}, json=body) as made:
                return str((await made.json())["Id"])

        async def start(container: str) -> None:
            async with session.post(f"/containers/{container}/start") as started:
                assert started.status == 204, await started.text()

        ids = [await create(name, script) for name, script in scripts.items()]
        await asyncio.gather(*map(start, ids))
    return ids


async def test_a_burst_of_50_starts(docker_engine: Engine) -> None:
    names = [f"burst-{number}" for number in range(50)]
    async with reading(docker_engine.host) as out:
        ids = await start_at_once(
            docker_engine, {name: f"echo {name} 1; echo {name} 2 >&2" for name in names}
        )
        await out.until(lambda: len(out.lines()) >= 100, timeout=40)
        await asyncio.sleep(1)
    assert Counter(out.lines()) == Counter(f"{name} {i}" for name in names for i in (1, 2))
    for container, name in zip(ids, names, strict=True):
        assert sorted(log.body for log in logs(out, container)) == [f"{name} 1", f"{name} 2"]
    assert out.gaps == []


async def test_containers_that_live_milliseconds_and_remove_themselves(
    docker_engine: Engine,
) -> None:
    names = [f"short-{number}" for number in range(20)]
    async with reading(docker_engine.host) as out:
        for at in range(0, 20, 4):
            await start_at_once(
                docker_engine, {name: f"echo {name}" for name in names[at : at + 4]}, rm=True
            )
        await out.until(lambda: len(out.retired) >= 20, timeout=40)
    # On a busy machine Docker may have removed a log by the time it is asked for: a gap says so.
    lost = [str(loss.resource.attributes["container.name"]) for loss in out.gaps]
    assert sorted([*out.lines(), *lost]) == sorted(names)
    assert len(lost) <= 2


async def test_a_container_that_prints_much_and_removes_itself(docker_engine: Engine) -> None:
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "gone", "seq 100000", rm=True)
        await out.until(lambda: out.retired, timeout=40)
    # On a busy machine Docker 20.10 ends one log in six too soon: then a gap says so.
    lines = logs(out, container)
    assert [log.body for log in lines] == [str(number) for number in range(1, len(lines) + 1)]
    assert [loss.gap.from_unix_nano for loss in out.gaps] == (
        [] if len(lines) == 100_000 else [lines[-1].time_unix_nano]
    )


async def test_restarts_neither_repeat_nor_miss_a_line(docker_engine: Engine) -> None:
    script = (
        "echo run at $(cat /proc/uptime); trap 'echo stopped; exit' TERM; "
        "while :; do sleep 0.02; done"
    )
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "again", script)
        for _ in range(4):
            await docker(docker_engine, "restart", container)
        await docker(docker_engine, "stop", container)
        lines = await all_of(docker_engine, out, container, 10)
    assert lines == docker_engine.logs(container)[0]
    assert [line.split()[0] for line in lines] == ["run", "stopped"] * 5
    assert out.duplicate_counts == {}


async def test_a_container_killed_in_the_middle_of_a_line(docker_engine: Engine) -> None:
    script = "echo whole; printf 'only begun'; exec sleep 600"
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "killed", script)
        await out.until_lines(1)
        await docker(docker_engine, "kill", container)
        lines = await all_of(docker_engine, out, container, 2)
    assert lines == ["whole", "only begun"]


async def test_a_new_name_is_a_new_resource(docker_engine: Engine) -> None:
    script = "echo one; while [ ! -e /go ]; do sleep 0.02; done; echo two; exec sleep 600"
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "before", script)
        await out.until_lines(1)
        await docker(docker_engine, "rename", "before", "after")
        await asyncio.sleep(0.3)
        await docker(docker_engine, "exec", "after", "touch", "/go")
        await out.until_lines(2)
    first, second = (sent.batch.resource for sent in out.sent)
    assert first is not second
    assert first.origin == second.origin == f"docker:{container}"
    assert first.attributes["container.name"] == "before"
    assert second.attributes["container.name"] == "after"


async def test_a_removed_containers_lane_is_retired(docker_engine: Engine) -> None:
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "removed", "echo one; exec sleep 600")
        await out.until_lines(1)
        assert container in out.committed
        await docker(docker_engine, "rm", "--force", container)
        await out.until(lambda: out.retired == [container])
    assert out.committed.keys() == {"engine"}
    assert out.gaps == []


async def test_attributes_under_their_opentelemetry_names(docker_engine: Engine) -> None:
    labels = {"team": "core", "com.docker.compose.service": "web", "empty": ""}
    env = {"DD_ENV": "prod", "SECRET": "no"}
    from penstock.api import Patterns

    async with reading(docker_engine.host, env_attributes=Patterns("DD_*")) as out:
        container = await run(docker_engine, "dressed", "echo hello", labels=labels, env=env)
        await out.until_lines(1)
    attributes = dict(out.sent[0].batch.resource.attributes)
    assert attributes.pop("host.name") == docker_engine.get("/info")["Name"]
    assert attributes == {
        "container.id": container,
        "container.name": "dressed",
        "container.runtime": "docker",
        "container.image.name": IMAGE,
        "container.label.team": "core",
        "container.label.com.docker.compose.service": "web",
        "container.label.empty": "",
        "container.env.DD_ENV": "prod",
        "service.name": "web",
    }


async def test_what_is_excluded_is_not_read(docker_engine: Engine) -> None:
    exclude = matches(names="noisy-*", labels="logs=off")
    async with reading(docker_engine.host, exclude=exclude) as out:
        await run(docker_engine, "noisy-one", "echo by name")
        await run(docker_engine, "labelled", "echo by label", labels={"logs": "off"})
        await run(docker_engine, "logspout", "echo by variable", env={"LOGSPOUT": "Ignore"})
        await run(
            docker_engine, "disabled", "echo by own label", labels={"penstock.enable": "false"}
        )
        await run(
            docker_engine, "enabled", "echo one", labels={"logs": "on", "penstock.enable": "true"}
        )
        await out.until_lines(1)
        await asyncio.sleep(0.5)
    assert out.lines() == ["one"]


async def test_only_what_is_included_is_read(docker_engine: Engine) -> None:
    include = matches(names="web-*", images=IMAGE, labels="tier=front*")
    async with reading(docker_engine.host, include=include) as out:
        await run(docker_engine, "web-1", "echo one", labels={"tier": "frontend"})
        await run(docker_engine, "web-2", "echo wrong tier", labels={"tier": "back"})
        await run(docker_engine, "web-3", "echo no label")
        await run(docker_engine, "db-1", "echo wrong name", labels={"tier": "frontend"})
        await out.until_lines(1)
        await asyncio.sleep(0.5)
    assert out.lines() == ["one"]


async def test_containers_that_ran_before(docker_engine: Engine) -> None:
    script = (
        "for i in 1 2 3 4 5; do echo old $i; done; "
        "while [ ! -e /go ]; do sleep 0.02; done; echo new; exec sleep 600"
    )
    for name in ("from-end", "from-ten", "from-start"):
        docker_engine.run(name, script)
    docker_engine.run("has-ended", "echo long gone", detach=False)
    old = [f"old {i}" for i in range(1, 6)]
    expected = {
        "from-end": ["new"],
        "from-ten": ["old 4", "old 5", "new"],
        "from-start": [*old, "new"],
    }
    settings: dict[str, dict[str, object]] = {
        "from-end": {},
        "from-ten": {"start_lines": 2},
        "from-start": {"start_at": "beginning"},
    }
    for name, lines in expected.items():
        async with reading(
            docker_engine.host, include=matches(names=name), **settings[name]
        ) as out:
            await docker(docker_engine, "exec", name, "touch", "/go")
            await out.until_lines(len(lines))
            await asyncio.sleep(0.3)
        assert out.lines() == lines


async def test_what_had_ended_before_is_read_once_if_asked_for(docker_engine: Engine) -> None:
    container = docker_engine.run("old", "echo first; echo second", detach=False)
    async with reading(docker_engine.host, start_at="beginning") as out:
        await out.until_lines(2)
        await docker(docker_engine, "start", container)
        await all_of(docker_engine, out, container, 2)
    assert out.lines() == ["first", "second"] * 2
    async with reading(docker_engine.host, out.committed, start_at="beginning") as after:
        await docker(docker_engine, "start", container)
        await after.until_lines(2)
    assert after.lines() == ["first", "second"]
    assert after.gaps == []


async def test_a_container_that_was_stopped_before_begins_with_its_new_run(
    docker_engine: Engine,
) -> None:
    container = docker_engine.run("old", "echo at $(cat /proc/uptime)", detach=False)
    async with reading(docker_engine.host) as out:
        await docker(docker_engine, "start", container)
        await all_of(docker_engine, out, container, 1)
    assert out.lines() == docker_engine.logs(container)[0][1:]


async def test_a_restart_of_penstock_goes_on_where_it_was(docker_engine: Engine) -> None:
    script = (
        "i=0; while [ ! -e /stop ]; do i=$((i+1)); echo line $i; echo line $i >&2; "
        "[ $((i % 50)) -ne 0 ] || usleep 10000; done; exec sleep 600"
    )
    container = docker_engine.run("counter", script)
    got: list[str] = []
    errors: list[str] = []
    positions: dict[str, object] = {}
    try:
        for _ in range(4):
            async with reading(docker_engine.host, positions, start_at="beginning") as out:
                await out.until(lambda out=out: len(out.lines()) > 500)
            got += out.lines("stdout")
            errors += out.lines("stderr")
            positions = out.committed
            assert out.gaps == []
    finally:
        docker_engine.docker("exec", container, "touch", "/stop")
    async with reading(docker_engine.host, positions) as out:
        total = len(docker_engine.logs(container)[0])
        await out.until(lambda: len(got) + len(out.lines("stdout")) >= total)
        await asyncio.sleep(0.3)
    got += out.lines("stdout")
    errors += out.lines("stderr")
    assert got == [f"line {i}" for i in range(1, total + 1)]
    assert errors == got


async def test_only_one_stream(docker_engine: Engine) -> None:
    async with reading(docker_engine.host, streams=("stderr",)) as out:
        container = await run(
            docker_engine, "both", "seq 1000; echo err >&2; seq 1000; echo end >&2"
        )
        assert await all_of(docker_engine, out, container, 2) == ["err", "end"]


async def test_two_engines_side_by_side(docker_engine: Engine, second_engine: Engine) -> None:
    both = RecordingOutlet(settle=True)
    async with (
        reading(docker_engine.host, outlet=both),
        reading(second_engine.host, outlet=both),
    ):
        first = await run(docker_engine, "same-name", "seq 1000 1999")
        second = await run(second_engine, "same-name", "seq 2000 2999")
        await both.until_lines(2000)
    assert both.lines(lane=first) == [str(i) for i in range(1000, 2000)]
    assert both.lines(lane=second) == [str(i) for i in range(2000, 3000)]


async def test_a_driver_that_cannot_be_read_is_one_warning(
    docker_engine: Engine, caplog: object
) -> None:
    import logging

    import pytest

    assert isinstance(caplog, pytest.LogCaptureFixture)
    with caplog.at_level(logging.INFO):
        async with reading(docker_engine.host) as out:
            container = await run(docker_engine, "silent", "echo lost; sleep 1", driver="none")
            await run(docker_engine, "other", "echo read")
            await docker(docker_engine, "restart", container)
            await out.until_lines(1)
            await asyncio.sleep(1)
    assert out.lines() == ["read"]
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "silent" in warnings[0].getMessage()
    assert "'none'" in warnings[0].getMessage()


async def test_dual_logging_is_read(docker_engine: Engine) -> None:
    options = {"syslog-address": "udp://127.0.0.1:9"}
    async with reading(docker_engine.host) as out:
        container = await run(docker_engine, "remote", "seq 100", driver="syslog", log_opts=options)
        assert await all_of(docker_engine, out, container, 100) == [str(i) for i in range(1, 101)]


async def test_hostile_labels_are_bounded(docker_engine: Engine) -> None:
    labels = {"big": "x" * 1_000_000, "k" * 1000: "long key", "line\nbreak": "a\nb\0c"}
    connector = aiohttp.UnixConnector(str(docker_engine.socket))
    async with reading(docker_engine.host) as out:
        async with aiohttp.ClientSession("http://docker", connector=connector) as session:
            body = {
                "Image": IMAGE,
                "Cmd": ["echo", "hello"],
                "Labels": labels,
                "HostConfig": {"NetworkMode": "none"},
            }
            async with session.post(
                "/containers/create", params={"name": "a.b-c_d"}, json=body
            ) as made:
                container = (await made.json())["Id"]
            async with session.post(f"/containers/{container}/start") as started:
                assert started.status == 204
        await out.until_lines(1)
    attributes = out.sent[0].batch.resource.attributes
    assert sum(len(f"{key}{value}") for key, value in attributes.items()) < 70_000
    big = attributes["container.label.big"]
    assert isinstance(big, str)
    assert big.startswith("x" * 1000)
    assert "bytes cut]" in big
    assert set(big) <= set("x… [0123456789 bytes cut]")
    long_key = next(key for key in attributes if key.startswith("container.label.kkk"))
    assert len(long_key) <= 256 + len("container.label.")
    assert attributes["container.label.line\nbreak"] == "a\nb\0c"
