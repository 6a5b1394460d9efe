"""What was measured, against what is asked: ratios within a round, medians over the rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""What one program did in one round."""
Round = Mapping[str, Row]
"""The rows of all programs that ran one after the other."""
COLUMNS = {
    "wall_s": ("wall s", 2),
    "klines_s": ("klines/s", 0),
    "cpu_us_per_line": ("CPU µs/line", 2),
    "engine_cpu_us_per_line": ("engine µs/line", 2),
    "cpu_total_s": ("CPU s", 2),
    "max_rss_mb": ("max RSS MB", 0),
    "rss_mb": ("RSS MB", 1),
    "first_event_s": ("first event s", 2),
    "idle_cpu_percent": ("idle CPU %", 2),
    "foreign_cores": ("foreign cores", 2),
}


@dataclass(frozen=True)
class Target:
    """A number of one round that is to be at most (or at least) the limit."""

    name: str
    value: Callable[[Round], float]
    limit: float
    at_least: bool = False
    unit: str = ""

    def judge(self, rounds: Sequence[Round]) -> dict[str, Any]:
        """Every round's number, their median, and whether that meets the limit."""
        values = []
        for measured in rounds:
            with suppress(KeyError, ZeroDivisionError):
                values.append(self.value(measured))
        median = statistics.median(values) if values else None
        met = median is not None and (
            median >= self.limit if self.at_least else median <= self.limit
        )
        return {
            "name": self.name,
            "limit": self.limit,
            "at_least": self.at_least,
            "unit": self.unit,
            "values": values,
            "median": median,
            "met": met if values else None,
        }


def number(column: str, program: str) -> Callable[[Round], float]:
    """One program's number."""
    return lambda measured: float(measured[program][column])


def ratio(column: str, program: str, peer: str) -> Callable[[Round], float]:
    """One program's number over another's, of the same round."""
    return lambda measured: float(measured[program][column] / measured[peer][column])


def flaws(program: str, total: Callable[[Row], int]) -> Callable[[Round], float]:
    """Lines that are missing, came twice or came out of order."""

    def count(measured: Round) -> float:
        row = measured[program]
        missing = total(row) - row["distinct"]
        return float(abs(missing) + row["duplicates"] + row["out_of_sequence"])

    return count


def table(name: str, rounds: Sequence[Round], targets: Sequence[Mapping[str, Any]]) -> str:
    """A benchmark for the eye: medians of each program, then its targets."""
    lines = [f"\n{name}", *_grid(rounds), *map(_verdict, targets)]
    for index, measured in enumerate(rounds, 1):
        for program, row in measured.items():
            if error := row.get("error"):
                lines.append(f"  round {index}, {program} failed: {str(error).splitlines()[0]}")
    return "\n".join(lines)


def _grid(rounds: Sequence[Round]) -> list[str]:
    programs = list(dict.fromkeys(name for measured in rounds for name in measured))
    rows = {name: [measured[name] for measured in rounds if name in measured] for name in programs}
    every = [row for measured in rows.values() for row in measured]
    columns = [key for key in COLUMNS if any(key in row for row in every)]
    heads = [COLUMNS[key][0] for key in columns]
    grid = [["median (min-max)", *heads]]
    for name, measured in rows.items():
        grid.append([name, *(_cell(measured, key) for key in columns)])
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return ["  " + _line(cells, widths) for cells in grid]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])


def _cell(measured: Sequence[Row], key: str) -> str:
    values = [row[key] for row in measured if key in row]
    if not values:
        return "-"
    digits = COLUMNS[key][1]
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f} ({least:.{digits}f}-{most:.{digits}f})"


def _verdict(target: Mapping[str, Any]) -> str:
    bound = f"{'at least' if target['at_least'] else 'at most'} {target['limit']:g}{target['unit']}"
    if target["median"] is None:
        return f"  {target['name']:44} {bound:>18}   not measured"
    each = ", ".join(f"{value:.3g}" for value in target["values"])
    verdict = "met" if target["met"] else "NOT MET"
    return f"  {target['name']:44} {bound:>18}   {target['median']:.3g} ({each})   {verdict}"
