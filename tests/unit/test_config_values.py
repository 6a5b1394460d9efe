"""What ``${…}`` becomes, and which type it takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from penstock.config.load import Loaded, load

FILE = """
[sources.labsource]
path = "x"
[sinks.labsink]
{settings}
[pipelines.main]
sources = ["labsource"]
sinks = ["labsink"]
"""


pytestmark = pytest.mark.usefixtures("lab_site")


def loaded(folder: Path, settings: str, environ: Mapping[str, str] | None) -> Loaded:
    file = folder / "penstock.toml"
    file.write_text(FILE.format(settings=settings))
    return load(str(file), environ=environ)


def sink(folder: Path, settings: str, environ: Mapping[str, str] | None = None) -> Any:
    """Return the sink's config; the file must be right."""
    found = loaded(folder, settings, environ or {})
    assert found.errors == ()
    assert found.plan is not None
    return found.plan.sinks["labsink"].config


def sink_errors(folder: Path, settings: str, environ: Mapping[str, str] | None) -> list[str]:
    """Return the errors without the file's name."""
    found = loaded(folder, settings, environ)
    return [line.removeprefix(f"{folder}/penstock.toml:") for line in found.errors]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain:1", "plain:1"),
        ("${HOST}:1", "h.example:1"),
        ("${HOST}:${PORT}", "h.example:514"),
        ("${NONE:-other}:1", "other:1"),
        ("${EMPTY:-other}:1", "other:1"),
        ("${EMPTY}x:1", "x:1"),
        ("${NONE:-}x:1", "x:1"),
        ("${NONE:-${HOST}}:1", "h.example:1"),
        ("${NONE:-${NEITHER:-deep}}:1", "deep:1"),
        ("${NONE:-{a.b}}:1", "{a.b}:1"),
        ("${HOST:?needed}:1", "h.example:1"),
        ("$${HOST}:1", "${HOST}:1"),
        ("$$${HOST}:1", "$${HOST}:1"),
        ("$HOST $5 {HOST}:1", "$HOST $5 {HOST}:1"),
        ("${NESTED}:1", "${HOST}:1"),
    ],
)
def test_a_placeholder_becomes_text(tmp_path: Path, written: str, value: str) -> None:
    environ = {"HOST": "h.example", "PORT": "514", "EMPTY": "", "NESTED": "${HOST}"}
    assert sink(tmp_path, f"address = '{written}'", environ).address == value


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("resend", "4096", 4096),
        ("resend", "auto", "auto"),
        ("flag", "true", True),
        ("ratio", "0.25", 0.25),
        ("ratio", "1", 1.0),
        ("address", "5:5", "5:5"),
    ],
)
def test_a_whole_placeholder_takes_the_keys_type(
    tmp_path: Path, key: str, text: str, value: object
) -> None:
    address = "" if key == "address" else 'address = "a:1"\n'
    config = sink(tmp_path, f'{address}{key} = "${{VALUE}}"', {"VALUE": text})
    assert getattr(config, key) == value


def test_an_item_of_a_list_takes_the_items_type(tmp_path: Path) -> None:
    config = sink(tmp_path, 'address = "a:1"\nsizes = [1, "${TWO}"]', {"TWO": "2"})
    assert config.sizes == (1, 2)


def test_without_a_placeholder_a_string_is_no_number(tmp_path: Path) -> None:
    errors = sink_errors(tmp_path, 'address = "a:1"\nsizes = ["1", "${TWO}"]', {"TWO": "2"})
    assert errors == ["6: sinks.labsink.sizes[0]: expected an integer, got a string"]


def test_a_part_of_a_string_is_no_number(tmp_path: Path) -> None:
    errors = sink_errors(tmp_path, 'address = "a:1"\nresend = "${ONE}2"', {"ONE": "1"})
    assert len(errors) == 1
    assert 'an integer or "auto"' in errors[0]


def test_what_is_empty_is_absent(tmp_path: Path) -> None:
    settings = 'address = "a:1"\nresend = "${EMPTY}"\nsizes = [1, "${NONE:-}"]'
    config = sink(tmp_path, settings, {"EMPTY": ""})
    assert config.resend == "auto"
    assert config.sizes == (1,)


def test_a_required_key_says_that_its_placeholder_is_empty(tmp_path: Path) -> None:
    errors = sink_errors(tmp_path, 'address = "${EMPTY}"', {"EMPTY": ""})
    assert errors == ["5: sinks.labsink.address: required, but ${EMPTY} is empty: HOST:PORT."]


@pytest.mark.parametrize(
    "value",
    [
        'x"\n[sinks.evil]\ntype = "labsink"\naddress = "a:1',
        "'''",
        '"""',
        "a\n# ",
        "${HOST}",
        "[1, 2]",
        "{ a = 1 }",
    ],
)
def test_a_value_cannot_change_the_structure(tmp_path: Path, value: str) -> None:
    settings = 'address = "a:1"\napp = "x"\ntoken = "${VALUE}"\n'
    found = loaded(tmp_path, settings, {"VALUE": value})
    assert found.plan is not None
    assert list(found.plan.sinks) == ["labsink"]
    config: Any = found.plan.sinks["labsink"].config
    assert config.token.reveal() == value


def test_a_list_cannot_come_from_a_placeholder(tmp_path: Path) -> None:
    errors = sink_errors(tmp_path, 'address = "a:1"\nsizes = "${S}"', {"S": "[1, 2]"})
    assert len(errors) == 1
    assert "put it in brackets" in errors[0]


@pytest.mark.parametrize(
    ("content", "value"),
    [("abc", "abc"), ("abc\n", "abc"), ("abc\n\n", "abc\n"), ("abc\r\n", "abc"), (" a ", " a ")],
)
def test_a_file_gives_its_content(tmp_path: Path, content: str, value: str) -> None:
    (tmp_path / "secret.txt").write_bytes(content.encode())
    config = sink(tmp_path, 'address = "a:1"\ntoken = "${file:secret.txt}"')
    assert config.token.reveal() == value


def test_a_file_may_have_an_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "token"
    file.write_text("t")
    assert sink(tmp_path, f'address = "a:1"\ntoken = "${{file:{file}}}"').token.reveal() == "t"


def test_a_credential_comes_from_systemds_folder(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "api-token").write_text("t\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    config = sink(tmp_path, 'address = "a:1"\ntoken = "${credential:api-token}"', environ)
    assert config.token.reveal() == "t"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("${NONE}", "NONE is not set"),
        ("${NONE:?ask the admin}", "NONE is not set: ask the admin"),
        ("${EMPTY:?ask the admin}", "EMPTY is empty: ask the admin"),
        ("${open", "without its }"),
        ("${}", "not a placeholder"),
        ("${a b}", "not a placeholder"),
        ("${NAME-default}", "not a placeholder"),
        ("${1}", "not a placeholder"),
        ("${file:}", "names no file"),
        ("${file:none.txt}", "No such file"),
        ("${file:.}", "Is a directory"),
        ("${file:/dev/zero}", "larger than"),
        ("${file:latin}", "not UTF-8"),
        ("${credential:../x}", "credential's name"),
        ("${credential:none}", "cannot read"),
        ("${BYTES}", "not UTF-8"),
    ],
)
def test_a_bad_placeholder_is_named_with_its_line_and_key(
    tmp_path: Path, written: str, message: str
) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    settings = f"address = 'a:1'\ntoken = '{written}'"
    errors = sink_errors(tmp_path, settings, {"EMPTY": "", "BYTES": "\udce9"})
    assert len(errors) == 1
    assert errors[0].startswith("6: sinks.labsink.token: ")
    assert message in errors[0]


def test_without_the_environment_a_placeholder_fits_every_type(tmp_path: Path) -> None:
    settings = """
address = "${HOST}:${PORT}"
token = "${file:none.txt}"
resend = "${SIZE}"
flag = "${FLAG:?say}"
sizes = ["${ONE}", 2]
app = "${APP:-}"
auth = { user = "${credential:user}" }
"""
    found = loaded(tmp_path, settings, None)
    assert found.errors == ()
    assert found.plan is None


def test_without_the_environment_the_rest_is_checked_still(tmp_path: Path) -> None:
    settings = 'address = "${A}"\nsizes = ["${ONE}", "x"]\nfalg = 1\nratio = "${R:-much}"'
    keys = [line.split(": ")[1] for line in sink_errors(tmp_path, settings, None)]
    assert keys == ["sinks.labsink.sizes[1]", "sinks.labsink.falg", "sinks.labsink.ratio"]


def test_keys_and_table_names_are_taken_as_they_are(tmp_path: Path) -> None:
    errors = sink_errors(tmp_path, "address = 'a:1'\n'${HOST}' = 1", {"HOST": "flag"})
    assert len(errors) == 1
    assert 'sinks.labsink."${HOST}": unknown key' in errors[0]
