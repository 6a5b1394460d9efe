"""The RLP gateway's double, as the real one was seen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.loggregator import RlpGateway, Uaa, captured, v2
from tests.loggregator.waiting import until

GUID = "22222222-2222-2222-2222-222222222222"
NOT_FOUND = '{"message":"resource not found","error":"not_found"}\n\n'
ANSWERS: list[aiohttp.ClientResponse] = []
"""What is being read: an answer that nobody holds is closed."""


@pytest.fixture
async def house() -> AsyncIterator[RlpGateway]:
    async with RlpGateway(pace=0.02) as house:
        yield house


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
        for answer in ANSWERS:
            answer.close()
        ANSWERS.clear()


async def reading(
    house: RlpGateway, session: aiohttp.ClientSession, query: str
) -> aiohttp.ClientResponse:
    before = len(house.streams)
    answer = await session.get(f"{house.url}/v2/read?{query}")
    ANSWERS.append(answer)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    await until(lambda: len(house.streams) > before)
    return answer


async def test_an_envelope_is_one_line_of_json(
    house: RlpGateway, session: aiohttp.ClientSession
) -> None:
    answer = await reading(house, session, "log")
    sent = v2.log("hi \u00fc")
    house.emit(sent)
    line = (await answer.content.readline()).decode()
    assert line.startswith("data: {")
    assert json.loads(line[6:]) == {"batch": [sent]}
    assert await answer.content.readline() == b"\n"


async def test_made_up_envelopes_have_the_form_of_captured_ones() -> None:
    made = [v2.log("x"), v2.counter("c", 1, 2), v2.gauge({"g": (1.0, "s")}), v2.timer("t", 1, 2)]
    forms = {_form(one) for batch in captured.batches() for one in batch}
    assert {_form(one) for one in made} <= forms


def _form(envelope: v2.Envelope) -> frozenset[tuple[str, str]]:
    fields = [*envelope.items(), *envelope[_kind(envelope)].items()]
    return frozenset((key, type(value).__name__) for key, value in fields)


def _kind(envelope: v2.Envelope) -> str:
    return next(key for key in ("log", "counter", "gauge", "timer", "event") if key in envelope)


async def test_heartbeats_come_where_nothing_else_does_and_the_stream_ends_after_its_time(
    session: aiohttp.ClientSession,
) -> None:
    async with RlpGateway(pace=0.01, stream_timeout_s=50) as house:
        answer = await reading(house, session, "log")
        body = (await answer.text()).split("\n\n")
        beats = house.streams[0].heartbeats
        assert beats >= 2
        assert [one.split("\n")[0] for one in body[:beats]] == ["event: heartbeat"] * beats
        assert body[beats:] == ["event: closing\ndata: closing due to stream timeout", ""]
        assert house.streams[0].ended == "timeout"


async def test_what_is_queued_comes_before_the_closing(
    house: RlpGateway, session: aiohttp.ClientSession
) -> None:
    answer = await reading(house, session, "log")
    sent = [v2.log(str(number)) for number in range(250)]
    house.emit(*sent)
    house.close_streams()
    lines = [line for line in (await answer.text()).splitlines() if line.startswith("data: {")]
    got = [one for line in lines for one in json.loads(line[6:])["batch"]]
    assert got == sent == house.streams[0].sent
    assert len(lines) == 3, "a hundred at most in each"


async def test_selectors(house: RlpGateway, session: aiohttp.ClientSession) -> None:
    queries = {
        "log": [0],
        "counter&log": [0, 1],
        "counter.name=c": [1],
        "counter.name=d": [],
        "counter.name=": [1],
        "gauge": [2, 3],
        "gauge.name=g1": [2],
        "gauge.name=g2,g1": [3],
        "timer": [4],
        "event": [5],
        f"log&source_id={GUID}": [6],
        f"log&counter&source_id={GUID}&source_id={v2.APP}": [0, 1, 6],
    }
    both = {"g1": (1.0, ""), "g2": (2.0, "")}
    sent = [v2.log("a"), v2.counter("c", 1, 2), v2.gauge({"g1": (1.0, "s")}), v2.gauge(both)]
    sent += [v2.timer("t", 1, 2), v2.event("title", "body"), v2.log("b", source_id=GUID)]
    for query in queries:
        await reading(house, session, query)
    house.emit(*sent)
    await house.flushed()
    await until(lambda: len(house.streams[-1].sent) == 3)
    got = [[sent.index(one) for one in stream.sent] for stream in house.streams]
    wanted = [[0, 6] if query == "log" else found for query, found in queries.items()]
    wanted[1] = [0, 1, 6]
    assert got == wanted


async def test_streams_of_a_shard_share_and_without_one_everybody_has_all(
    house: RlpGateway, session: aiohttp.ClientSession
) -> None:
    for query in ["log&shard_id=a"] * 3 + ["log"] * 2:
        await reading(house, session, query)
    await house.replay([v2.log(str(number)) for number in range(600)])
    await house.flushed()
    await until(lambda: len(house.sent) == 1800)
    shares = [len(one.sent) for one in house.streams]
    assert shares[3:] == [600, 600]
    assert all(100 < share < 300 for share in shares[:3])


async def test_a_deterministic_name_keeps_a_metric_where_it_is(
    house: RlpGateway, session: aiohttp.ClientSession
) -> None:
    for name in ("one", "two"):
        query = f"counter&gauge&shard_id=a&deterministic_name={name}"
        await reading(house, session, query)
    names = [f"c{number % 10}" for number in range(200)]
    house.emit(*(v2.counter(name, 1, 1) for name in names))
    await until(lambda: len(house.sent) == 200)
    first, second = ({one["counter"]["name"] for one in stream.sent} for stream in house.streams)
    assert first
    assert second
    assert not first & second


@pytest.mark.parametrize(
    ("method", "query", "status", "error"),
    [
        ("GET", "", 400, "empty_query"),
        ("GET", "shard_id=a", 400, "missing_envelope_type"),
        ("GET", "logs", 400, "missing_envelope_type"),
        ("POST", "log", 405, "method_not_allowed"),
    ],
)
async def test_what_it_refuses(
    house: RlpGateway,
    session: aiohttp.ClientSession,
    method: str,
    query: str,
    status: int,
    error: str,
) -> None:
    async with session.request(method, f"{house.url}/v2/read?{query}") as answer:
        assert answer.status == status
        assert json.loads(await answer.text())["error"] == error


async def test_every_lack_of_a_right_is_a_404(session: aiohttp.ClientSession) -> None:
    uaa = Uaa()
    async with RlpGateway(uaa=uaa, app_access={GUID: 200}) as house:
        admin, user = uaa.grant(["logs.admin"]), uaa.grant(["openid"])
        url = f"{house.url}/v2/read?log"
        cases = {
            (url, ""): 404,
            (url, "bearer nonsense"): 404,
            (url, f"Bearer {admin}"): 404,
            (url, f"bearer {user}"): 404,
            (f"{url}&source_id={v2.APP}", f"bearer {user}"): 404,
            (f"{url}&source_id={GUID}", f"bearer {user}"): 200,
            (url, f"bearer {admin}"): 200,
        }
        for (target, token), status in cases.items():
            headers = {"Authorization": token} if token else {}
            answer = await session.get(target, headers=headers)
            assert answer.status == status, (target, token)
            if status == 404:
                assert await answer.text() == NOT_FOUND
                assert answer.content_type == "text/plain"
            answer.close()


async def test_a_captured_body_and_what_is_broken(
    house: RlpGateway, session: aiohttp.ClientSession
) -> None:
    answer = await reading(house, session, "log")
    await until(lambda: bool(house.live))
    house.replay_sse(captured.sse())
    assert await answer.content.readexactly(len(captured.sse())) == captured.sse()
    house.half_line(v2.log("x" * 100))
    with pytest.raises(aiohttp.ClientPayloadError):
        await answer.content.read()
