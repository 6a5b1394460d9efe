"""Fixtures of real parts; each is private to the session or to the test, and ended by its id.

``docker_engine``, ``second_engine``, ``journald_engine``: an ``Engine`` (parts/engine.py), started
once a session; after each test that asked for it, it runs again and has no containers.
``rsyslog``, ``syslog_ng``: factories of servers (parts/rsyslog.py, parts/syslog_ng.py); what they
return listens already, and is ended after the test. ``certificates``: for TLS.
``web``: a web server (parts/web.py). ``servers``: starts Cloud Foundry's (tests/loggregator).
``penstock``: starts ``penstock run`` with a configuration text (parts/runner.py).
A part that is missing skips the test with the reason; where CI=true it fails it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.loggregator import Servers
from tests.system.parts.engine import Engine
from tests.system.parts.require import require
from tests.system.parts.rsyslog import Rsyslog
from tests.system.parts.runner import Runner
from tests.system.parts.syslog_ng import SyslogNg
from tests.system.parts.tls import Certificates
from tests.system.parts.web import Web

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.system)


@contextmanager
def _engine(part: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    require(part)
    engine = Engine(tmp_path_factory.mktemp("engine"), journal=part == "journald")
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="session")
def _docker_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with _engine("docker", tmp_path_factory) as engine:
        yield engine


@pytest.fixture(scope="session")
def _second_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with _engine("docker", tmp_path_factory) as engine:
        yield engine


@pytest.fixture(scope="session")
def _journald_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with _engine("journald", tmp_path_factory) as engine:
        yield engine


@pytest.fixture
def docker_engine(_docker_engine: Engine) -> Iterator[Engine]:
    """A private Docker engine without containers."""
    yield _docker_engine
    _docker_engine.reset()


@pytest.fixture
def second_engine(_second_engine: Engine) -> Iterator[Engine]:
    """Another private Docker engine, beside ``docker_engine``."""
    yield _second_engine
    _second_engine.reset()


@pytest.fixture
def journald_engine(_journald_engine: Engine) -> Iterator[Engine]:
    """A private Docker engine with a private journal, for the journald driver."""
    yield _journald_engine
    _journald_engine.reset()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A private authority's certificates: server for localhost, client."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Callable[..., Rsyslog]]:
    """``rsyslog(**options)`` starts a server and returns it; options as of ``Rsyslog``."""
    require("rsyslog")
    with ExitStack() as stack:
        made: list[Rsyslog] = []

        def start(**options: Any) -> Rsyslog:
            if options.get("certificates"):
                require("rsyslog-tls")
            server = Rsyslog(tmp_path, f"rsyslog{len(made) + 1}", **options)
            stack.callback(server.close)
            made.append(server)
            server.start()
            return server

        yield start


@pytest.fixture
def syslog_ng(tmp_path: Path) -> Iterator[Callable[..., SyslogNg]]:
    """``syslog_ng(**options)`` starts a server and returns it; options as of ``SyslogNg``."""
    require("syslog-ng")
    with ExitStack() as stack:
        made: list[SyslogNg] = []

        def start(**options: Any) -> SyslogNg:
            server = SyslogNg(tmp_path, f"syslog-ng{len(made) + 1}", **options)
            stack.callback(server.close)
            made.append(server)
            server.start()
            return server

        yield start


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A web server that listens and keeps what it gets."""
    server = Web(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def penstock(tmp_path: Path) -> Iterator[Runner]:
    """``penstock(config)`` starts ``penstock run``; ``penstock.command(…)`` runs any command."""
    runner = Runner(tmp_path)
    yield runner
    runner.close()


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Starts servers of tests/loggregator beside the test, which is not async."""
    with Servers() as servers:
        yield servers
