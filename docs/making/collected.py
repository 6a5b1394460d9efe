"""Pages of the site that are written, or made from what is, elsewhere in the repository."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/docker-socket-proxy/README.md": "operations/docker-socket-proxy.md",
}
"""Files, and the page that each becomes."""
FOLDERS = {"examples": "examples.md", "docs/decisions": "decisions/index.md"}
"""Folders that a page stands for."""


def sources(root: Path) -> dict[str, str]:
    """Return every file from outside docs/ and the page that it becomes."""
    found = {name: uri for name, uri in SOURCES.items() if (root / name).exists()}
    for readme in sorted(root.glob("plugins/*/*/README.md")):
        kind, type_ = readme.parts[-3:-1]
        found[str(readme.relative_to(root))] = f"plugins/{kind.removesuffix('s')}-{type_}.md"
    for readme in sorted(root.glob("examples/**/README.md")):
        if not any(part.startswith(".") for part in readme.relative_to(root).parts):
            name = "-".join(readme.parent.relative_to(root).parts)
            found[str(readme.relative_to(root))] = f"guides/{name}.md"
    return found


def pages(root: Path) -> dict[str, str]:
    """Make all of them."""
    made = {uri: (root / name).read_text() for name, uri in sources(root).items()}
    if "changelog.md" in made:
        made["changelog.md"] += _not_released(root)
    return {**made, "examples.md": _examples(root), "decisions/index.md": _decisions(root)}


def _not_released(root: Path) -> str:
    parts = ["\n## Not released yet"]
    for sort in ("added", "changed", "fixed", "removed"):
        texts = [path.read_text() for path in sorted((root / "changelog.d").glob(f"*.{sort}.md"))]
        parts += [f"### {sort.capitalize()}", *("* " + " ".join(t.split()) for t in texts)] * bool(
            texts
        )
    return "\n\n".join(parts) + "\n"


def _examples(root: Path) -> str:
    files = sorted((root / "examples").glob("*.toml"))
    blocks = (f"## {file.name}\n\n```toml\n{file.read_text().rstrip()}\n```\n" for file in files)
    about = "# Examples\n\nFiles of the folder `examples`; each passes `penstock check`.\n"
    return "\n".join((about, *blocks))


def _decisions(root: Path) -> str:
    rows = []
    for path in sorted((root / "docs/decisions").glob("[0-9]*.md")):
        title = re.sub(r"^# (\d+\. )?", "", path.read_text().partition("\n")[0])
        rows.append(f"* {path.name[:4]} [{title}]({path.name})")
    about = "What the next person would question: what was decided, what it was measured with, and "
    return f"# Decisions\n\n{about}what was rejected.\n\n" + "\n".join(rows) + "\n"
