"""The files of a new plugin's package, from the starter that comes with core."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import penstock.api
from penstock.api import API_VERSION

ABOUT = {
    "source": "Penstock source: reads the lines of a file that grows",
    "transform": "Penstock transform: masks what a pattern matches",
    "sink": "Penstock sink: appends events to a file, each as a line of JSON",
}

BESIDE = {
    "source": "penstock-sink-console",
    "transform": "penstock-source-demo penstock-sink-console",
    "sink": "penstock-source-demo",
}
"""What the example in the README needs, too."""

_TOKEN = re.compile(r"\{\{([a-z]+)\}\}")
_CODE = ("init.py", "test_contract.py", "test_component.py")


class Package:
    """A plugin's package: where each file goes, and what is in it."""

    def __init__(self, kind: str, name: str, licence: str) -> None:
        self.kind = kind
        self.distribution = f"penstock-{kind}-{name.replace('_', '-')}"
        module = name.replace("-", "_")
        self.package = f"penstock_{kind}_{module}"
        classname = f"{_camel(name)}{kind.title()}"
        used = self._used()
        self._test = "test_own_contract.py" if module == "contract" else f"test_{module}.py"
        self._values = {
            "about": ABOUT[kind],
            "api": API_VERSION,
            "beside": BESIDE[kind],
            "class": f"Own{classname}" if classname in used else classname,
            "distribution": self.distribution,
            "function": f"own_{module}" if module in used else module,
            "kind": kind,
            "license": licence,
            "package": self.package,
            "type": name,
        }

    def files(self) -> Mapping[str, str]:
        """Return the text of each file, by its path in the package's folder."""
        source = f"src/{self.package}"
        return {
            "pyproject.toml": self._text("common", "pyproject.toml"),
            "README.md": self._text("common", "README.md"),
            "CHANGELOG.md": self._text("common", "CHANGELOG.md"),
            ".gitignore": self._text("common", "gitignore"),
            ".github/workflows/ci.yml": self._text("common", "ci.yml"),
            f"{source}/__init__.py": self._text(self.kind, "init.py"),
            f"{source}/py.typed": "",
            "tests/test_contract.py": self._text(self.kind, "test_contract.py"),
            f"tests/{self._test}": self._text(self.kind, "test_component.py"),
        }

    def write(self, target: Path) -> None:
        """Write all files into a folder that is not there yet, or none."""
        files = self.files()
        target.mkdir(parents=True)
        try:
            for path, text in files.items():
                file = target / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise

    def _used(self) -> set[str]:
        """Return the names that stand for something already, in Python or in the starter."""
        codes = (_TOKEN.sub("_", self._template(self.kind, file)) for file in _CODE)
        used = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *penstock.api.__all__}
        return used.union(*map(_names, codes))

    def _text(self, folder: str, name: str) -> str:
        return _TOKEN.sub(self._value, self._template(folder, name))

    def _template(self, folder: str, name: str) -> str:
        template = resources.files("penstock").joinpath("starter", folder, f"{name}.txt")
        return template.read_text(encoding="utf-8")

    def _value(self, token: re.Match[str]) -> str:
        if token[1] == "usage":
            return self._text(self.kind, "usage.md").strip("\n")
        return self._values[token[1]]


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split("[-_]", name))


def _names(code: str) -> set[str]:
    """Return all names that code uses, but for fields of classes."""
    nodes = list(ast.walk(ast.parse(code)))
    fields = {node.target for node in nodes if isinstance(node, ast.AnnAssign)}
    names = {node.id for node in nodes if isinstance(node, ast.Name) and node not in fields}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {node.name for node in nodes if isinstance(node, ast.alias | ast.FunctionDef)}
    return names
