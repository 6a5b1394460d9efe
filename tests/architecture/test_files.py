"""What every distribution has, and what no file may say."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import Member

# Spelled apart, so that this file does not say it either.
MACHINE_PATH = re.compile(r"(?<![\w.}$-])/(?:work|farm|root|home|Users)/(?=\w)")
INDEX_HOST = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "pypi." + "org",
            "pythonhosted." + "org",
            "registry." + "npmjs",
            "deb.debian." + "org",
            "/opt/" + "pypi",
        )
    )
)


def said(tracked: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Places in text files that match a pattern."""
    places = []
    for path in tracked:
        data = path.read_bytes()
        if b"\0" in data:
            continue
        lines = data.decode("utf-8", "replace").splitlines()
        places += [f"{path}:{i}: {line}" for i, line in enumerate(lines, 1) if pattern.search(line)]
    return places


def test_every_distribution_is_typed_and_described(member: Member) -> None:
    assert (member.folder / "pyproject.toml").exists()
    if member.package:
        assert (member.package / "py.typed").exists()
        assert (member.folder / "README.md").read_text().strip()


def test_a_plugin_is_named_after_its_kind_and_type(plugin: Member) -> None:
    assert plugin.plugin is not None
    kind, type_ = plugin.plugin
    assert plugin.folder.parts[-2:] == (f"{kind}s", type_)
    assert plugin.distribution == f"penstock-{kind}-{type_}"
    assert plugin.entry_points == {f"{kind}-{type_}": f"penstock_{kind}_{type_}"}


def test_every_plugin_has_tests(plugin: Member) -> None:
    assert list((plugin.folder / "tests").glob("test_*.py"))


def test_no_file_names_a_path_of_some_machine(tracked: list[Path]) -> None:
    assert said(tracked, MACHINE_PATH) == []


def test_no_file_names_a_package_index(tracked: list[Path]) -> None:
    assert said(tracked, INDEX_HOST) == []
