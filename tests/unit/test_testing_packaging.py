"""The kit finds what is wrong with the distribution that brings a component."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path
from textwrap import dedent

import pytest

from penstock.api import Transform
from penstock.testing import TransformContract, distribution, wheel
from penstock.testing.obligation import ObligationError

NAME = "penstock-transform-kittest"
PACKAGE = "penstock_transform_kittest"
METADATA = f"""\
Metadata-Version: 2.4
Name: {NAME}
Version: 1.2
Summary: Changes nothing
License-Expression: MIT
Requires-Python: >=3.11
Requires-Dist: penstock<0.2,>=0.1
Requires-Dist: msgspec

# What it is
"""
MODULE = '''
"""Changes nothing."""

from penstock.api import Batch, Transform, hookimpl


class Kittest(Transform):
    """Changes nothing."""

    name = "kittest"
    requires_api = "1.0"

    def apply(self, batch: Batch) -> Batch:
        return batch


@hookimpl
def penstock_transforms() -> list[type[Transform]]:
    return [Kittest]
'''


class Package:
    """An installed distribution in a folder, sound until a test spoils it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata = METADATA
        self.point = "transform-kittest"
        self.files = {"__init__.py": MODULE, "py.typed": ""}
        self.link: Path | None = None

    def install(self) -> type[TransformContract]:
        """Write it all down, with its RECORD, and return the contract of its transform."""
        info = self.folder / f"{PACKAGE}-1.2.dist-info"
        told = {
            info / "METADATA": self.metadata,
            info / "entry_points.txt": f"[penstock]\n{self.point} = {PACKAGE}\n",
            **{self.folder / PACKAGE / name: text for name, text in self.files.items()},
        }
        if self.link:
            url = {"url": self.link.as_uri(), "dir_info": {"editable": True}}
            told[info / "direct_url.json"] = json.dumps(url)
        for path, text in told.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        lines = [self._line(path) for path in told]
        (info / "RECORD").write_text("\n".join([*lines, f"{info.name}/RECORD,,"]))
        invalidate_caches()
        module = import_module(PACKAGE)

        class Contract(TransformContract):
            def make_transform(self) -> Transform:
                made: Transform = module.Kittest(module.Kittest.Config())
                return made

        return Contract

    def fails(self, test: str) -> str:
        with pytest.raises(ObligationError) as caught:
            getattr(self.install()(), test)()
        assert caught.value.do
        return caught.value.seen

    def _line(self, path: Path) -> str:
        data = path.read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        return f"{path.relative_to(self.folder)},sha256={digest},{len(data)}"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    caches: list[Callable[[], None]] = [
        distribution.owners.cache_clear,
        distribution.needed.cache_clear,
        wheel.problems.cache_clear,
    ]
    for clear in caches:
        clear()
    yield Package(folder)
    for clear in caches:
        clear()
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


TESTS = (
    "test_entry_point",
    "test_metadata",
    "test_is_typed",
    "test_imports_only_what_it_declares",
    "test_imports_only_the_api",
    "test_wheel_is_whole",
)


def test_a_sound_distribution_passes(package: Package) -> None:
    contract = package.install()
    for test in TESTS:
        getattr(contract(), test)()


def test_an_entry_point_of_another_name(package: Package) -> None:
    package.point = "transform-kitest"
    seen = package.fails("test_entry_point")
    assert seen == "its entry points are transform-kitest"


def test_a_hook_that_returns_another_class(package: Package) -> None:
    other = "class Other(Kittest):\n    pass\n\n\n@hookimpl"
    text = package.files["__init__.py"].replace("@hookimpl", other)
    package.files["__init__.py"] = text.replace("[Kittest]", "[Other]")
    seen = package.fails("test_entry_point")
    assert seen == f"core loads {PACKAGE}.Other, which is not what is tested"


def test_a_module_that_does_not_load(package: Package) -> None:
    contract = package.install()
    package.install = lambda: contract  # type: ignore[method-assign]
    (package.folder / PACKAGE / "__init__.py").write_text("import no_such_module\n")
    del sys.modules[PACKAGE]
    assert "no_such_module" in package.fails("test_entry_point")


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("Summary: Changes nothing\n", "a description"),
        ("License-Expression: MIT\n", "a licence"),
        ("Requires-Python: >=3.11\n", "requires-python"),
        ("Requires-Dist: penstock<0.2,>=0.1\n", "a dependency on penstock with a range"),
        ("# What it is\n", "a README"),
        ("<0.2,", "an upper end of the range of penstock (>=0.1)"),
    ],
)
def test_metadata_that_says_too_little(package: Package, line: str, seen: str) -> None:
    package.metadata = METADATA.replace(line, "")
    assert seen in package.fails("test_metadata")


def test_a_package_without_types(package: Package) -> None:
    del package.files["py.typed"]
    assert package.fails("test_is_typed") == f"there is no {PACKAGE}/py.typed"


def test_imports_that_nobody_declares(package: Package) -> None:
    package.files["deep/__init__.py"] = ""
    package.files["deep/inner.py"] = """
        from typing import TYPE_CHECKING
        import msgspec, json
        try:
            import pluggy
        except ImportError:
            pluggy = None
        if TYPE_CHECKING:
            import yaml
        def late():
            import packaging.version
            import no_such_module
            from penstock.http import HttpClient
    """
    seen = package.fails("test_imports_only_what_it_declares")
    assert "packaging, which packaging brings (inner.py, line 11)" in seen
    assert "no_such_module, which is not installed (inner.py, line 12)" in seen
    assert "penstock.http, which needs penstock[http]" in seen
    assert all(word not in seen for word in ("msgspec", "json", "pluggy", "yaml"))


def test_imports_of_the_inside_of_core(package: Package) -> None:
    package.files["inside.py"] = "from penstock.bus.buffer import Buffer\nimport penstock.api\n"
    seen = package.fails("test_imports_only_the_api")
    assert seen == "it imports penstock.bus.buffer.Buffer (inside.py, line 1)"


def test_a_file_that_is_not_as_it_was_installed(package: Package) -> None:
    contract = package.install()
    (package.folder / PACKAGE / "py.typed").write_text("changed")
    with pytest.raises(ObligationError, match=r"py\.typed is changed"):
        contract().test_wheel_is_whole()


PROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{NAME}"
version = "1.2"
dependencies = ["penstock>=0.1,<0.2"]

[project.entry-points.penstock]
transform-kittest = "{PACKAGE}"

[tool.hatch.build.targets.wheel]
packages = ["src/{PACKAGE}"]
"""


def link(package: Package, tree: Path, project: str = PROJECT, *, typed: bool = True) -> None:
    """Have the distribution be installed editable from a checkout."""
    source = tree / "src" / PACKAGE
    source.mkdir(parents=True)
    (source / "__init__.py").write_text(package.files["__init__.py"])
    if typed:
        (source / "py.typed").touch()
    (tree / "pyproject.toml").write_text(project)
    package.link = tree


def test_a_checkouts_wheel_is_built_and_loaded(package: Package, tmp_path: Path) -> None:
    link(package, tmp_path / "tree")
    package.install()().test_wheel_is_whole()
    assert sorted(path.name for path in (tmp_path / "tree").iterdir()) == ["pyproject.toml", "src"]


def test_a_wheel_that_lacks_what_the_checkout_has(package: Package, tmp_path: Path) -> None:
    package.files["__init__.py"] += "\nfrom pathlib import Path\n"
    package.files["__init__.py"] += 'WORDS = (Path(__file__).parent / "words.txt").read_text()\n'
    package.files["words.txt"] = "some"
    project = PROJECT + '\n[tool.hatch.build]\nexclude = ["*.txt"]\n'
    link(package, tmp_path / "tree", project, typed=False)
    (tmp_path / "tree/src" / PACKAGE / "words.txt").write_text("some")
    seen = package.fails("test_wheel_is_whole")
    assert f"it has no {PACKAGE}/py.typed" in seen
    assert "words.txt" in seen


def test_a_wheel_that_needs_what_it_does_not_declare(package: Package, tmp_path: Path) -> None:
    package.files["__init__.py"] += '\n__import__("pytest")\n'
    link(package, tmp_path / "tree")
    seen = package.fails("test_wheel_is_whole")
    assert seen == "ModuleNotFoundError: it needs 'pytest' and does not declare it"


def test_a_wheel_that_does_not_build(package: Package, tmp_path: Path) -> None:
    link(package, tmp_path / "tree", PROJECT.replace('version = "1.2"', ""))
    assert "its wheel does not build" in package.fails("test_wheel_is_whole")


def test_a_backend_that_is_not_here_is_said(package: Package, tmp_path: Path) -> None:
    link(package, tmp_path / "tree", PROJECT.replace("hatchling.build", "no_backend.api"))
    with pytest.raises(pytest.skip.Exception, match=r"its build backend no_backend\.api is not"):
        package.install()().test_wheel_is_whole()


def test_what_is_not_installed_is_said() -> None:
    class Loose(Transform):
        name = "loose"

    class Contract(TransformContract):
        def make_transform(self) -> Transform:
            return Loose(Loose.Config())

    for test in TESTS:
        with pytest.raises(pytest.skip.Exception, match="not installed: no distribution"):
            getattr(Contract(), test)()
