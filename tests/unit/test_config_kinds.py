"""Which kinds of event reach which sink: said before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.plugin_lab import distribute

from penstock.api import ConfigError
from penstock.cli.main import main
from penstock.config.load import Loaded, load, runnable

KINDLY = """
from penstock.api import KINDS, Sink, Source, Transform, hookimpl

WORDS = {word: kind for kind, word in KINDS.items()}


class Meter(Source):
    name = "meter"

    class Config(Source.Config, frozen=True, kw_only=True):
        kinds: tuple[str, ...] = ("log",)

    def __init__(self, config):
        super().__init__(config)
        self.kinds = frozenset(WORDS[word] for word in config.kinds)

    async def run(self, out):
        return


class Plain(Source):
    name = "plain"

    async def run(self, out):
        return


class Turning(Transform):
    name = "turning"

    class Config(Transform.Config, frozen=True, kw_only=True):
        into: str = "gauge"
        fails: bool = False

    def apply(self, batch):
        return batch

    def passes(self, kinds):
        if self.config.fails:
            raise RuntimeError("no idea")
        return frozenset({WORDS.get(self.config.into, self.config.into)})


class Taker(Sink):
    name = "taker"

    class Config(Sink.Config, frozen=True, kw_only=True):
        kinds: tuple[str, ...] = ("log", "gap")
        more: str = ""
        secret: str = ""

    def __init__(self, config):
        super().__init__(config)
        self.accepts = frozenset(WORDS[word] for word in config.kinds)
        self.accepts_more = config.more

    async def write(self, batches):
        return None


@hookimpl
def penstock_sources():
    return [Meter, Plain]


@hookimpl
def penstock_transforms():
    return [Turning]


@hookimpl
def penstock_sinks():
    return [Taker]
"""

POINTS = {
    "source-meter": "penstock_kindly",
    "source-plain": "penstock_kindly",
    "transform-turning": "penstock_kindly",
    "sink-taker": "penstock_kindly",
}


@pytest.fixture(autouse=True)
def _kindly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distribute(tmp_path / "site", "penstock-kindly", POINTS, {"penstock_kindly": KINDLY})
    monkeypatch.syspath_prepend(tmp_path / "site")


def loaded(folder: Path, text: str, *, no_env: bool = False) -> Loaded:
    file = folder / "p.toml"
    file.write_text(text)
    return load(str(file), environ=None if no_env else {})


def brief(folder: Path, lines: tuple[str, ...]) -> list[str]:
    """Take the file's name off the messages."""
    return [line.removeprefix(f"{folder / 'p.toml'}:").partition(": ")[2] for line in lines]


def one_way(kinds: str, sink: str, transforms: str = "", names: str = "") -> str:
    return (
        f"[sources.cf]\ntype = 'meter'\nkinds = {kinds}\n{transforms}\n"
        f"[sinks.central]\ntype = 'taker'\n{sink}\n"
        f"[pipelines.nozzle]\nsources = ['cf']\ntransforms = [{names}]\nsinks = ['central']\n"
    )


def test_metrics_that_no_sink_carries_are_an_error_at_the_pipeline(tmp_path: Path) -> None:
    found = loaded(tmp_path, one_way("['counter', 'gauge']", "more = 'set metrics = \"yes\"'"))
    assert brief(tmp_path, found.errors) == [
        "pipelines.nozzle: nothing would be delivered: what comes is counter, gauge, and "
        'sinks.central takes log, gap. For sinks.central set metrics = "yes", or choose other '
        "kinds of sources.cf, or name a sink that takes what comes"
    ]
    assert found.errors[0].startswith(f"{tmp_path / 'p.toml'}:8: ")
    assert found.warnings == ()
    with pytest.raises(ConfigError, match="nothing would be delivered"):
        runnable(found)


def test_kinds_that_are_left_out_beside_logs_are_a_warning(tmp_path: Path) -> None:
    found = loaded(tmp_path, one_way("['log', 'timer', 'counter']", "more = 'set m = 1'"))
    assert found.errors == ()
    assert brief(tmp_path, found.warnings) == [
        "pipelines.nozzle.sinks: warning: sinks.central leaves out counter, timer (counted as "
        "filtered). For sinks.central set m = 1, or leave them out of kinds of sources.cf, or put "
        "a filter by kind before it"
    ]
    assert runnable(found).pipelines


def test_of_several_sinks_each_is_judged(tmp_path: Path) -> None:
    text = (
        "[sources.cf]\ntype = 'meter'\nkinds = ['gauge', 'event']\n"
        "[sinks.all]\ntype = 'taker'\nkinds = ['log', 'gauge', 'event', 'gap']\n"
        "[sinks.none]\ntype = 'taker'\n"
        "[sinks.some]\ntype = 'taker'\nkinds = ['gauge']\n"
        "[pipelines.p]\nsources = ['cf']\nsinks = ['all', 'none', 'some']\n"
    )
    found = loaded(tmp_path, text)
    assert found.errors == ()
    own = "a pipeline of its own with a filter by kind"
    assert brief(tmp_path, found.warnings) == [
        "pipelines.p.sinks: warning: sinks.none leaves out gauge, event, all that comes (counted "
        f"as filtered). Give sinks.none {own}",
        "pipelines.p.sinks: warning: sinks.some leaves out event (counted as filtered). Give "
        f"sinks.some {own}",
    ]


def test_where_all_is_carried_nothing_is_said(tmp_path: Path) -> None:
    found = loaded(tmp_path, one_way("['log', 'gauge']", "kinds = ['log', 'gauge']"))
    assert (found.errors, found.warnings) == ((), ())


def test_a_source_that_says_nothing_sends_logs(tmp_path: Path) -> None:
    text = (
        "[sources.plain]\n[sinks.taker]\nkinds = ['gauge']\n"
        "[pipelines.p]\nsources = ['plain']\nsinks = ['taker']\n"
    )
    (error,) = loaded(tmp_path, text).errors
    assert "what comes is log, and sinks.taker takes gauge" in error
    fine = loaded(tmp_path, text.replace("['gauge']", "['log']"))
    assert (fine.errors, fine.warnings) == ((), ())


@pytest.mark.parametrize(
    ("rules", "errors", "warnings"),
    [
        ("keep = { kind = 'log' }", 0, 0),
        ("drop = { kind = ['co*', 'gauge'] }", 0, 0),
        ("keep = { severity = 'error' }", 0, 0),
        ("drop = { kind = 'counter', 'tags.a' = 'b' }", 0, 1),
        ("keep = { 'container.name' = 'web' }", 0, 1),
        ("keep = { kind = 're:^(gauge|event)$' }", 1, 0),
        ("keep = { kind = '!log' }", 1, 0),
        ("drop = { kind = '*' }", 0, 1),
    ],
)
def test_a_filter_by_kind_counts(tmp_path: Path, rules: str, errors: int, warnings: int) -> None:
    text = one_way("['log', 'counter', 'gauge']", "", f"[transforms.filter]\n{rules}\n", "'filter'")
    found = loaded(tmp_path, text)
    assert (len(found.errors), len(found.warnings)) == (errors, warnings)


def test_a_pipeline_for_gaps_alone_is_meant(tmp_path: Path) -> None:
    text = one_way("['log']", "", "[transforms.filter]\nkeep = { kind = 'gap' }\n", "'filter'")
    fine = loaded(tmp_path, text)
    assert (fine.errors, fine.warnings) == ((), ())
    (error,) = loaded(
        tmp_path, text.replace("type = 'taker'", "type = 'taker'\nkinds = ['log']")
    ).errors
    assert "what comes is gap, and sinks.central takes log" in error


def test_a_pipeline_that_lets_nothing_through_is_named(tmp_path: Path) -> None:
    text = one_way("['log']", "", "[transforms.filter]\ndrop = { kind = '*' }\n", "'filter'")
    (warning,) = brief(tmp_path, loaded(tmp_path, text).warnings)
    assert warning == (
        "pipelines.nozzle: warning: nothing of what its sources send comes through "
        "transforms.filter"
    )


def test_a_transform_may_make_other_kinds(tmp_path: Path) -> None:
    text = one_way("['log']", "kinds = ['gauge']", "[transforms.turning]\n", "'turning'")
    fine = loaded(tmp_path, text)
    assert (fine.errors, fine.warnings) == ((), ())
    (error,) = loaded(tmp_path, text.replace("kinds = ['gauge']", "")).errors
    assert "what comes is gauge" in error


def test_what_is_not_known_raises_no_alarm(tmp_path: Path) -> None:
    unknown = one_way("['counter']", "secret = '${TOKEN}'")
    found = loaded(tmp_path, unknown, no_env=True)
    assert (found.errors, found.warnings) == ((), ())


def test_a_known_part_is_warned_about_beside_an_unknown_source(tmp_path: Path) -> None:
    text = one_way("['counter']", "").replace("sources = ['cf']", "sources = ['cf', 'gone']")
    points = {"source-gone": "penstock_nowhere"}
    distribute(tmp_path / "site", "penstock-gone", points, {})
    found = loaded(tmp_path, text + "[sources.gone]\n")
    assert found.errors == ()
    (warning,) = brief(tmp_path, found.warnings)
    assert "sinks.central leaves out counter (counted" in warning
    assert len(found.broken) == 1


def test_of_an_unknown_source_alone_nothing_is_said(tmp_path: Path) -> None:
    text = one_way("['log']", "kinds = ['log']").replace("kinds = ['log']", "kinds = '${X}'", 1)
    found = loaded(tmp_path, text, no_env=True)
    assert (found.errors, found.warnings) == ((), ())


@pytest.mark.parametrize("group", ["transforms", "sinks"])
def test_beside_what_is_broken_nothing_certain_is_said(tmp_path: Path, group: str) -> None:
    points = {"transform-gone": "penstock_nowhere", "sink-gone": "penstock_nowhere"}
    distribute(tmp_path / "site", "penstock-gone", points, {})
    text = one_way("['counter']", "") + f"[{group}.gone]\n"
    old, new = {
        "transforms": ("transforms = []", "transforms = ['gone']"),
        "sinks": ("sinks = ['central']", "sinks = ['central', 'gone']"),
    }[group]
    found = loaded(tmp_path, text.replace(old, new))
    assert found.errors == ()
    assert len(found.warnings) == (0 if group == "transforms" else 1)


def test_an_answer_that_is_none_isolates_the_plugin(tmp_path: Path) -> None:
    failing = "[transforms.turning]\nfails = true\n"
    found = loaded(tmp_path, one_way("['log']", "", failing, "'turning'"))
    assert found.errors == ()
    (broken,) = brief(tmp_path, found.broken)
    assert broken.startswith("transforms.turning: its plugin failed: RuntimeError: no idea")
    assert found.plan is not None
    assert found.plan.transforms == {}
    odd = "[transforms.turning]\ninto = 'nonsense'\n"
    (broken,) = brief(tmp_path, loaded(tmp_path, one_way("['log']", "", odd, "'turning'")).broken)
    assert "its passes() returned frozenset({'nonsense'}), no set of event classes" in broken


# --- the real thing -------------------------------------------------------------------------

FIREHOSE = """
[sources.cf]
type = "firehose"
api = "https://api.sys.example.com"
token = "t"
subscription_id = "s"
protocol = "v2"
kinds = {kinds}
[sinks.far]
{sink}
[pipelines.nozzle]
sources = ["cf"]
sinks = ["far"]
"""
SYSLOG = 'type = "syslog"\naddress = "tcp://127.0.0.1:9"'
MEZMO = 'type = "mezmo"\napi_key = "k"'
HTTP = 'type = "http"\nurl = "http://127.0.0.1:9"'


@pytest.mark.parametrize(
    ("kinds", "sink", "errors", "warnings", "says"),
    [
        (["counter"], SYSLOG, 1, 0, 'For sinks.far set metrics = "structured_data"'),
        (["log", "timer"], SYSLOG, 0, 1, "sinks.far leaves out timer"),
        (["log", "timer"], SYSLOG + '\nformat = "rfc3164"', 0, 1, 'and format = "rfc5424"'),
        (["counter", "event"], SYSLOG + '\nmetrics = "structured_data"', 0, 0, ""),
        (["gauge"], MEZMO, 1, 0, "sinks.far takes log, gap"),
        (["log"], MEZMO, 0, 0, ""),
        (["gauge", "timer"], HTTP, 0, 0, ""),
        (["gauge"], HTTP + '\nformat = "text"', 1, 0, 'use format = "ndjson" or "json"'),
        (["log", "gauge"], HTTP + '\npreset = "otlp"', 0, 1, "which carries logs alone"),
        (["log", "counter", "gauge", "timer", "event"], 'type = "console"', 0, 0, ""),
        (["counter", "gauge"], 'type = "datadog"\napi_key = "k"', 0, 0, ""),
    ],
)
def test_first_party_sinks_say_what_they_leave_out(
    tmp_path: Path, kinds: list[str], sink: str, errors: int, warnings: int, says: str
) -> None:
    found = loaded(tmp_path, FIREHOSE.format(kinds=kinds, sink=sink))
    assert found.broken == ()
    assert (len(found.errors), len(found.warnings)) == (errors, warnings), found
    assert says in "".join((*found.errors, *found.warnings))


def test_check_and_run_refuse_a_pipeline_that_delivers_nothing(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(FIREHOSE.format(kinds=["counter"], sink=MEZMO))
    for command in ("check", "run"):
        result = CliRunner().invoke(main, [command, str(file)])
        assert result.exit_code == 78
        assert "pipelines.nozzle: nothing would be delivered" in result.output
