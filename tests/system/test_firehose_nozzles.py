"""The two nozzles of examples/, as they are, between Cloud Foundry's servers and a real sink."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from penstock.testing.http_server import HttpServer
from tests.loggregator import CloudController, Servers, TrafficController, Uaa, captured, envelopes
from tests.loggregator.conversion import lines, to_v2
from tests.system.parts.nozzle import Accounts, line_of
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Penstock, Runner
from tests.system.parts.waiting import eventually

INTAKE = "plugins/sinks/datadog/tests/conftest.py"


class Foundation:
    """A Cloud Controller, a UAA and a Traffic Controller that know of each other."""

    def __init__(self, servers: Servers) -> None:
        self.uaa = servers.start(Uaa())
        self.house = servers.start(TrafficController(uaa=self.uaa))
        self.api = servers.start(CloudController(logging=self.house.url, uaa=self.uaa.url))
        client, secret = self.uaa.client
        self.env = {
            "CF_API": self.api.url,
            "CF_CLIENT_ID": client,
            "CF_CLIENT_SECRET": secret,
            "CF_DEPLOYMENT": "*",
        }

    def wait_for(self, connections: int) -> None:
        eventually(lambda: len(self.house.live) == connections, f"{connections} connections")


def test_the_syslog_nozzle(
    workspace: Path, servers: Servers, rsyslog: Callable[..., Rsyslog], penstock: Runner
) -> None:
    receiver = rsyslog(max_message_bytes=65536)
    foundation = Foundation(servers)
    accounts = Accounts(penstock, penstock.folder / "state")
    env = {**foundation.env, "SYSLOG_ADDRESS": receiver.tcp}
    router = penstock(example(workspace, "syslog-nozzle"), env=env, state_dir=accounts.folder)
    foundation.wait_for(2)
    servers.wait(foundation.house.replay(captured.frames()))
    expected = Counter(line for one in captured.decoded() for line in lines(to_v2(one)))
    got = receiver.wait_for(expected.total())
    left, right = Counter(map(line_of, got)) - expected, expected - Counter(map(line_of, got))
    assert (left, right) == (Counter(), Counter()), "each exactly once"
    shares = [len(one.sent) for one in foundation.house.connections]
    assert sum(shares) == len(captured.frames())
    assert all(shares), "both took part"
    accounts.wait_for_delivered(len(captured.frames()), "sinks.logs")
    assert sum(accounts.taken_in().values()) == len(captured.frames())
    assert router.stop() == 0, router.tail()
    assert foundation.house.violations == []


def test_the_datadog_nozzle(workspace: Path, servers: Servers, penstock: Runner) -> None:
    intake = strict_intake(workspace)
    server = servers.start(HttpServer(intake))
    foundation = Foundation(servers)
    accounts = Accounts(penstock, penstock.folder / "state")
    key = intake_module(workspace).KEY
    urls = {"DD_LOGS_URL": server.url, "DD_METRICS_URL": server.url, "DD_API_KEY": key}
    text = example(workspace, "datadog-nozzle").replace("max_wait_ms = 5000", "max_wait_ms = 200")
    router = penstock(text, env={**foundation.env, **urls}, state_dir=accounts.folder)
    foundation.wait_for(2)
    texts = [f"line {number}" for number in range(300)]
    totals = [envelopes.counter("requests", 2, 2 * n, index=f"{n}") for n in range(200)]
    values = [envelopes.value("latency", n / 8, "ms", index=f"{n}") for n in range(200)]
    containers = [envelopes.container(instance=number) for number in range(20)]
    others = [envelopes.http("/"), envelopes.error("an error is a log")]
    sent = [*map(envelopes.log, texts), *totals, *values, *containers, *others]
    servers.wait(foundation.house.replay(sent))
    eventually(lambda: len(intake.logs) >= 301, "all logs")
    accounts.wait_for_delivered(len(sent) - 1, "sinks.datadog")
    assert Counter(intake.texts) == Counter([*texts, "an error is a log"])
    requests = "cloudfoundry.nozzle.gorouter.requests"
    latency = "cloudfoundry.nozzle.gorouter.latency"
    assert intake.total(requests) == sum(2 * number for number in range(200))
    assert intake.total(latency) == sum(number / 8 for number in range(200))
    assert intake.total("cloudfoundry.nozzle.rep.cpu") == 20 * 12.5
    assert sum(accounts.taken_in().values()) == len(sent) - 1, "timers were not asked for"
    assert stops(router), router.tail()


def example(workspace: Path, name: str) -> str:
    return (workspace / "examples" / f"{name}.toml").read_text()


def intake_module(workspace: Path) -> Any:
    """The strict intake is the Datadog sink's own, which is in no package."""
    if found := sys.modules.get("datadog_intake"):
        return found
    spec = importlib.util.spec_from_file_location("datadog_intake", workspace / INTAKE)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["datadog_intake"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def strict_intake(workspace: Path) -> Any:
    return intake_module(workspace).DatadogIntake()


def stops(router: Penstock) -> bool:
    return router.stop() == 0
