"""Plugins of another API than ours: one clear line, wherever they are met."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tests.plugin_lab import distribute, distribute_lab, penstock

from penstock.api import API_VERSION
from penstock.plugins import Plugins
from penstock.plugins.versions import fits, is_version, is_within

CORE = version("penstock")
MAJOR, MINOR = map(int, API_VERSION.split("."))
NEWER, NEXT = f"{MAJOR}.{MINOR + 1}", f"{MAJOR + 1}.0"
HERE = f"and penstock {CORE} here has API {API_VERSION}"

SINK = """
from penstock.api import Sink, hookimpl
{imports}
class It(Sink):
    name = "{type}"
    {states}
    async def write(self, batches):
        return None
@hookimpl
def penstock_sinks():
    return [It]
"""


def sink(type_: str, states: str = "pass", imports: str = "") -> str:
    return SINK.format(type=type_, states=states, imports=imports)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    distribute_lab(folder)

    def add(type_: str, text: str, *requires: str) -> None:
        module, name = f"penstock_other_{type_}", f"penstock-sink-{type_}"
        distribute(folder, name, {f"sink-{type_}": module}, {module: text}, "2.5", requires)

    wants = "from penstock.api import TimeMachine"
    add("stated", sink("stated", f'requires_api = "{API_VERSION}"; stability = "stable"'))
    add("silent", sink("silent"))
    add("newer", sink("newer", f'requires_api = "{NEWER}"'))
    add("next", sink("next", f'requires_api = "{NEXT}"'))
    add("odd", sink("odd", "requires_api = 1.0"))
    add("vague", sink("vague", 'stability = "rock solid"'))
    add("wants", sink("wants", imports=wants), "msgspec>=0.19", "penstock[http]>=99,<100")
    add("wantsstated", sink("wantsstated", f'requires_api = "{NEWER}"', wants))
    add("wantsattribute", sink("wantsattribute", imports="import penstock.api as p; p.TimeMachine"))
    add("wantsmodule", sink("wantsmodule", imports="import penstock.http.time_machine"))
    add("ranged", sink("ranged"), "Penstock (>=99)")
    add("fitting", sink("fitting"), f"penstock>={CORE}", "penstock>=99; extra == 'x'")
    unhooked = "from penstock.api import hookimpl\n@hookimpl\ndef penstock_comands(): return []"
    for name, text in {
        "watcher": f'requires_api = "{API_VERSION}"\nstability = "beta"\n',
        "later": f'requires_api = "{NEXT}"\n',
        "unhooked": unhooked,
    }.items():
        module = f"penstock_extension_{name}"
        distribute(folder, f"ext-{name}", {f"extension-{name}": module}, {module: text})
    return folder


@pytest.fixture(scope="module")
def listed(site: Path) -> dict[str, dict[str, Any]]:
    result = penstock(site, "plugins", "--json")
    assert result.returncode == 0, result.stderr
    return {one["type"]: one for one in json.loads(result.stdout)}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("", True),
        (API_VERSION, True),
        (f"{MAJOR}.0", True),
        (NEWER, False),
        (NEXT, False),
        (f"{MAJOR - 1}.9", False),
    ],
)
def test_the_same_major_and_no_later_minor_fits(stated: str, expected: bool) -> None:
    assert is_version(stated)
    assert fits(stated) is expected


@pytest.mark.parametrize("stated", ["1", "1.0.0", "v1.0", "one", " 1.0", None, 1.0, True])
def test_what_is_no_version_is_told(stated: object) -> None:
    assert not is_version(stated)


@pytest.mark.parametrize(
    ("installed", "asked", "expected"),
    [
        ("0.1.0", ">=0.1,<0.2", True),
        ("0.2", ">=0.1,<0.2", False),
        ("0.2.0", "<=0.2", True),
        ("1.10", ">1.9", True),
        ("1.10", "<1.9", False),
        ("1.4.2", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("1.5", "~=1.4.2", False),
        ("1.4", "==1.4.0", True),
        ("1.4.7", "==1.4.*", True),
        ("1.4", "==1.4.0.*", True),
        ("1.5", "==1.4.*", False),
        ("1.4", "!=1.4.*,>1", False),
        ("1.4", "!=1.4", False),
        ("1.4", "", True),
        ("1.4", ">=1.4rc1", None),
        ("1.4.dev0", ">=1", None),
        ("1.4", "===1.4", None),
        ("1.4", ">=2,===1.4", False),
        ("1.4", "nonsense", None),
    ],
)
def test_a_range_is_compared_where_it_is_plain(
    installed: str, asked: str, expected: bool | None
) -> None:
    assert is_within(installed, asked) is expected


def test_ranges_are_compared_as_packaging_does() -> None:
    specifiers = pytest.importorskip("packaging.specifiers")
    versions = ["0", "0.1", "0.1.0", "0.2", "0.10.3", "1.0", "1.2.3", "2"]
    for operator in (">=", "<=", ">", "<", "==", "!=", "~="):
        for wanted in (*versions[1:], "1.*", "0.1.*"):
            if wanted.endswith("*") and operator not in ("==", "!="):
                continue
            if operator == "~=" and "." not in wanted:
                continue
            for installed in versions:
                expected = specifiers.SpecifierSet(operator + wanted).contains(installed)
                assert is_within(installed, operator + wanted) is expected, (installed, wanted)


def test_what_is_stated_is_listed(listed: dict[str, dict[str, Any]], site: Path) -> None:
    stated, silent = listed["stated"], listed["silent"]
    assert (stated["requires_api"], stated["stability"]) == (API_VERSION, "stable")
    assert (silent["requires_api"], silent["stability"]) == ("", "experimental")
    assert stated["api_range"] == f">={API_VERSION},<{MAJOR + 1}"
    assert (silent["api_range"], stated["core_api"]) == ("", API_VERSION)
    assert stated["location"] == str(site / "penstock_other_stated.py")
    assert not stated["editable"]
    assert listed["filter"]["editable"]
    assert "error" not in stated
    assert "error" not in silent


UPGRADE = "pip install --upgrade penstock penstock-sink-{}"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("newer", f"penstock-sink-newer 2.5 needs API {NEWER}, {HERE}"),
        ("next", f"penstock-sink-next 2.5 needs API {NEXT}, {HERE}"),
        (
            "wants",
            f"penstock-sink-wants 2.5 wants TimeMachine of penstock.api, {HERE}; "
            f"its metadata asks for penstock >=99,<100, and {CORE} is here",
        ),
        (
            "wantsstated",
            f"penstock-sink-wantsstated 2.5 needs API {NEWER} "
            f"(it wants TimeMachine of penstock.api), {HERE}",
        ),
        (
            "wantsattribute",
            f"penstock-sink-wantsattribute 2.5 wants TimeMachine of penstock.api, {HERE}",
        ),
        (
            "wantsmodule",
            f"penstock-sink-wantsmodule 2.5 wants penstock.http.time_machine, {HERE}",
        ),
    ],
)
def test_another_api_is_one_line_with_the_command_that_mends_it(
    listed: dict[str, dict[str, Any]], name: str, line: str
) -> None:
    assert listed[name]["error"] == line
    assert listed[name]["fix"] == UPGRADE.format(name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("odd", "its requires_api is 1.0: expected text such as '1.0'"),
        ("vague", "its stability is 'rock solid', which is none of experimental, beta, stable"),
    ],
)
def test_a_statement_that_says_nothing_is_a_defect(
    listed: dict[str, dict[str, Any]], name: str, words: str
) -> None:
    assert words in listed[name]["error"]
    assert f"pip uninstall penstock-sink-{name}" in listed[name]["fix"]


def test_another_range_is_a_warning(listed: dict[str, dict[str, Any]]) -> None:
    ranged = listed["ranged"]
    assert "error" not in ranged
    assert ranged["warning"] == f"its metadata asks for penstock >=99, and {CORE} is here"
    assert ranged["fix"] == UPGRADE.format("ranged")
    assert "warning" not in listed["fitting"]


def test_the_listing_for_people_says_the_same(site: Path) -> None:
    text = penstock(site, "plugins").stdout
    assert text.startswith(f"penstock {CORE}, API {API_VERSION}\n")
    assert f"\nsink stated  2.5  stable  API >={API_VERSION},<{MAJOR + 1}\n" in text
    assert "\nsink silent  2.5  experimental  API not stated\n" in text
    assert f"\n  broken: penstock-sink-newer 2.5 needs API {NEWER}, {HERE}\n" in text
    assert f"\n  mend it: {UPGRADE.format('newer')}\n" in text
    assert "\n  warning: its metadata asks for penstock >=99" in text
    assert f"\n  penstock-sink-stated at {site / 'penstock_other_stated.py'}\n" in text


@pytest.mark.parametrize(
    ("wanted", "types"),
    [
        (("sink", "newer"), {"newer"}),
        (("sink-newer",), {"newer"}),
        (("penstock-lab",), {"labsource", "labtransform", "labsink"}),
        (("extension",), {"watcher", "later", "unhooked"}),
    ],
)
def test_some_are_listed_alone(site: Path, wanted: tuple[str, ...], types: set[str]) -> None:
    found = json.loads(penstock(site, "plugins", *wanted, "--json").stdout)
    assert {one["type"] for one in found} == types


def test_nothing_of_that_name_is_said(site: Path) -> None:
    result = penstock(site, "plugins", "sink", "labsource")
    assert result.returncode == 1
    assert result.stderr.startswith("no installed plugin is sink labsource")


PIPELINE = """
[sources.labsource]
path = "x"
[sinks.labsink]
address = "a:1"
[sinks.other]
type = "{}"
[pipelines.main]
sources = ["labsource"]
sinks = ["labsink", "other"]
"""


def test_check_says_it_in_one_line(site: Path, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(PIPELINE.format("newer"))
    result = penstock(site, "check", cwd=tmp_path)
    assert result.returncode == 78
    first, second = result.stdout.splitlines()
    assert first == (
        "penstock.toml:7: sinks.other.type: the plugin sink-newer is broken: penstock-sink-newer "
        f"2.5 needs API {NEWER}, {HERE}: {UPGRADE.format('newer')}"
    )
    assert second == "penstock.toml: 1 error"


def test_run_does_without_it_and_says_it_in_one_line(site: Path, tmp_path: Path) -> None:
    """The lab's source ends at once, so the run does too."""
    (tmp_path / "penstock.toml").write_text(PIPELINE.format("wants"))
    result = penstock(site, "run", "--log-format", "human", cwd=tmp_path, PENSTOCK_STATE_DIR="")
    assert result.returncode == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if "TimeMachine" in line]
    assert len(said) == 1
    assert UPGRADE.format("wants") in said[0]
    assert "Traceback" not in result.stderr


def test_check_and_run_warn_of_another_range(site: Path, tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text(PIPELINE.format("ranged"))
    line = f"penstock-sink-ranged 2.5: its metadata asks for penstock >=99, and {CORE} is here"
    checked = penstock(site, "check", cwd=tmp_path)
    assert checked.returncode == 0
    assert f"sinks.other.type: warning: {line}: {UPGRADE.format('ranged')}" in checked.stdout
    ran = penstock(site, "run", cwd=tmp_path, PENSTOCK_STATE_DIR="")
    assert ran.returncode == 0
    assert line in ran.stderr


# --- extensions ----------------------------------------------------------------------------


def test_an_extension_is_listed_with_what_it_states(listed: dict[str, dict[str, Any]]) -> None:
    watcher = listed["watcher"]
    assert (watcher["kind"], watcher["distribution"]) == ("extension", "ext-watcher")
    assert (watcher["requires_api"], watcher["stability"]) == (API_VERSION, "beta")
    assert "settings" not in watcher
    assert listed["later"]["error"] == f"ext-later 1.0 needs API {NEXT}, {HERE}"
    assert listed["unhooked"]["error"] == "penstock_comands is no hook of Penstock"


@pytest.mark.parametrize(
    ("extension", "code", "words"),
    [
        ("watcher", 0, "ok"),
        ("later", 78, f"the plugin extension-later is broken: ext-later 1.0 needs API {NEXT}"),
        ("nobody", 78, "pip install penstock-extension-nobody"),
    ],
)
def test_a_file_names_its_extensions(
    site: Path, tmp_path: Path, extension: str, code: int, words: str
) -> None:
    text = PIPELINE.format("stated") + f'[penstock]\nextensions = ["{extension}"]\n'
    (tmp_path / "penstock.toml").write_text(text)
    result = penstock(site, "check", cwd=tmp_path)
    assert result.returncode == code, result.stdout
    assert words in result.stdout


# --- our own -------------------------------------------------------------------------------


def test_every_first_party_plugin_states_its_api_and_its_stability() -> None:
    silent = [
        f"{one.kind}-{one.type}"
        for one in Plugins().discover()
        if one.distribution.startswith("penstock-") and one.editable
        if one.component is not None
        if "requires_api" not in vars(one.component) or "stability" not in vars(one.component)
    ]
    assert silent == []
