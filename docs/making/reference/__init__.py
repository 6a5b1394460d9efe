"""Makes docs/reference from the code: settings, commands, metrics, outcomes and the contract."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "reference"
COMMAND = "make reference"


def pages() -> dict[str, str]:
    """Make every page: its path below docs/reference, and its text."""
    from docs.making.reference import commands, contract, editors, file, kit, metrics, outcomes
    from docs.making.reference import plugins as plugin_pages

    made = {
        **plugin_pages.pages(),
        "file.md": file.page(),
        "editors.md": editors.page(),
        "commands.md": commands.page(),
        "metrics.md": metrics.page(),
        "outcomes.md": outcomes.page(),
        "contract.md": contract.page("penstock.api"),
        "http.md": contract.page("penstock.http"),
        "testing.md": contract.page("penstock.testing"),
        "obligations.md": kit.page(),
    }
    return {name: _tidy(text) for name, text in sorted(made.items())}


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n"


def differences(folder: Path = FOLDER) -> list[str]:
    """Say which pages in the folder are missing, stale, or made from nothing any more."""
    made = pages()
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*.md")}
    found = [f"{name} is missing" for name in made if name not in there]
    found += [f"{name} is made from nothing any more" for name in there if name not in made]
    stale = [n for n, text in made.items() if n in there and there[n].read_text() != text]
    return sorted([*found, *(f"{name} is stale" for name in stale)])
