"""How plugins are found: by entry point, lazily, the first of a distribution counting."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.plugin_lab import LAB, distribute, distribute_lab

from penstock.api import PluginError
from penstock.plugins import Plugins, UnknownTypeError


def test_a_component_is_found_by_kind_and_type(lab_site: Path) -> None:
    plugins = Plugins()
    assert plugins.component("sink", "labsink").name == "labsink"
    assert plugins.component("sink", "labsink") is plugins.component("sink", "labsink")
    assert "labsource" in plugins.types("source")
    assert "labsource" not in plugins.types("sink")


def test_every_first_party_plugin_of_the_workspace_is_found() -> None:
    installed = {(one.kind, one.type) for one in Plugins().discover()}
    assert installed >= {("source", "demo"), ("sink", "console"), ("transform", "filter")}


@pytest.mark.parametrize(("kind", "type_"), [("sink", "labsource"), ("sink", "no"), ("x", "y")])
def test_an_unknown_type_says_how_to_get_it(lab_site: Path, kind: str, type_: str) -> None:
    with pytest.raises(UnknownTypeError, match=f"pip install penstock-{kind}-{type_}"):
        Plugins().component(kind, type_)


def test_a_copy_of_a_distribution_further_down_the_path_is_no_second_plugin(
    lab_site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribute_lab(tmp_path / "older")
    monkeypatch.syspath_prepend(tmp_path / "older")
    assert [one.error for one in Plugins().discover() if one.type == "labsink"] == [""]


def test_two_distributions_of_one_name_are_both_listed(lab_site: Path) -> None:
    distribute(
        lab_site, "penstock-rival", {"sink-labsink": "penstock_rival"}, {"penstock_rival": LAB}
    )
    plugins = Plugins()
    with pytest.raises(PluginError, match="penstock-lab and penstock-rival both bring"):
        plugins.component("sink", "labsink")
    rivals = [one for one in plugins.discover() if one.type == "labsink"]
    assert [one.distribution for one in rivals] == ["penstock-lab", "penstock-rival"]
    assert all("both bring sink-labsink" in one.error for one in rivals)


def test_a_broken_plugin_is_tried_once(lab_site: Path) -> None:
    text = "from pathlib import Path\nwith Path(__file__ + '.log').open('a') as f: f.write('x')\n"
    distribute(lab_site, "rotten", {"sink-rotten": "penstock_once"}, {"penstock_once": text})
    plugins = Plugins()
    for _ in range(3):
        with pytest.raises(PluginError):
            plugins.component("sink", "rotten")
    assert (lab_site / "penstock_once.py.log").read_text() == "x"


def test_an_extension_is_registered(lab_site: Path) -> None:
    text = "LOADED = True"
    distribute(
        lab_site, "extension", {"extension-top": "penstock_ext_top"}, {"penstock_ext_top": text}
    )
    plugins = Plugins()
    plugins.extension("top")
    with pytest.raises(UnknownTypeError):
        plugins.extension("tail")
    assert ("extension", "top") in {(one.kind, one.type) for one in plugins.discover()}
