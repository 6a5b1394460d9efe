"""Draws docs/pictures: one picture for each concept, in one style, for light and dark pages."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "pictures"


def pictures() -> dict[str, str]:
    """Draw every picture: its file's name, and its SVG."""
    from docs.making.pictures import core, edges

    return {f"{one.name}.svg": one.svg() for one in (*core.drawn(), *edges.drawn())}
