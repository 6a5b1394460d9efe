"""What must not print does not: secrets, and whatever came from ``${…}``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.config.load import Loaded, load

CANARY = "canary-7f3a!x"

FILE = """
[sources.labsource]
path = "x"
[sinks.labsink]
address = "a:1"
{settings}
[pipelines.main]
sources = ["labsource"]
sinks = ["labsink"]
"""


pytestmark = pytest.mark.usefixtures("lab_site")


def load_text(folder: Path, text: str) -> Loaded:
    file = folder / "penstock.toml"
    file.write_text(text)
    (folder / "secret").write_text(CANARY + "\n")
    return load(str(file), environ={**os.environ, "VALUE": CANARY}, unused=True)


def said(found: Loaded) -> str:
    """Return everything that could be printed of a configuration."""
    return "\n".join([*found.errors, *found.broken, *found.warnings, repr(found.plan)])


@pytest.mark.parametrize("value", ["${VALUE}", "${file:secret}", "x ${VALUE} y"])
@pytest.mark.parametrize(
    "settings",
    [
        "resend = '{}'",
        "flag = '{}'",
        "ratio = '{}'",
        "sizes = ['{}']",
        "sizes = '{}'",
        "app = '{{{}'",
        "auth = '{}'",
        "auth = {{ user = '{}', more = 1 }}",
        "tls = {{ verify = '{}' }}",
        "buffer = {{ when_full = '{}' }}",
        "type = '{}'",
        "retry = '{}'",
        "unknown = '{}'",
    ],
)
def test_a_value_from_a_placeholder_is_in_no_message(
    tmp_path: Path, settings: str, value: str
) -> None:
    found = load_text(tmp_path, FILE.format(settings=settings.format(value)))
    assert found.errors
    assert CANARY not in said(found)
    assert "canary" not in said(found).lower()


@pytest.mark.parametrize(
    "address", ["${VALUE}", "h:${VALUE}", "tcp://h:${VALUE}", "user:${VALUE}@h"]
)
def test_not_even_a_part_of_it_that_the_plugin_quotes(tmp_path: Path, address: str) -> None:
    text = FILE.format(settings="").replace("a:1", address)
    found = load_text(tmp_path, text)
    assert len(found.errors) == 1
    assert "sinks.labsink.address" in found.errors[0]
    assert "canary" not in said(found).lower()


def test_not_even_if_only_a_part_of_the_value_is_quoted(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(FILE.format(settings="").replace("a:1", "${VALUE}"))
    (error,) = load(str(file), environ={"VALUE": f"tcp://h:{CANARY}"}).errors
    assert "is no port" in error
    assert "canary" not in error
    assert "7f3a" not in error


def test_a_name_in_a_pipeline_is_not_shown_either(tmp_path: Path) -> None:
    text = FILE.format(settings="").replace('["labsink"]', '["${VALUE}"]')
    found = load_text(tmp_path, text)
    assert found.errors
    assert "canary" not in said(found).lower()


def test_a_secret_in_the_file_is_in_no_message(tmp_path: Path) -> None:
    settings = f"token = '{CANARY}'\nauth = {{ user = 'u', password = '{CANARY}' }}"
    found = load_text(tmp_path, FILE.format(settings=settings))
    assert found.plan is not None
    assert CANARY not in said(found)


def test_a_plugin_that_raises_with_a_secret_does_not_tell_it(tmp_path: Path) -> None:
    found = load_text(tmp_path, FILE.format(settings='token = "leak"'))
    assert len(found.broken) == 1
    assert "RuntimeError: token ***" in found.broken[0]
    assert "leak" not in said(found)


def test_a_value_that_is_also_a_word_of_the_plugin_leaves_the_message_readable(
    tmp_path: Path,
) -> None:
    text = FILE.format(settings="").replace("a:1", "${VALUE:-address}")
    file = tmp_path / "penstock.toml"
    file.write_text(text)
    (error,) = load(str(file), environ={"VALUE": "labsink address"}).errors
    assert error.endswith("sinks.labsink.address: ${VALUE} has no port")


@pytest.mark.parametrize(
    "text", [f"token = '{CANARY}", f"token = {CANARY}", f"a = 1\na = '{CANARY}'", f"[a]\n'{CANARY}"]
)
def test_a_syntax_error_does_not_show_the_text(tmp_path: Path, text: str) -> None:
    found = load_text(tmp_path, text)
    assert found.errors
    assert "canary" not in said(found).lower()


def test_a_short_number_stays_in_addresses_unless_it_is_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(
        FILE.format(settings="ratio = '${N}'\nauth = { user = 'u', password = '${P}' }")
    )
    found = load(str(file), environ={"N": "1", "P": "77"})
    assert found.errors == ()
    assert found.scrub("127.0.0.1:80 said true, not 77") == "127.0.0.1:80 said true, not ***"
