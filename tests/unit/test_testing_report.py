"""The kit as a pytest plugin: its report, its summary, and that it is not felt elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest

from penstock.testing import REPORT_FORMAT, SinkContract, report_schema

CONTRACTS = '''
    from __future__ import annotations

    import pytest

    from penstock.testing import MemoryDestination, MemorySink, SinkContract, configured


    class TestSound(SinkContract):
        """A contract that gives no faults."""

        @pytest.fixture(autouse=True)
        def _destination(self):
            self.name = f"report {id(self)}"
            self.destination = MemoryDestination.named(self.name)

        def make_sink(self):
            return configured(MemorySink, {"destination": self.name})

        async def collected(self):
            return self.destination.lines()

        def test_of_its_own(self):
            """No obligation of the kit's."""

        def test_name(self):
            """A test of the kit that was replaced."""


    @pytest.mark.parametrize("size", [1, 2])
    class TestBroken(TestSound):
        patience_s = 0.1

        @pytest.fixture(autouse=True)
        def _size(self, size):
            self.size = size

        def make_sink(self):
            sink = super().make_sink()
            sink.accepts = frozenset()
            return sink


    class TestUnmade(TestSound):
        @pytest.fixture(autouse=True)
        def _server(self):
            raise ConnectionError("no server here")
'''


def run(
    folder: Path, text: str, *options: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(dedent(text))
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *options]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=["strict", "auto"])
def reported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], str]:
    """The report and the output of a run with sound, broken and failing contracts."""
    folder = tmp_path_factory.mktemp("report")
    some = "takes_every_kind or test_name or test_outage or close_without_open or of_its_own"
    mode = f"asyncio_mode={request.param}"
    done = run(folder, CONTRACTS, "--penstock-report", "deep/out.json", "-k", some, "-o", mode)
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads((folder / "deep/out.json").read_text()), done.stdout


def test_the_report_follows_its_schema(reported: tuple[dict[str, Any], str]) -> None:
    jsonschema.validate(reported[0], report_schema())
    assert reported[0]["format"] == REPORT_FORMAT
    assert reported[0]["kit"]["api"]


def test_every_contract_and_variant_is_reported(reported: tuple[dict[str, Any], str]) -> None:
    contracts = [one["contract"] for one in reported[0]["components"]]
    assert contracts == [
        "test_it.py::TestSound",
        "test_it.py::TestBroken[1]",
        "test_it.py::TestBroken[2]",
        "test_it.py::TestUnmade",
    ]


def test_a_component_is_named(reported: tuple[dict[str, Any], str]) -> None:
    sound = reported[0]["components"][0]
    assert (sound["kind"], sound["type"]) == ("sink", "memory")
    assert sound["component"] == "penstock.testing.memory_sink.MemorySink"
    assert (sound["distribution"], sound["installed"]) == ("", "")
    assert sound["requires_api"] == "1.0"
    assert any("the destination keeps what it took" in text for text in sound["cannot_check"])


def test_every_obligation_has_an_outcome(reported: tuple[dict[str, Any], str]) -> None:
    kits = {name for name in dir(SinkContract) if name.startswith("test_")}
    for component in reported[0]["components"]:
        assert {one["test"] for one in component["obligations"]} == kits
        outcomes = [one["outcome"] for one in component["obligations"]]
        for field, outcome in (("held", "held"), ("broken", "broken"), ("errors", "error")):
            assert component[field] == outcomes.count(outcome)


def test_what_was_found_is_told(reported: tuple[dict[str, Any], str]) -> None:
    sound, broken, _, unmade = (
        {one["test"]: one for one in component["obligations"]}
        for component in reported[0]["components"]
    )
    held = sound["test_close_without_open"]
    assert (held["outcome"], held["obligation"]) == (
        "held",
        "``close`` is safe without ``open``, and twice.",
    )
    skipped = sound["test_outage"]
    assert skipped["outcome"] == "not_checked"
    assert skipped["reason"].startswith("break_destination is not given")
    assert sound["test_delivers"]["reason"] == "it was not run"
    assert sound["test_name"]["is_kits_own"] is False
    assert sound["test_outage"]["is_kits_own"] is True
    fault = broken["test_takes_every_kind_it_accepts"]
    assert (fault["outcome"], fault["seen"]) == ("broken", "accepts = frozenset()")
    assert fault["do"]
    error = unmade["test_outage"]
    assert (error["outcome"], error["reason"]) == ("error", "ConnectionError: no server here")


def test_the_summary_is_short(reported: tuple[dict[str, Any], str]) -> None:
    summary = reported[1].partition("= penstock contract =")[2].splitlines()
    (line,) = (text for text in summary if text.startswith("sink memory (3 contracts): "))
    assert "7 held, 2 BROKEN, " in line
    assert "break_destination is not given (6)" in line
    assert any(text.startswith("sink (could not be made): 5 errors") for text in summary)
    assert sum(text.startswith("  broken: ``accepts`` names kinds") for text in summary) == 2


UNRELATED = """
    import sys


    def test_nothing_of_penstock_is_loaded():
        ours = {name for name in sys.modules if name.split(".")[0] in ("penstock", "msgspec")}
        assert ours == {"penstock", "penstock.testing", "penstock.testing.plugin"}
"""


def test_a_project_without_contracts_feels_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, UNRELATED)
    assert done.returncode == 0, done.stdout
    assert "penstock contract" not in done.stdout


def test_a_report_of_nothing_is_written_too(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_it(): pass", "--penstock-report", "out.json")
    assert done.returncode == 0
    assert json.loads((tmp_path / "out.json").read_text())["components"] == []


def test_pytest_asyncio_is_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, CONTRACTS, "-p", "no:asyncio")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the contracts of penstock.testing need pytest-asyncio" in done.stderr
    assert 'pip install "penstock[testing]"' in done.stderr


def test_contracts_work_where_plugins_are_not_loaded_by_themselves(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = ("-p", "pytest_asyncio.plugin", "-k", "TestSound and close")
    done = run(tmp_path, CONTRACTS, *options, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "penstock contract" not in done.stdout


def test_findings_travel_with_a_report(request: pytest.FixtureRequest) -> None:
    """Under pytest-xdist the controller gets what a worker's reports hold, by way of JSON."""
    hook = request.config.hook
    report = pytest.TestReport("a", ("a", 1, "a"), {}, "passed", None, "call")
    report.penstock = {"contract": "C", "test": "test_x", "outcome": "held"}  # type: ignore[attr-defined]
    data = hook.pytest_report_to_serializable(config=request.config, report=report)
    back = hook.pytest_report_from_serializable(
        config=request.config, data=json.loads(json.dumps(data))
    )
    assert back.penstock == report.penstock  # type: ignore[attr-defined]
