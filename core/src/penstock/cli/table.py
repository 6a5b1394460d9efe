"""Plain columns for terminals and pipes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from penstock.cli.folder import line

Cell = str | int


def print_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]], indent: str = "") -> None:
    """Print rows below their heads; numbers to the right, texts to the left."""
    texts = [[line(cell) if isinstance(cell, str) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    right = [bool(rows) and isinstance(cell, int) for cell in (rows[0] if rows else heads)]
    for cells in (heads, *texts):
        padded = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, right, strict=True)
        ]
        click.echo((indent + "  ".join(padded)).rstrip())


def shortened(text: str, width: int) -> str:
    """Cut a text to a width."""
    return text if len(text) <= width else text[: width - 1] + "…"


def size(count: int) -> str:
    """Write bytes as people read them."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """Write a length of time as people read it; unknown is a dash."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, _ = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count)
