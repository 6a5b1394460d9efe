"""``penstock plugins --verify``: what lies on the disk against what was installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.plugin_lab import LAB, distribute, distribute_lab, penstock


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    distribute_lab(folder)
    modules = {"penstock_box.__init__": LAB, "penstock_box.inner": "VALUE = 1\n"}
    distribute(folder, "penstock-sink-box", {"sink-labsink": "penstock_box"}, modules)
    return folder


def verify(site: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return penstock(site, "plugins", "--verify", *args)


def box(site: Path) -> dict[str, Any]:
    """What is said of the distribution whose modules are in a package."""
    result = verify(site, "--json")
    (found,) = (one for one in json.loads(result.stdout) if one["distribution"].endswith("box"))
    assert result.returncode == (1 if found["state"] == "changed" else 0), result.stderr
    verified: dict[str, Any] = found
    return verified


def test_what_was_installed_is_there(site: Path) -> None:
    found = box(site)
    assert (found["state"], found["version"], found["differences"]) == ("ok", "1.0", [])
    assert found["files"] == 5
    text = verify(site).stdout
    assert "penstock-sink-box 1.0  ok, 5 files\n" in text
    assert "penstock-lab 1.0  ok, 4 files\n" in text


def test_nothing_of_it_is_run(site: Path) -> None:
    (site / "penstock_box/__init__.py").write_text("raise SystemExit(99)")
    assert box(site)["state"] == "changed"


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("changed", "penstock_box/inner.py"),
        ("missing", "penstock_box/inner.py"),
        ("unexpected", "penstock_box/added.py"),
        ("unexpected", "penstock_box/deeper/added.py"),
        ("unexpected", "penstock_box/added.cpython-311-x86_64-linux-gnu.so"),
        ("unexpected", "penstock_box/added.pyc"),
    ],
)
def test_each_difference_is_named(site: Path, what: str, path: str) -> None:
    file = site / path
    if what == "missing":
        file.unlink()
    else:
        file.parent.mkdir(exist_ok=True)
        # Of the same length: the size alone tells nothing.
        text = file.read_text() if file.exists() else "VALUE = 1\n"
        file.write_text(text.swapcase())
    assert box(site)["differences"] == [{"what": what, "path": path}]


def test_what_is_said_to_people_names_what_mends_it(site: Path) -> None:
    (site / "penstock_box/inner.py").unlink()
    (site / "penstock_box/added.py").write_text("")
    result = verify(site, "sink", "labsink")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    start = lines.index("penstock-sink-box 1.0  2 of 5 files differ")
    assert lines[start + 1 : start + 5] == [
        "  missing: penstock_box/inner.py",
        "  not installed by it: penstock_box/added.py",
        "  mend it: pip install --force-reinstall --no-deps penstock-sink-box",
        "  mend it: see where it comes from, and delete it if it is not yours",
    ]


def test_a_package_in_front_of_it_is_named(site: Path, tmp_path: Path) -> None:
    front = tmp_path / "front"
    (front / "penstock_box").mkdir(parents=True)
    (front / "penstock_box/__init__.py").write_text(LAB)
    result = verify(Path(f"{front}{os.pathsep}{site}"), "sink-labsink", "--json")
    assert result.returncode == 1
    found = {one["distribution"]: one for one in json.loads(result.stdout)}
    assert found["penstock-sink-box"]["differences"] == [
        {"what": "elsewhere", "path": str(front / "penstock_box")}
    ]


def test_compiled_caches_are_nobodys(site: Path) -> None:
    (site / "penstock_box/__pycache__").mkdir()
    (site / "penstock_box/__pycache__/inner.cpython-311.pyc").write_bytes(b"")
    assert box(site)["state"] == "ok"


def test_a_package_may_be_shared(site: Path) -> None:
    distribute(site, "penstock-box-more", {}, {"penstock_box.more": "VALUE = 2\n"})
    assert box(site)["state"] == "ok"


@pytest.mark.parametrize(
    ("record", "reason"),
    [(None, "it has no RECORD"), ("a,sha256=\0", "its RECORD cannot be read")],
)
def test_without_a_record_nothing_can_be_said(site: Path, record: str | None, reason: str) -> None:
    file = site / "penstock_sink_box-1.0.dist-info/RECORD"
    file.unlink()
    if record is not None:
        file.write_bytes(b"\xff\xfe" + record.encode())
    found = box(site)
    assert found["state"] == "not verifiable"
    assert found["reason"].startswith(reason)


@pytest.mark.parametrize("line", ["penstock_box/inner.py,crc9=xx,", "penstock_box/inner.py,,many"])
def test_what_a_record_says_wrongly_differs(site: Path, line: str) -> None:
    file = site / "penstock_sink_box-1.0.dist-info/RECORD"
    lines = [one for one in file.read_text().splitlines() if "inner" not in one]
    file.write_text("\n".join([*lines, line]))
    assert box(site)["differences"] == [{"what": "changed", "path": "penstock_box/inner.py"}]


def test_what_is_linked_to_a_checkout_is_not_verifiable(site: Path) -> None:
    result = verify(site, "filter")
    assert result.returncode == 0
    assert result.stdout.splitlines()[1].endswith("  editable: not verifiable")
