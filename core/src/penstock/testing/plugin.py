"""Has pytest report on the contracts that a test run checked: ``--penstock-report FILE.json``.

pytest loads this module in every run of an environment that has core, so it imports nothing but
pytest until a contract is collected, or an outcome of one arrives from a worker of pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from penstock.testing.recorder import Recorder

NO_ASYNCIO = (
    "the contracts of penstock.testing need pytest-asyncio, and it is not loaded.\n"
    'Install it with: pip install "penstock[testing]"\n'
    "Where plugins do not load by themselves or are blocked, add: -p pytest_asyncio.plugin"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("penstock", "contracts of penstock.testing")
    group.addoption(
        "--penstock-report",
        metavar="FILE.json",
        help="write what each contract found, obligation by obligation, to this file",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ContractHooks(config), "penstock-contracts")


class ContractHooks:
    """Looks for tests of contracts; what is found goes to a ``Recorder``, made on first use."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._recorder: Recorder | None = None

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            if _is_contract(item):
                return _require_asyncio(self.config)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if _is_contract(item):
            from penstock.testing.recorder import facts

            # Plain values: under pytest-xdist they travel to the controller with the report.
            report.penstock = facts(item, call, report)  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if told := getattr(report, "penstock", None):
            self._record(told)

    def pytest_sessionfinish(self) -> None:
        path = self.config.getoption("penstock_report", None)
        if path and not hasattr(self.config, "workerinput"):
            self._made().write(path)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._recorder is not None:
            self._recorder.summarize(terminalreporter)

    def _record(self, told: dict[str, Any]) -> None:
        self._made().record(told)

    def _made(self) -> Recorder:
        if self._recorder is None:
            from penstock.testing.recorder import Recorder

            self._recorder = Recorder()
        return self._recorder


def _is_contract(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "cls", None), "penstock_kind")


def _require_asyncio(config: pytest.Config) -> None:
    names = (getattr(one, "__name__", "") for one in config.pluginmanager.get_plugins())
    if not any(name.startswith("pytest_asyncio") for name in names):
        raise pytest.UsageError(NO_ASYNCIO)
