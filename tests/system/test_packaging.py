"""Core and each plugin is a distribution of its own: builds, installs alone, is found."""

from __future__ import annotations

import json
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.conftest import Member
from tests.system.parts.wheels import EmptyEnvironment, build, repack, third_party

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="session")
def wheels(members: list[Member], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of the workspace, and of all that they depend on."""
    folder = tmp_path_factory.mktemp("wheels")
    for member in members:
        build(member.folder, folder)
    for name in third_party([member.distribution for member in members]):
        repack(name, folder)
    return folder


def wheel_of(member: Member, wheels: Path) -> zipfile.ZipFile:
    (path,) = wheels.glob(f"{member.distribution.replace('-', '_')}-[0-9]*.whl")
    return zipfile.ZipFile(path)


def metadata_of(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_a_wheel_holds_the_package_and_nothing_else(member: Member, wheels: Path) -> None:
    with wheel_of(member, wheels) as wheel:
        folders = {name.partition("/")[0] for name in wheel.namelist()}
        code = {folder for folder in folders if not folder.endswith(".dist-info")}
        assert code == ({member.package.name} if member.package else set())
        assert not [name for name in wheel.namelist() if "/tests/" in name]
        if member.package:
            assert f"{member.package.name}/py.typed" in wheel.namelist()


def test_a_wheel_says_licence_python_and_typing(member: Member, wheels: Path) -> None:
    with wheel_of(member, wheels) as wheel:
        metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Summary"]
    if member.package:
        assert "Typing :: Typed" in (metadata.get_all("Classifier") or [])


def test_core_alone_starts_and_finds_no_plugin(wheels: Path, tmp_path: Path) -> None:
    empty = EmptyEnvironment(tmp_path / "venv")
    empty.install("penstock", wheels)
    assert empty.plugins() == []
    assert "quickstart" in empty.penstock("--help").stdout


def test_a_plugin_alone_beside_core_is_found(plugin: Member, wheels: Path, tmp_path: Path) -> None:
    empty = EmptyEnvironment(tmp_path / "venv")
    empty.install(plugin.distribution, wheels)
    (found,) = empty.plugins()
    assert "error" not in found, found["error"]
    assert (found["kind"], found["type"]) == plugin.plugin
    assert found["distribution"] == plugin.distribution
    assert plugin.package is not None
    empty.import_all(plugin.package.name)


def test_penstock_all_brings_every_plugin(
    members: list[Member], wheels: Path, tmp_path: Path
) -> None:
    empty = EmptyEnvironment(tmp_path / "venv")
    empty.install("penstock-all", wheels)
    found = {one["distribution"] for one in empty.plugins() if "error" not in one}
    assert found == {member.distribution for member in members if member.plugin}
    verified = empty.penstock("plugins", "--verify", "--json")
    assert verified.returncode == 0, verified.stdout
    states = {one["distribution"]: one["state"] for one in json.loads(verified.stdout)}
    assert states == dict.fromkeys({*found, "penstock"}, "ok")
