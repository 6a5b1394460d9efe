"""Plugins that are broken in every way: named with their reason, and nobody else is harmed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.plugin_lab import distribute, distribute_lab, penstock

SINK = """
from typing import Annotated
from msgspec import Meta, Struct
from penstock.api import Secret, Sink, Source, hookimpl
class It(Sink):
    name = "{type}"
    {body}
    async def write(self, batches):
        return None
@hookimpl
def penstock_sinks():
    return {result}
"""


def sink(type_: str, body: str = "pass", result: str = "[It]") -> str:
    return SINK.format(type=type_, body=body, result=result)


def config(fields: str, bases: str = "Sink.Config, frozen=True, kw_only=True") -> str:
    return f"class Config({bases}):\n        {fields}"


BROKEN = {
    "raises": ("import os\n\nraise RuntimeError('out of\\n luck')", "RuntimeError: out of luck"),
    "exits": ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "syntax": ("x = 1\ndef f(:\n", "SyntaxError"),
    "needs": ("import module_that_is_not_there", "No module named 'module_that_is_not_there'"),
    "hookless": ("x = 1", "does not implement penstock_sinks()"),
    "unmarked": ("def penstock_sinks(): return []", "penstock_sinks() with @hookimpl"),
    "misspelt": (
        "from penstock.api import hookimpl\n@hookimpl\ndef penstock_snks(): return []",
        "penstock_snks is no hook",
    ),
    "argued": (
        "from penstock.api import hookimpl\n@hookimpl\ndef penstock_sinks(plan): return []",
        "PluginValidationError",
    ),
    "hookraises": (sink("hookraises", result="1 / 0"), "ZeroDivisionError: division by zero"),
    "lists": (sink("lists", result="It"), "returned type, not a list"),
    "empty": (sink("empty", result="[]"), "promises the name 'empty'"),
    "instance": (sink("instance", result="[It(It.Config())]"), "which is no Sink class"),
    "kind": (sink("kind", result="[Source]"), "which is no Sink class"),
    "misnamed": (sink("another"), "promises the name 'misnamed', penstock_sinks() has 'another'"),
    "writeless": (sink("writeless").replace("def write", "def wirte"), "It has no write()"),
    "thawed": (sink("thawed", config("x: int = 1", "Struct, kw_only=True")), "does not subclass"),
    "lenient": (
        sink(
            "lenient",
            config("x: int = 1", "Sink.Config, frozen=True, forbid_unknown_fields=False"),
        ),
        "must be frozen and forbid unknown fields",
    ),
    "common": (sink("common", config("retry: int = 1")), "redefines the common key 'retry'"),
    "unnamed": (
        sink("unnamed", config("x: 'Nowhere' = 1")),
        "It.Config: NameError: name 'Nowhere'",
    ),
    "untyped": (sink("untyped", config("x: dict[str, int] | Struct | list[int] | set[int]")), ""),
    "opaque": (sink("opaque", config("x: object | Secret = Secret('')")), ""),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    distribute_lab(folder)
    for name, (text, _) in BROKEN.items():
        module = f"penstock_broken_{name}"
        distribute(folder, f"penstock-sink-{name}", {f"sink-{name}": module}, {module: text})
    distribute(folder, "gone", {"sink-gone": "penstock_broken_gone"}, {})
    distribute(folder, "odd", {"odd": "penstock_lab", "sink-": "penstock_lab"}, {})
    distribute(folder, "twin-a", {"sink-twin": "penstock_lab"}, {})
    distribute(folder, "twin-b", {"sink-twin": "penstock_lab"}, {})
    needs = "penstock_broken_needs"
    asks = ("msgspec", "Acme.Client[tls]>=2", "acme-extras; extra == 'more'")
    distribute(folder, "asking", {"sink-asking": needs}, {}, requires=asks)
    distribute(folder, "nowhere", {"sink-nowhere": ":"}, {})
    distribute(
        folder, "mine", {"sink-mine": "penstock_broken_mine"}, {"penstock_broken_mine": "x = 1"}
    )
    (folder / "mine-1.0.dist-info/direct_url.json").write_text('{"dir_info": {"editable": true}}')
    damaged = folder / "damaged-1.dist-info"
    damaged.mkdir()
    (damaged / "entry_points.txt").write_bytes(b"[penstock]\nsink-damaged penstock\n\xff\xfe")
    (folder / "nameless-1.dist-info").mkdir()
    (folder / "nameless-1.dist-info" / "entry_points.txt").write_text(
        "[penstock]\nsink-nameless = penstock_broken_gone\n"
    )
    return folder


@pytest.fixture(scope="module")
def listed(site: Path) -> dict[str, dict[str, Any]]:
    result = penstock(site, "plugins", "--json")
    assert result.returncode == 0, result.stderr
    return {one["type"]: one for one in json.loads(result.stdout) if one["kind"] != "source"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(
    listed: dict[str, dict[str, Any]], name: str
) -> None:
    error = listed[name]["error"]
    assert BROKEN[name][1] in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("raises", "penstock_broken_raises.py, line 3)"),
        ("syntax", "penstock_broken_syntax.py, line 2)"),
        ("needs", "penstock_broken_needs.py, line 1)"),
        ("hookraises", "penstock_broken_hookraises.py, line 12)"),
    ],
)
def test_the_reason_has_the_plugins_own_line(
    listed: dict[str, dict[str, Any]], name: str, place: str
) -> None:
    assert listed[name]["error"].endswith(place)
    assert listed[name]["error"].count(", line ") == 1


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("asking", "pip install asking (for Acme.Client)"),
        ("gone", "pip install --force-reinstall --no-deps gone"),
        (
            "needs",
            "pip install --upgrade penstock-sink-needs, "
            "or pip uninstall penstock-sink-needs and tell its authors",
        ),
        ("twin", "pip uninstall twin-a or pip uninstall twin-b"),
    ],
)
def test_what_mends_it_is_said(listed: dict[str, dict[str, Any]], name: str, fix: str) -> None:
    assert listed[name]["fix"] == fix


def test_its_author_is_not_told_to_tell_its_authors(
    listed: dict[str, dict[str, Any]], site: Path
) -> None:
    mine = listed["mine"]
    assert mine["editable"]
    place = site / "penstock_broken_mine.py"
    assert mine["fix"] == f"mend it in {place}, or pip uninstall mine"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "No module named 'penstock_broken_gone'"),
        ("nameless", "No module named 'penstock_broken_gone'"),
        ("odd", "its name is not <kind>-<type>"),
        ("twin", "twin-a and twin-b both bring sink-twin"),
        ("nowhere", "ValueError"),
    ],
)
def test_bad_metadata_is_listed_with_its_reason(
    listed: dict[str, dict[str, Any]], name: str, reason: str
) -> None:
    assert reason in listed[name]["error"]


def test_what_is_not_broken_is_listed_whole(listed: dict[str, dict[str, Any]]) -> None:
    lab = listed["labsink"]
    assert (lab["version"], lab["distribution"]) == ("1.0", "penstock-lab")
    assert "error" not in lab
    assert {one["name"] for one in lab["settings"]} >= {"address", "token"}
    assert "error" not in listed["filter"]


def test_the_listing_for_people_has_reasons_and_settings(site: Path) -> None:
    result = penstock(site, "plugins")
    assert result.returncode == 0
    assert "broken: RuntimeError: out of luck (" in result.stdout
    assert "HOST:PORT." in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_a_schema_is_made_of_the_rest(site: Path) -> None:
    result = penstock(site, "schema")
    assert result.returncode == 0
    definitions = json.loads(result.stdout)["$defs"]
    assert "sink-labsink" in definitions
    assert "sink-raises" not in definitions
    assert "left out: sink-raises: " in result.stderr


PIPELINE = """
[sources.labsource]
path = "x"
[sinks.{type}]
[pipelines.main]
sources = ["labsource"]
sinks = ["{type}"]
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [("raises", "is broken: RuntimeError: out of luck ("), ("twin", "twin-a and twin-b both")],
)
def test_check_refuses_a_pipeline_with_it(
    site: Path, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "penstock.toml").write_text(PIPELINE.format(type=name))
    result = penstock(site, "check", cwd=tmp_path)
    assert result.returncode == 78
    assert result.stdout.startswith(f"penstock.toml:4: sinks.{name}: ")
    assert words in result.stdout
    assert "Traceback" not in result.stderr


def test_run_has_nothing_left_to_run(site: Path, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(PIPELINE.format(type="raises"))
    result = penstock(site, "run", cwd=tmp_path)
    assert result.returncode == 78
    assert "out of luck" in result.stderr
    assert "nothing is left to run" in result.stderr


def test_run_does_without_it(site: Path, tmp_path: Path) -> None:
    """The lab's source ends at once, so the run does too."""
    text = PIPELINE.format(type="raises").replace('["raises"]', '["labsink", "raises"]')
    (tmp_path / "penstock.toml").write_text(text + '[sinks.labsink]\naddress = "a:1"\n')
    result = penstock(site, "run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "sinks.raises" in result.stderr
    assert "out of luck" in result.stderr


def test_only_what_a_pipeline_names_is_imported(site: Path, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(
        PIPELINE.format(type="labsink").replace("[sinks.labsink]", '[sinks.labsink]\naddress="a:1"')
        + "[sinks.console]\n[transforms.filter]\n"
    )
    code = (
        "import sys; from penstock.config.load import load_plan; load_plan('penstock.toml');"
        "print(*sorted(sys.modules))"
    )
    environ = {**os.environ, "PYTHONPATH": str(site)}
    output = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    assert "penstock_lab" in output
    assert [name for name in output if name.startswith(("penstock_sink", "penstock_tr"))] == []
    assert [name for name in output if name.startswith("penstock_broken")] == []
    assert {"aiohttp", "docker", "asyncio", "click"}.isdisjoint(output)
