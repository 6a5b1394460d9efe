"""What the containers print: numbered lines of one size."""

from __future__ import annotations

from pathlib import Path

LINE_BYTES = 120
FRAME_BYTES = 8 + 31 + LINE_BYTES
"""A line as Docker's API sends it: frame header, time stamp and a space, the line."""


def line(container: str, number: int) -> bytes:
    """One access-log line of 120 bytes, its end included, that can be told from all others."""
    text = (
        f"{container} SEQ={number:09} GET /api/v1/items/{number * 7919 % 100_000}"
        f"?page={number % 50} HTTP/1.1 200 curl/7.88.1 "
    )
    return text.encode().ljust(LINE_BYTES - 1, b".") + b"\n"


def write_lines(path: Path, container: str, count: int) -> Path:
    """Write a container's lines to a file that it can ``cat``."""
    with path.open("wb") as file:
        file.writelines(line(container, number) for number in range(count))
    return path
