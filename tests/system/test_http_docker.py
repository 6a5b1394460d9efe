"""Real containers to every HTTP sink at once: every line, with each one's names for its fields."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from penstock.testing.http_server import Reply, Request, http_server
from tests.system.parts.engine import Engine
from tests.system.parts.http_watch import until
from tests.system.parts.runner import Runner

LINES = 300
PRINTER = f"""
i=0
while [ $i -lt {LINES} ]; do
  echo "out $i"
  [ $((i % 10)) = 0 ] && echo "err $i" >&2
  i=$((i + 1))
done
sleep 1000
"""
OUT = [f"out {i}" for i in range(LINES)]
ERR = [f"err {i}" for i in range(0, LINES, 10)]
LABELS = {"com.datadoghq.tags.service": "shop", "com.datadoghq.tags.version": "1.2"}
CONFIG = """
[sources.docker]
host = "{host}"
start_at = "beginning"
env_attributes = ["DD_*"]
[transforms.hostname]
value = "node-7"
[transforms.tagging]
add = {{ team = "core" }}
[sinks.ndjson]
type = "http"
url = "{url}/ndjson"
compression = "zstd"
[sinks.elasticsearch]
type = "http"
preset = "elasticsearch"
url = "{url}/es"
[sinks.loki]
type = "http"
preset = "loki"
url = "{url}"
[sinks.mezmo]
url = "{url}/mezmo"
api_key = "key"
[sinks.datadog]
logs_url = "{url}/datadog"
api_key = "key"
[pipelines.main]
sources = ["docker"]
transforms = ["hostname", "tagging"]
sinks = ["ndjson", "elasticsearch", "loki", "mezmo", "datadog"]
"""


class Everything:
    """Takes the requests of all sinks, and sorts what is in them by the path they came to."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.records: dict[str, list[Any]] = {}
        self.queries: list[str] = []

    def __call__(self, request: Request) -> Reply:
        name = request.path.split("/")[1]
        if name == "es":
            lines = request.body.splitlines()
            self._keep(name, [json.loads(line) for line in lines[1::2]], "message")
            return Reply(body=b'{"errors":false}')
        if name == "ndjson":
            self._keep(name, [json.loads(line) for line in request.body.splitlines()], "message")
        elif name == "loki":
            for stream in request.json()["streams"]:
                values = [{**stream["stream"], "line": line} for _, line in stream["values"]]
                self._keep(name, values, "line")
        elif name == "mezmo":
            self.queries.append(request.query)
            self._keep(name, request.json()["lines"], "line")
        else:
            self._keep(name, request.json(), "message")
        return Reply()

    def _keep(self, name: str, records: list[Any], key: str) -> None:
        self.records.setdefault(name, []).extend(records)
        self.texts.setdefault(name, []).extend(record[key] for record in records)


@pytest.mark.timeout(120)
async def test_every_line_reaches_every_destination(
    docker_engine: Engine, penstock: Runner
) -> None:
    container = docker_engine.run("printer", PRINTER, labels=LABELS, env={"DD_ENV": "prod"})
    taken = Everything()
    async with http_server(taken) as server:
        process = penstock(CONFIG.format(host=docker_engine.host, url=server.url))
        everything = sorted([*OUT, *ERR])
        for name in ("ndjson", "es", "loki", "mezmo", "datadog"):
            await until(
                lambda name=name: len(taken.texts.get(name, ())) >= len(everything),  # type: ignore[misc]
                f"{name} has every line",
                process,
            )
        process.send_signal(2)
        await until(lambda: not process.running, "it stops", process)
        assert process.returncode == 0
    for name, texts in taken.texts.items():
        assert sorted(texts) == everything, name
    for name in ("ndjson", "es", "loki"):
        assert [text for text in taken.texts[name] if text.startswith("out")] == OUT, name
        assert [text for text in taken.texts[name] if text.startswith("err")] == ERR, name

    document = taken.records["es"][0]
    assert document["@timestamp"].endswith("Z")
    assert document["resource"]["container.id"] == container
    assert document["tags"] == {"team": "core"}
    levels = {line["line"][:3]: line["level"] for line in taken.records["mezmo"]}
    assert levels == {"out": "INFO", "err": "ERROR"}
    assert {tuple(parse_qs(query)["hostname"]) for query in taken.queries} == {("node-7",)}
    entry = taken.records["datadog"][0]
    assert (entry["service"], entry["hostname"]) == ("shop", "node-7")
    assert {"team:core", "version:1.2", "env:prod", "container_name:printer"} <= set(
        entry["ddtags"].split(",")
    )
    assert {one["host"] for one in taken.records["loki"]} == {"node-7"}
