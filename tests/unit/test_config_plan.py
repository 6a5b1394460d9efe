"""What a right configuration becomes: the plan."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugin_lab import distribute

from penstock.api import BatchSettings, BufferSettings, ConfigError, Secret, Template, TlsSettings
from penstock.config.load import Loaded, load, load_tables, runnable
from penstock.config.plan import PenstockSettings, Plan

FILE = """
[penstock]
state_dir = "/srv/state"
drain_timeout_s = 3
[admin]
listen = "127.0.0.1:8686"
[sources.first]
type = "labsource"
path = "a"
[sources.labsource]
path = "b"
severity = { stderr = "error" }
[transforms.labtransform]
add.env = "prod"
add.app = "{host.name}"
keep.stream = "stderr"
[sinks.labsink]
address = "h:1"
token = "t"
auth = { user = "u", password = "p" }
batch = { max_events = 5 }
buffer.when_full = "drop_newest"
retry.max_attempts = 2
dead_letter.enabled = false
tls.server_name = "central"
[pipelines.one]
sources = ["first", "labsource"]
transforms = ["labtransform"]
sinks = ["labsink"]
[pipelines.two]
sources = ["first"]
sinks = ["labsink"]
"""


pytestmark = pytest.mark.usefixtures("lab_site")


def load_text(folder: Path, text: str) -> Loaded:
    file = folder / "penstock.toml"
    file.write_text(text)
    return load(str(file), environ={})


def plan_of(folder: Path, text: str = FILE) -> Plan:
    found = load_text(folder, text)
    assert found.errors == ()
    assert found.plan is not None
    return found.plan


def test_the_plan_holds_what_the_file_says(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert (plan.settings.state_dir, plan.settings.drain_timeout_s) == ("/srv/state", 3.0)
    assert plan.admin.listen == "127.0.0.1:8686"
    assert list(plan.sources) == ["first", "labsource"]
    assert plan.sources["first"].component is plan.sources["labsource"].component
    assert (plan.sources["first"].table, plan.sources["first"].component.name) == (
        "first",
        "labsource",
    )
    assert plan.pipelines["one"].sources == ("first", "labsource")
    assert plan.pipelines["one"].transforms == ("labtransform",)
    assert plan.pipelines["two"].transforms == ()
    assert plan.broken == {}


def test_settings_have_their_types(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    sink, transform = plan.sinks["labsink"].config, plan.transforms["labtransform"].config
    assert sink.token == Secret("t")  # type: ignore[attr-defined]
    assert sink.auth.password == Secret("p")  # type: ignore[attr-defined]
    assert transform.add == {  # type: ignore[attr-defined]
        "env": Template("prod"),
        "app": Template("{host.name}"),
    }


def test_common_keys_are_merged_with_the_sinks_own_defaults(tmp_path: Path) -> None:
    sink = plan_of(tmp_path).sinks["labsink"]
    assert sink.batch == BatchSettings(max_events=5, max_wait_ms=0)
    assert sink.buffer == BufferSettings(max_memory_bytes=1_000_000, when_full="drop_newest")
    assert sink.retry.max_attempts == 2
    assert sink.dead_letter.enabled is False
    assert sink.tls == TlsSettings(server_name="central")


def test_two_readings_of_one_file_are_equal(tmp_path: Path) -> None:
    assert plan_of(tmp_path) == plan_of(tmp_path)


def test_a_change_shows_in_its_component_alone(tmp_path: Path) -> None:
    old = plan_of(tmp_path)
    new = plan_of(tmp_path, FILE.replace('token = "t"', 'token = "other"'))
    assert old.sources == new.sources
    assert old.transforms == new.transforms
    assert old.sinks != new.sinks


def test_without_its_tables_everything_has_its_default(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        '[sources.labsource]\npath="x"\n[sinks.labsink]\naddress="h:1"\n'
        '[pipelines.p]\nsources=["labsource"]\nsinks=["labsink"]',
    )
    assert plan.settings == PenstockSettings(state_dir=plan.settings.state_dir)
    assert plan.settings.state_dir
    assert plan.sinks["labsink"].batch == BatchSettings(max_wait_ms=0)


def test_tables_made_in_code_are_checked_like_a_file() -> None:
    tables = {
        "sources": {"labsource": {"path": 5}},
        "sinks": {"labsink": {"address": "h:1"}},
        "pipelines": {"p": {"sources": ["labsource"], "sinks": ["labsink"]}},
    }
    assert load_tables(tables).errors == (
        "sources.labsource.path: expected a string, got 5; put it in quotes",
    )
    tables["sources"]["labsource"]["path"] = "x"
    assert load_tables(tables).plan is not None


BROKEN = """
[sources.labsource]
path = "x"
[sinks.labsink]
address = "h:1"
[sinks.rotten]
[transforms.mouldy]
[pipelines.whole]
sources = ["labsource"]
sinks = ["labsink", "rotten"]
[pipelines.half]
sources = ["labsource"]
transforms = ["mouldy"]
sinks = ["labsink"]
"""


def test_a_broken_plugin_is_left_out_of_the_plan_and_named(tmp_path: Path) -> None:
    bad = {"penstock_rotten": "raise OSError('no such\\nthing')"}
    points = {"sink-rotten": "penstock_rotten", "transform-mouldy": "penstock_gone"}
    distribute(tmp_path / "site", "penstock-rotten", points, bad)
    found = load_text(tmp_path, BROKEN)
    assert found.errors == ()
    plan = runnable(found)
    assert list(plan.sinks) == ["labsink"]
    assert set(plan.broken) == {"sinks.rotten", "transforms.mouldy"}
    assert "OSError: no such thing (" in plan.broken["sinks.rotten"]
    assert "No module named 'penstock_gone'" in plan.broken["transforms.mouldy"]
    assert [line.split(": ")[1] for line in found.broken] == ["sinks.rotten", "transforms.mouldy"]


def test_where_nothing_is_left_to_run_nothing_starts(tmp_path: Path) -> None:
    points = {"sink-rotten": "penstock_nowhere", "transform-mouldy": "penstock_nowhere"}
    distribute(tmp_path / "site", "penstock-nothing", points, {})
    found = load_text(tmp_path, BROKEN.replace('["labsink", "rotten"]', '["rotten"]'))
    with pytest.raises(ConfigError, match="nothing is left to run"):
        runnable(found)


def test_of_two_plugins_of_one_name_neither_is_taken(tmp_path: Path) -> None:
    twin = {"sink-labsink": "penstock_twin"}
    distribute(tmp_path / "site", "penstock-twin", twin, {"penstock_twin": ""})
    found = load_text(tmp_path, FILE)
    (error,) = found.broken
    assert "the plugin sink-labsink is broken: penstock-lab and penstock-twin both bring" in error
    assert "pip uninstall penstock-lab or pip uninstall penstock-twin" in error
    assert found.plan is not None
    assert "labsink" not in found.plan.sinks
