"""The JSON Schema, against a validator and against what ``check`` accepts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from penstock.config.load import load
from penstock.config.schema import file_schema
from penstock.plugins import Plugins

GOOD = """
[penstock]
drain_timeout_s = "${DRAIN:-5}"
[admin]
listen = ""
[sources.labsource]
path = "x"
rate = "${RATE:-5}"
streams = ["stdout", "${STREAM:-stderr}"]
[sources.other]
type = "labsource"
path = "y"
[transforms.labtransform]
keep = [{ stream = "stderr" }]
add = { env = "prod" }
[sinks.labsink]
address = "h:1"
resend = 5
auth = { user = "u" }
batch = { max_events = 5, max_wait_ms = "${WAIT:-1}" }
[sinks.labsink.tls]
verify = false
[sinks.labsource]
type = "labsink"
address = "h:1"
resend = "auto"
[pipelines.main]
sources = ["labsource", "other"]
transforms = ["labtransform"]
sinks = ["labsink", "labsource"]
"""


@pytest.fixture
def schema(lab_site: Path) -> dict[str, Any]:
    made = file_schema(Plugins().discover())
    Draft202012Validator.check_schema(made)
    return made


def problems(schema: dict[str, Any], text: str) -> list[str]:
    found = Draft202012Validator(schema).iter_errors(tomllib.loads(text))
    return [error.json_path for error in found]


def both_accept(schema: dict[str, Any], text: str, folder: Path) -> tuple[bool, bool]:
    file = folder / "penstock.toml"
    file.write_text(text)
    return not problems(schema, text), not load(str(file), environ={}, unused=True).errors


def test_what_check_accepts_the_schema_accepts(schema: dict[str, Any], tmp_path: Path) -> None:
    assert both_accept(schema, GOOD, tmp_path) == (True, True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[penstock]", "[penstok]"),
        ('listen = ""', "listen = 5"),
        ("drain_timeout_s", "drain_timeout"),
        ('path = "x"', "path = 5"),
        ('path = "y"', 'pth = "y"'),
        ('type = "labsource"', ""),
        ('type = "labsource"', 'type = "labsink"'),
        ('type = "labsource"', 'type = "none"'),
        ('"${RATE:-5}"', "-1"),
        ('"${RATE:-5}"', '"5"'),
        ('["stdout", "${STREAM:-stderr}"]', '["out"]'),
        ('["stdout", "${STREAM:-stderr}"]', '"stdout"'),
        ("keep = [{", 'keep = ["x", {'),
        ('add = { env = "prod" }', "add = { env = 1 }"),
        ("resend = 5", 'resend = "5"'),
        ('auth = { user = "u" }', "auth = {}"),
        ('auth = { user = "u" }', 'auth = { user = "u", x = 1 }'),
        ("max_events = 5", "max_events = 0"),
        ("max_events", "max_event"),
        ("verify = false", 'verify = "false"'),
        ("[sinks.labsink.tls]", "[sinks.labsink.ssl]"),
        ('path = "x"', 'path = "x"\ntls = {}'),
        ('path = "x"', 'path = "x"\nbatch = {}'),
        ("[sources.other]", '[sources."an other"]'),
        ('sources = ["labsource", "other"]', "sources = []"),
        ('sinks = ["labsink", "labsource"]', ""),
        ("transforms = [", "transform = ["),
    ],
)
def test_what_check_refuses_the_schema_refuses(
    schema: dict[str, Any], tmp_path: Path, old: str, new: str
) -> None:
    assert old in GOOD
    assert both_accept(schema, GOOD.replace(old, new, 1), tmp_path) == (False, False)


def test_an_editor_finds_keys_defaults_and_descriptions(schema: dict[str, Any]) -> None:
    named = schema["properties"]["sinks"]["properties"]["labsink"]
    own = named["anyOf"][0] if "anyOf" in named else named
    table = schema["$defs"][own["$ref"].removeprefix("#/$defs/")]
    assert table["description"] == "Writes nowhere."
    assert table["required"] == ["address"]
    keys = table["properties"]
    assert set(keys) >= {"type", "address", "batch", "buffer", "retry", "dead_letter", "tls"}
    assert keys["address"]["description"] == "HOST:PORT."
    assert keys["app"]["default"] == "{host.name}"
    assert keys["batch"]["properties"]["max_wait_ms"]["default"] == 0


def test_no_secret_is_a_default(schema: dict[str, Any]) -> None:
    token = schema["$defs"]["sink-labsink"]["properties"]["token"]
    assert token["default"] == ""
