"""What stands in the streams, and what each of the server's answers becomes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import trustme
from penstock.api import (
    ConfigError,
    Context,
    RejectedError,
    Report,
    RetryableError,
    TlsSettings,
    event_id,
)
from penstock.testing import batch, configured, lines, log, one_of_each, resource

from penstock_sink_redis.sink import RedisSink
from redis_server import RedisServer, free_port

Start = Callable[..., Awaitable[RedisServer]]
DB = resource("docker:" + "db" * 32, {"container.name": "db-1"})


def texts(entries: list[dict[bytes, bytes]]) -> list[str]:
    return [json.loads(entry[b"event"])["message"] for entry in entries]


async def written(sink: RedisSink, *batches: object) -> Report | None:
    """Open the sink, write once and close it."""
    try:
        await sink.open()
        return await sink.write(batches)  # type: ignore[arg-type]
    finally:
        await sink.close()


# --- what stands in the streams -----------------------------------------------------------------


async def test_each_container_has_its_stream(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url})
    assert await written(sink, batch(["a", "b"]), batch(["c"], DB), batch(["d"])) is None
    assert texts(await redis.entries("logs:web")) == ["a", "b", "d"]
    assert texts(await redis.entries("logs:db-1")) == ["c"]


async def test_an_entry_is_the_event_and_its_id(redis: RedisServer) -> None:
    event = log("hello", "stderr", severity=17)
    await written(configured(RedisSink, {"url": redis.url}), batch([event], DB))
    (entry,) = await redis.entries()
    assert entry.keys() == {b"id", b"event"}
    assert entry[b"id"].decode() == event_id(DB.origin, event)
    shown = json.loads(entry[b"event"])
    assert (shown["message"], shown["severity"], shown["id"]) == (
        "hello",
        "error",
        entry[b"id"].decode(),
    )


async def test_what_comes_again_has_the_same_id(redis: RedisServer) -> None:
    again = batch(["a", "b"])
    await written(configured(RedisSink, {"url": redis.url}), again, again)
    ids = [entry[b"id"] for entry in await redis.entries()]
    assert (len(ids), len(set(ids))) == (4, 2)


async def test_every_kind_of_event_is_appended(redis: RedisServer) -> None:
    events = one_of_each()
    await written(configured(RedisSink, {"url": redis.url}), batch(events))
    kinds = [json.loads(entry[b"event"])["kind"] for entry in await redis.entries()]
    assert kinds == ["log", "counter", "gauge", "timer", "event", "gap"]


async def test_a_stream_may_depend_on_the_event(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url, "stream": "by:{stream}"})
    await written(sink, batch([log("a"), log("b", "stderr")]))
    assert texts(await redis.entries("by:stdout")) == ["a"]
    assert texts(await redis.entries("by:stderr")) == ["b"]


async def test_a_stream_stays_about_as_long_as_it_may(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url, "max_entries": 100})
    await written(sink, batch([f"line {n}" for n in range(1000)]))
    left = texts(await redis.entries())
    assert 100 <= len(left) <= 300  # Redis cuts whole nodes, of 100 entries each.
    assert left[-1] == "line 999"


@pytest.mark.parametrize(
    ("template", "reason"),
    [("{container.label.none}", "none of the template's fields"), ("{message}", "2000 bytes")],
)
async def test_an_event_without_a_proper_key_is_refused_by_name(
    redis: RedisServer, template: str, reason: str
) -> None:
    sink = configured(RedisSink, {"url": redis.url, "stream": template})
    some = batch(["x" * 2000])
    report = await written(sink, some)
    assert report is not None
    assert [*report.rejected] == [*some.events]
    assert reason in report.rejected[some.events[0]]
    assert await redis.entries() == []


# --- what the server answers --------------------------------------------------------------------


async def test_what_one_key_refuses_is_named_and_the_rest_is_delivered(redis: RedisServer) -> None:
    async with redis.client() as client:
        await client.set("logs:db-1", "no stream")
    mine, theirs = batch(["a", "b"]), batch(["c", "d"], DB)
    report = await written(configured(RedisSink, {"url": redis.url}), mine, theirs)
    assert report is not None
    assert set(report.rejected) == set(theirs.events)
    assert not report.retry
    assert "WRONGTYPE" in report.rejected[theirs.events[0]]
    assert texts(await redis.entries()) == lines([mine])


async def test_a_full_server_takes_nothing_and_then_all_of_it(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url})
    some = batch(["a", "b"])
    await sink.open()
    async with redis.client() as client:
        await client.config_set("maxmemory", "1")
        with pytest.raises(RetryableError, match="maxmemory"):
            await sink.write([some])
        assert await redis.entries() == []
        await client.config_set("maxmemory", "0")
    assert await sink.write([some]) is None
    await sink.close()
    assert texts(await redis.entries()) == ["a", "b"]


async def test_a_replica_or_a_busy_server_is_waited_for(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url})
    await sink.open()
    async with redis.client() as client:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(RetryableError, match="read only replica"):
            await sink.write([batch(["a"])])
        await client.execute_command("REPLICAOF", "NO", "ONE")
        await client.config_set("min-replicas-to-write", 1)
        with pytest.raises(RetryableError, match="NOREPLICAS"):
            await sink.write([batch(["a"])])
    await sink.close()


async def test_a_server_that_does_not_answer_is_given_up_in_time(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url, "timeout_s": 0.2})
    await sink.open()
    redis.hang()
    with pytest.raises(RetryableError, match="no answer within"):
        await sink.write([batch(["a"])])
    await sink.close()


async def test_wrong_credentials_are_the_operators(start_redis: Start) -> None:
    server = await start_redis(requirepass="right")
    for table in ({}, {"password": "wrong"}, {"username": "nobody", "password": "right"}):
        sink = configured(RedisSink, {"url": server.url, **table})
        with pytest.raises(ConfigError, match="username and password") as caught:
            await written(sink, batch(["a"]))
        assert "right" not in str(caught.value)
    await written(configured(RedisSink, {"url": server.url, "password": "right"}), batch(["a"]))
    assert texts(await server.entries()) == ["a"]


async def test_missing_rights_are_the_operators_but_not_those_to_one_key(
    redis: RedisServer,
) -> None:
    async with redis.client() as client:
        for name, *rules in (
            ("mute", "~*", "+@all", "-xadd"),
            ("narrow", "~logs:*", "+ping", "+multi", "+exec", "+xadd"),
        ):
            await client.execute_command("ACL", "SETUSER", name, "on", ">p", *rules)
    as_ = {"url": redis.url, "password": "p"}
    with pytest.raises(ConfigError, match="what it needs"):
        await written(configured(RedisSink, {**as_, "username": "mute"}), batch(["a"]))
    narrow = {**as_, "username": "narrow"}
    with pytest.raises(RejectedError, match="keys") as caught:
        await written(configured(RedisSink, {**narrow, "stream": "x"}), batch(["secret line"]))
    assert "secret line" not in str(caught.value)
    await written(configured(RedisSink, narrow), batch(["a"]))
    assert texts(await redis.entries()) == ["a"]


async def test_a_database_that_is_not_there_is_the_operators(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": f"{redis.url}/99"})
    with pytest.raises(ConfigError, match="DB index"):
        await sink.open()
    await sink.close()


async def test_another_database(redis: RedisServer) -> None:
    await written(configured(RedisSink, {"url": f"{redis.url}/3"}), batch(["a"]))
    assert await redis.entries() == []
    async with redis.client() as client:
        await client.execute_command("SELECT", 3)
        assert await client.xlen("logs:web") == 1


# --- connections --------------------------------------------------------------------------------


async def test_check_tries_and_writes_nothing(redis: RedisServer) -> None:
    await configured(RedisSink, {"url": redis.url}).check()
    assert await redis.entries() == []
    await redis.stop()
    with pytest.raises(RetryableError, match="Connect call failed"):
        await configured(RedisSink, {"url": redis.url}).check()


async def test_a_unix_socket(start_redis: Start, tmp_path: Path) -> None:
    server = await start_redis(unixsocket=str(tmp_path / "redis.sock"))
    await written(configured(RedisSink, {"url": f"unix://{tmp_path}/redis.sock"}), batch(["a"]))
    assert texts(await server.entries()) == ["a"]


async def test_tls_proves_the_server(start_redis: Start, tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    stranger.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "server.pem")
    )
    port = free_port()
    server = await start_redis(
        tls_port=str(port),
        tls_cert_file=str(tmp_path / "server.pem"),
        tls_key_file=str(tmp_path / "server.pem"),
        tls_ca_cert_file=str(tmp_path / "ca.pem"),
        tls_auth_clients="no",
    )
    url = f"rediss://localhost:{port}"

    def sink(**tls: str) -> RedisSink:
        made = configured(RedisSink, {"url": url})
        made.context = Context(tls=TlsSettings(**tls))
        return made

    await written(sink(ca_file=str(tmp_path / "ca.pem")), batch(["a"]))
    assert texts(await server.entries()) == ["a"]
    with pytest.raises(RetryableError, match="CERTIFICATE_VERIFY_FAILED"):
        await written(sink(ca_file=str(tmp_path / "other.pem")), batch(["b"]))
    with pytest.raises(ConfigError, match=r"tls\.ca_file: .*cannot be read"):
        await written(sink(ca_file=str(tmp_path / "none.pem")), batch(["b"]))
    with pytest.raises(ConfigError, match=r"tls\.server_name"):
        await written(sink(server_name="redis.example.com"), batch(["b"]))


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://:hunter2@host", "go into `username` and `password`"),
        ("http://host", "expected redis://host"),
        ("redis://", "expected redis://host"),
        ("unix://", "expected redis://host"),
        ("redis://host/zero", "the database is a number"),
        ("redis://host?db=1", "nothing may come behind"),
        ("redis://host:99999", "Port out of range"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message) as caught:
        configured(RedisSink, {"url": url})
    assert "hunter2" not in str(caught.value)


def test_the_password_never_prints() -> None:
    sink = configured(RedisSink, {"url": "redis://host", "password": "hunter2"})
    assert "hunter2" not in repr(sink.config)


def open_sockets() -> int:
    links = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
    return sum("socket:" in link for link in links)


async def test_a_hung_server_is_let_go_of_with_all_that_it_did_not_read(
    redis: RedisServer,
) -> None:
    sink = configured(RedisSink, {"url": redis.url, "timeout_s": 0.5})
    large = [log("x" * 1_000_000) for _ in range(16)]
    before = open_sockets()
    await sink.open()
    redis.hang()
    for _ in range(2):
        with pytest.raises(RetryableError):
            await sink.write([batch(large)])
    async with asyncio.timeout(10):
        while open_sockets() > before:
            await asyncio.sleep(0.05)
    await redis.mend()
    assert await sink.write([batch(["after"])]) is None
    await sink.close()
    assert texts(await redis.entries()) == ["after"]


async def test_a_cancelled_write_is_done_whole_or_not_at_all(redis: RedisServer) -> None:
    sink = configured(RedisSink, {"url": redis.url})
    await sink.open()
    write = asyncio.create_task(sink.write([batch(["a"] * 5000)]))
    await asyncio.sleep(0.05)
    write.cancel()
    await asyncio.gather(write, return_exceptions=True)
    assert await sink.write([batch(["b"])]) is None
    await sink.close()
    got = texts(await redis.entries())
    assert sorted(got) in (["b"], ["a"] * 5000 + ["b"])
