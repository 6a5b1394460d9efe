"""What ``check`` finds: every mistake of a file at once, each with its line and its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.api import ConfigError
from penstock.config.load import Loaded, load, load_plan

GOOD = """
[sources.labsource]
path = "x"
[sinks.labsink]
address = "a:1"
[pipelines.main]
sources = ["labsource"]
sinks = ["labsink"]
"""

MISTAKES = """\
[penstock]
state_dri = "/tmp"
drain_timeout_s = 0

[admin]
listen = "8686/tcp"

[sorces.web]

[sources.labsource]
rate = "fast"
streams = ["stdout", "stderrr"]
severity = { stdot = "info" }
batch = {}

[transforms.labtransform]
keep = [{ strem = "stderr" }]
add = { env = "{a.b", app = "{c.d}" }
factor = true

[sinks.labsink]
adress = "a:1"
token = 5
auth = { passwd = "p" }
flag = "yes"
ratio = 1.5
sizes = [1, 2, 3, 4]

[sinks.labsink.batch]
max_events = 0
max_wait = 5

[sinks.labsink.buffer]
type = "tape"
when_full = "drop"

[sinks.labsink.tls]
verify = "no"

[sinks.other]
type = "labsnik"

[sinks.acme]
api_key = "x"

[pipelines.main]
sources = ["labsorce"]
transforms = ["labtransform", "labtransform"]
sinks = ["labsink", "labsource"]
stages = []

[pipelines."bad name"]
sources = []
sinks = ["labsink"]
"""


@pytest.fixture(autouse=True)
def _here(lab_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(text: str, unused: bool = True) -> Loaded:
    Path("penstock.toml").write_text(text)
    return load("penstock.toml", environ={}, unused=unused)


def place(text: str, line: str) -> str:
    """Return ``file:number`` of a line of a text."""
    assert text.splitlines().count(line) == 1, line
    return f"penstock.toml:{text.splitlines().index(line) + 1}"


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ('state_dri = "/tmp"', "penstock.state_dri", 'unknown key; did you mean "state_dir"?'),
        ("drain_timeout_s = 0", "penstock.drain_timeout_s", "a number, greater than 0, got 0"),
        ('listen = "8686/tcp"', "admin.listen", 'expected "HOST:PORT"'),
        ("[sorces.web]", "sorces", 'unknown table; did you mean "sources"?'),
        ("[sources.labsource]", "sources.labsource.path", "required: Where to read."),
        ('rate = "fast"', "sources.labsource.rate", "an integer, at least 0, got a string"),
        (
            'streams = ["stdout", "stderrr"]',
            "sources.labsource.streams[1]",
            '"stderr" or "stdout", got "stderrr"; did you mean "stderr"?',
        ),
        (
            'severity = { stdot = "info" }',
            "sources.labsource.severity.stdot",
            'did you mean "stdout"?',
        ),
        ("batch = {}", "sources.labsource.batch", 'only sinks take "batch"'),
        ('keep = [{ strem = "stderr" }]', "transforms.labtransform.keep", "strem"),
        (
            'add = { env = "{a.b", app = "{c.d}" }',
            "transforms.labtransform.add.env",
            "has no partner",
        ),
        ("factor = true", "transforms.labtransform.factor", "expected a number, got true"),
        ('adress = "a:1"', "sinks.labsink.adress", 'did you mean "address"?'),
        ("[sinks.labsink]", "sinks.labsink.address", "required: HOST:PORT."),
        ("token = 5", "sinks.labsink.token", "expected a string"),
        ('auth = { passwd = "p" }', "sinks.labsink.auth.passwd", 'did you mean "password"?'),
        ('auth = { passwd = "p" }', "sinks.labsink.auth.user", "required"),
        ('flag = "yes"', "sinks.labsink.flag", "expected true or false, got a string"),
        ("ratio = 1.5", "sinks.labsink.ratio", "greater than 0, at most 1, got 1.5"),
        ("sizes = [1, 2, 3, 4]", "sinks.labsink.sizes", "at most 3 long"),
        ("max_events = 0", "sinks.labsink.batch.max_events", "an integer, at least 1, got 0"),
        ("max_wait = 5", "sinks.labsink.batch.max_wait", 'did you mean "max_wait_ms"?'),
        (
            'type = "tape"',
            "sinks.labsink.buffer.type",
            'expected "disk" or "memory" or "overflow", got "tape"',
        ),
        ('when_full = "drop"', "sinks.labsink.buffer.when_full", '"block"'),
        ('verify = "no"', "sinks.labsink.tls.verify", "true or false"),
        (
            'type = "labsnik"',
            "sinks.other.type",
            'unknown sink type "labsnik"; did you mean "labsink"?',
        ),
        ("[sinks.acme]", "sinks.acme", "pip install penstock-sink-acme"),
        (
            'sources = ["labsorce"]',
            "pipelines.main.sources[0]",
            'no [sources.labsorce]; did you mean "labsource"?',
        ),
        (
            'transforms = ["labtransform", "labtransform"]',
            "pipelines.main.transforms[1]",
            "named twice",
        ),
        (
            'sinks = ["labsink", "labsource"]',
            "pipelines.main.sinks[1]",
            '"labsource" is in [sources]',
        ),
        ("stages = []", "pipelines.main.stages", "unknown key"),
        ('[pipelines."bad name"]', 'pipelines."bad name"', "A-Z a-z 0-9 _ -"),
        ("sources = []", 'pipelines."bad name".sources', "not empty"),
    ],
)
def test_one_of_many_mistakes_is_named_with_its_line_and_key(
    line: str, key: str, words: str
) -> None:
    start = f"{place(MISTAKES, line)}: {key}: "
    errors = check(MISTAKES).errors
    found = [error for error in errors if error.startswith(start)]
    assert len(found) == 1, errors
    assert words in found[0]


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    errors = check(MISTAKES).errors
    lines = [int(error.split(":")[1]) for error in errors]
    assert lines == sorted(lines)
    assert len(errors) >= 30


def test_a_good_file_has_nothing_wrong() -> None:
    found = check(GOOD)
    assert (found.errors, found.broken, found.warnings) == ((), (), ())
    assert found.plan is not None


def test_the_constructors_complaint_is_at_its_key() -> None:
    text = GOOD.replace('"a:1"', '"nowhere"')
    where = place(text, 'address = "nowhere"')
    assert check(text).errors == (f"{where}: sinks.labsink.address: nowhere has no port",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[pipelines.main]", "[pipelines.side]\n[pipelines.main]", "required: Names of tables"),
        ('sources = ["labsource"]', 'sources = "labsource"', "put it in brackets"),
        ('sinks = ["labsink"]', 'sinks = [["labsink"]]', "expected a string, got a list"),
        ("[sources.labsource]", "[sources]\nlabsource = 5\n[sources.x]", "expected a table"),
        ("[sinks.labsink]", "[[sinks.labsink]]", "expected a table: [sinks.labsink]"),
        ("[sinks.labsink]", "[sinks.labsink]\ntype = 5", "the name of a plugin's type"),
        (
            "[sinks.labsink]",
            '[sinks.labsink]\ntype = "labsource"',
            "there is a source of that type",
        ),
        ("[sinks.labsink]", '[sinks.labsink]\ntype = "kafka"', "pip install penstock-sink-kafka"),
        ("[sinks.labsink]", '[sinks.labsink]\ntype = "../x"', "unknown sink type"),
        ("[sinks.labsink]", '[sinks.labsink]\ntype = "nats"', "kept for a later Penstock"),
        ("address =", "address.port =", "expected a string, got a table"),
        ('address = "a:1"', "token = 5", "expected a string, got an integer"),
        ("[pipelines.main]", "ratio = '1${N:-5}'\n[pipelines.main]", "it is a string"),
        ('sources = ["labsource"]', "sources = []", "not empty, got an empty list"),
        ("[sinks.labsink]", "[sinks.läbsink]", "need quotes"),
        ("[sinks.labsink]", f"n = {'9' * 5000}\n[sinks.labsink]", "(4300 digits) for integer"),
        ('"a:1"', "1979-05-27", "expected a string, got a date"),
        ('"a:1"', "99999999999999999999", "expected a string"),
        ("[pipelines.main]", '[penstock]\nstate_dir = "a\\u0000"\n[pipelines.main]', "code 0"),
        ("[pipelines.main]", '[admin]\nlisten = "a\\u0000:80"\n[pipelines.main]', "HOST:PORT"),
        ("[pipelines.main]", '[penstock]\nextensions = ["top"]\n[pipelines.main]', "extension"),
    ],
)
def test_a_wrong_shape_is_one_clear_line(old: str, new: str, message: str) -> None:
    assert GOOD.count(old) == 1
    errors = check(GOOD.replace(old, new)).errors
    assert any(message in error for error in errors), errors
    assert all(error.startswith("penstock.toml") and "\n" not in error for error in errors)


@pytest.mark.parametrize("name", ["penstock", "admin", "sources", "sinks", "pipelines"])
def test_a_value_where_a_table_belongs_is_one_clear_line(name: str) -> None:
    errors = check(f"{name} = 3").errors
    assert errors[0].startswith(f"penstock.toml:1: {name}: expected a table, such as [{name}")


def test_no_pipeline_is_an_error() -> None:
    errors = check(GOOD.partition("[pipelines")[0]).errors
    assert len(errors) == 1
    assert errors[0].startswith("penstock.toml: no pipeline")


def test_what_nobody_uses_is_a_warning_and_so_is_what_is_wrong_with_it() -> None:
    text = GOOD + '[transforms.labtransform]\nfactr = 1.0\n[sinks.spare]\ntype = "none"\n'
    found = check(text)
    assert found.errors == ()
    assert found.plan is not None
    assert "labtransform" not in found.plan.transforms
    unused = f"{place(text, '[transforms.labtransform]')}: transforms.labtransform: warning: "
    assert unused + "no pipeline uses it" in found.warnings
    assert any(".factr: warning: unknown key" in line for line in found.warnings)
    assert any("sinks.spare.type: warning: unknown sink type" in line for line in found.warnings)


def test_run_does_not_look_at_what_nobody_uses() -> None:
    text = GOOD + "[transforms.labtransform]\nfactr = 1.0\n"
    found = check(text, unused=False)
    assert found.plan is not None
    assert len(found.warnings) == 1


def test_a_missing_variable_of_an_unused_table_harms_nothing() -> None:
    found = check(GOOD + '[sinks.spare]\ntype = "labsink"\naddress = "${NONE}"\n')
    assert found.errors == ()
    assert any("NONE is not set" in line for line in found.warnings)


def test_load_plan_raises_all_errors_as_lines() -> None:
    Path("penstock.toml").write_text(MISTAKES)
    with pytest.raises(ConfigError) as raised:
        load_plan("penstock.toml")
    lines = str(raised.value).splitlines()
    assert len(lines) >= 30
    assert all(line.startswith("penstock.toml:") for line in lines)
