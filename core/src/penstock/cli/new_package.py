"""The files of a new plugin's package, from the starter that comes with core."""

from __future__ import annotations

import builtins
import keyword
import re
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

_TOKEN = re.compile(r"\{\{([a-z]+)\}\}")
_USED = frozenset(
    "annotations asyncio contract datetime lines re replace reading time".split()  # noqa: SIM905
)
"""Names that the starter uses itself, besides those of ``penstock.api``."""


class Package:
    """A plugin's package: where each file goes, and what is in it."""

    def __init__(self, kind: str, name: str, licence: str) -> None:
        self.kind = kind
        self.distribution = f"penstock-{kind}-{name.replace('_', '-')}"
        module = name.replace("-", "_")
        self.package = f"penstock_{kind}_{module}"
        self._values = {
            "about": ABOUT[kind],
            "api": API_VERSION,
            "class": _free(_camel(name) + kind.title(), "Own"),
            "distribution": self.distribution,
            "function": _free(module, f"own_{kind}_"),
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
            f"tests/test_{self._values['function']}.py": self._text(self.kind, "test_component.py"),
        }

    def write(self, target: Path) -> None:
        """Write all files into a folder that is not there yet."""
        files = self.files()
        target.mkdir(parents=True)
        for path, text in files.items():
            file = target / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def _text(self, folder: str, name: str) -> str:
        template = resources.files("penstock").joinpath("starter", folder, f"{name}.txt")
        return _TOKEN.sub(self._value, template.read_text(encoding="utf-8"))

    def _value(self, token: re.Match[str]) -> str:
        if token[1] == "usage":
            return self._text(self.kind, "usage.md").strip("\n")
        return self._values[token[1]]


def _camel(name: str) -> str:
    return "".join(part.title() for part in re.split("[-_]", name))


def _free(name: str, prefix: str) -> str:
    """Return a name that stands for nothing else in the starter."""
    taken = keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _USED
    taken = taken or hasattr(builtins, name) or name in penstock.api.__all__
    return f"{prefix}{name}" if taken else name
