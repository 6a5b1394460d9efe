"""Pages of the documentation as programs: their fenced blocks, and what is said to do with each.

docs/documentation.md tells the conventions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w+-]*)[^\n]*$")
_MARKER = re.compile(r"^<!-- (?P<name>[a-z ]+?): (?P<value>.+?) -->$")
_NAMED = re.compile(r"^# ([\w.-]+\.toml)$")
MARKERS = ("file", "append", "prepare", "exits", "until", "background", "not run")
"""The comments before a block that say what to do with it."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One fenced block; ``line`` is that of its fence, ``markers`` the comments right before it."""

    page: str
    line: int
    language: str
    text: str
    markers: dict[str, str]

    @property
    def place(self) -> str:
        """Where it is, for a report."""
        return f"{self.page}, line {self.line}"

    @property
    def file(self) -> str:
        """The file that it is to be written to, empty for none."""
        named = _NAMED.match(self.text.partition("\n")[0]) if self.language == "toml" else None
        return self.markers.get("file") or self.markers.get("append") or (named[1] if named else "")

    @property
    def not_run(self) -> str | None:
        """Why it is not run; None if it is."""
        return self.markers.get("not run")


class Step(msgspec.Struct, frozen=True):
    """A command of a ``console`` block, and the lines that it is shown to print."""

    command: str
    shown: str
    line: int


class Page(msgspec.Struct, frozen=True):
    """A document and its blocks, in order."""

    name: str
    blocks: list[Block]

    @classmethod
    def read(cls, path: Path, root: Path | None = None) -> Page:
        """Read a Markdown file; its name is relative to ``root``."""
        name = str(path.relative_to(root)) if root else path.name
        return cls(name, _blocks(name, path.read_text().splitlines()))


def _blocks(page: str, lines: list[str]) -> list[Block]:
    found: list[Block] = []
    markers: dict[str, str] = {}
    opening: re.Match[str] | None = None
    start, text = 0, ""
    for number, line in enumerate(lines, 1):
        if opening is not None:
            if line.strip() == opening["fence"]:
                found.append(_block(page, start, opening["language"], text, markers))
                opening, markers = None, {}
            else:
                text += line.removeprefix(opening["indent"]) + "\n"
        elif match := _FENCE.match(line):
            opening, start, text = match, number, ""
        else:
            markers = _marked(line, markers, f"{page}, line {number}")
    assert opening is None, f"{page}, line {start}: the block has no end"
    return found


def _block(page: str, line: int, language: str, text: str, markers: dict[str, str]) -> Block:
    return Block(page=page, line=line, language=language, text=text, markers=markers)


def _marked(line: str, markers: dict[str, str], place: str) -> dict[str, str]:
    """Return the markers with that of this line; any other line ends them."""
    marker = _MARKER.match(line.strip())
    if marker is None:
        return {}
    assert marker["name"] in MARKERS, f"{place}: no such marker: {marker['name']}"
    return {**markers, marker["name"]: marker["value"]}


def steps(block: Block) -> list[Step]:
    """Take a ``console`` block apart: ``$ `` begins a command, ``> `` continues it."""
    found: list[Step] = []
    continued = False
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Step(line[2:], "", number))
        elif found and (continued or line.startswith("> ")) and not found[-1].shown:
            more = line.removeprefix("> ")
            found[-1] = Step(f"{found[-1].command}\n{more}", "", found[-1].line)
        elif found:
            last = found[-1]
            found[-1] = Step(last.command, f"{last.shown}{line}\n", last.line)
        elif line.strip():
            raise AssertionError(f"{block.place}: a console block begins with a command: $ …")
        continued = bool(found) and not found[-1].shown and line.endswith("\\")
    return found


def matches(shown: str, printed: str) -> bool:
    """Say whether output is as shown: ``…`` is any text, alone on a line any number of lines.

    Between the columns of a table there may be more or fewer spaces than shown, for their width is
    that of what they hold just then: two spaces or more are like any other two or more.
    """
    patterns = [r"(?:.*\n)*" if line == "…" else _pattern(line) for line in _trimmed(shown)]
    return bool(re.fullmatch("".join(patterns), "".join(f"{x}\n" for x in _trimmed(printed))))


def _pattern(line: str) -> str:
    texts = (" {2,}".join(map(re.escape, re.split(" {2,}", text))) for text in line.split("…"))
    return ".*".join(texts) + r"\n"


def _trimmed(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def completed(text: str, tables: dict[str, Any]) -> str:
    """Complete a fragment of a configuration: a demo source, a console sink, a pipeline over all.

    A table that is an example of a source's settings needs a sink, and so on.
    """
    parts = [text]
    for group, name in (("sources", "demo"), ("sinks", "console")):
        if not tables.get(group):
            parts.append(f"[{group}.{name}]")
            tables = {**tables, group: {name: {}}}
    parts.append("[pipelines.all_of_the_fragment]")
    for group in ("sources", "transforms", "sinks"):
        names = ", ".join(f'"{name}"' for name in tables.get(group, {}))
        parts.append(f"{group} = [{names}]")
    return "\n".join(parts) + "\n"
