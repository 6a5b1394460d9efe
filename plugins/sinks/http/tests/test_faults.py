"""A destination that fails in every way at random: nothing is lost, and only the bad is refused."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from penstock.testing import batch, configured, resource
from penstock.testing.http_server import RESET, HttpServer, Reply, Request, http_server
from penstock.testing.pipeline import SinkLine
from penstock.testing.watch import Watch
from penstock_sink_http.sink import HttpSink

OF = [resource(f"docker:{name}", {"container.name": name}) for name in ("a", "b", "c")]
BAD = {f"bad {number}" for number in (3, 77, 150)}


def disturbed(intake: Any, chance: random.Random) -> Any:
    """Answer every third request with trouble; some of it comes after the body was taken."""

    def answer(request: Request) -> Reply:
        match chance.randrange(18):
            case 0:
                return RESET
            case 1:
                return Reply(status=503, headers={"Retry-After": "0"})
            case 2:
                return Reply(status=429)
            case 3:
                return Reply(status=413) if len(request.body) > 3000 else intake(request)
            case 4:
                intake(request)
                return RESET
            case 5:
                intake(request)
                return Reply(status=502)
            case _:
                return intake(request)  # type: ignore[no-any-return]

    return answer


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ["ndjson", "json", "text", "elasticsearch", "splunk_hec", "loki"])
async def test_nothing_is_lost(intakes: Mapping[str, Any], form: str, seed: int) -> None:
    intake = intakes[form]()
    intake.refused = set(BAD)
    lines = [f"bad {n}" if f"bad {n}" in BAD else f"line {n}" for n in range(240)]
    batches = [batch(lines[at : at + 8], OF[at // 8 % 3]) for at in range(0, 240, 8)]
    async with http_server(disturbed(intake, random.Random(seed))) as server:
        line = await sent(server, batches, **intake.settings)
    good = [text for text in lines if text not in BAD]
    assert {event.body for event in line.sink.rejected} == BAD  # type: ignore[union-attr]
    assert set(intake.texts) == set(good)
    if form == "elasticsearch":
        assert sorted(intake.texts) == sorted(good), "what comes twice is stored once"
    for first in range(3):
        mine = [text for at in range(first * 8, 240, 24) for text in lines[at : at + 8]]
        got = dict.fromkeys(text for text in intake.texts if text in mine)
        if form in ("ndjson", "json", "text"):
            assert list(got) == [text for text in mine if text in good], "out of order"


async def sent(server: HttpServer, batches: list[Any], **settings: Any) -> SinkLine:
    sink = configured(HttpSink, {"url": server.url, "concurrency": 3, **settings})
    async with SinkLine(sink, Watch(), events_per_write=30) as line:
        await line.send(*batches)
        assert await line.drain(60.0), [*line.sink.retryable, *line.sink.undeclared][-3:]
    assert not line.sink.undeclared
    return line
