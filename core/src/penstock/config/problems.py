"""What is wrong with a configuration: collected first, then located and written out at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from msgspec import Struct

from penstock.config.words import Path, dotted


class Problem(Struct, frozen=True):
    """One thing that is wrong, and where."""

    path: Path
    message: str


class Problems:
    """Collects what is wrong.

    ``broken`` are components whose plugin does not work: an error for ``check``, while ``run``
    does without them.
    """

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self.broken: list[Problem] = []
        self.warnings: list[Problem] = []

    def error(self, path: Path, message: str) -> None:
        """Add what has to be changed before anything starts."""
        self.errors.append(Problem(path, message))

    def isolate(self, path: Path, message: str) -> None:
        """Add a component that its plugin keeps from running."""
        self.broken.append(Problem(path, message))

    def warn(self, path: Path, message: str) -> None:
        """Add what looks like a mistake but harms nothing."""
        self.warnings.append(Problem(path, "warning: " + message))

    def demote(self, other: Problems) -> None:
        """Take over another collection's errors as warnings."""
        for problem in (*other.errors, *other.broken):
            self.warn(problem.path, problem.message)
        self.warnings.extend(other.warnings)


def write_out(
    problems: list[Problem], file: str, lines: Mapping[Path, int], scrub: Callable[[str], str]
) -> tuple[str, ...]:
    """Write problems as ``file:line: table.key: message``, in the order of the file.

    Only messages are scrubbed: the rest is the file's own.
    """
    placed = [(_line(problem.path, lines), problem) for problem in problems]
    placed.sort(key=lambda pair: pair[0] or sys.maxsize)
    return tuple(_text(problem, line, file, scrub) for line, problem in placed)


def _line(path: Path, lines: Mapping[Path, int]) -> int:
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _text(problem: Problem, line: int, file: str, scrub: Callable[[str], str]) -> str:
    place = f"{file}:{line}" if file and line else file
    parts = (place, dotted(problem.path), " ".join(scrub(problem.message).split()))
    return ": ".join(part for part in parts if part)
